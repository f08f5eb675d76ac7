#!/bin/bash
# Sockets that somebody else made: systemd, by LISTEN_FDS, and spawn-fcgi and
# mod_fcgid, as descriptor 0; and what systemd is told. The units are read by
# systemd itself where it is installed.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli perl
write_conf
# Whoever did not take what was handed over would be found here.
stack_options+=("http.listen=unix:$stack_run/own-fcgi.sock"
    "ws.listen=unix:$stack_run/own-%w.sock")

# hand_over.pl PATH DESCRIPTOR COMMAND...: listens for the command.
cat >"$tmp/hand_over.pl" <<'END'
use Socket;
use POSIX;
$^F = 255;	# descriptors outlive exec
my ($path, $fd, @command) = @ARGV;
unlink $path;
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die $!;
bind($s, pack_sockaddr_un($path)) or die $!;
listen($s, 64) or die $!;
if (fileno($s) != $fd) {
	POSIX::dup2(fileno($s), $fd) // die $!;
	close $s;
}
($ENV{LISTEN_FDS}, $ENV{LISTEN_PID}) = (1, $$) if $fd == 3;
exec @command or die $!;
END

# What is said to NOTIFY_SOCKET, a line each.
cat >"$tmp/hear.pl" <<'END'
use Socket;
$| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, pack_sockaddr_un($ARGV[0])) or die $!;
while (defined recv($s, my $said, 4096, 0)) {
	$said =~ s/\n.*//s;
	print "$said\n";
}
END

# hear NAME: told from here on stands in heard NAME.
hear()
{
	stack_spawn "hear-$1" perl "$tmp/hear.pl" "$stack_run/$1.notify"
	wait_for 5 test -S "$stack_run/$1.notify"
}

heard()
{
	tr '\n' ' ' <"$stack_run/hear-$1.log"
}

has_heard()
{
	[ "$(heard "$1")" = "$2" ]
}

# start NAME SOCKET DESCRIPTOR COMMAND...
start()
{
	local name=$1 socket=$stack_run/$2 fd=$3

	shift 3
	NOTIFY_SOCKET=$stack_run/$name.notify \
	    stack_spawn_tandem "$name" perl "$tmp/hand_over.pl" "$socket" \
	    "$fd" "$@" &&
	    stack_ready "$name" stack_accepts "$socket"
}

hear fcgi && hear ws-a && hear ws-b && stack_start_redis &&
    start fcgi fcgi.sock 3 "$stack_fcgi" -o http.workers=2 &&
    start ws-a ws-a.sock 3 "$stack_ws" --worker a &&
    start ws-b ws-b.sock 3 "$stack_ws" --worker b &&
    stack_start_nginx || exit 1
pass "both programs answer on the sockets of LISTEN_FDS"
is "$(cd "$stack_run" && echo own-*)" "own-*" "and make none of their own"

for name in fcgi ws-a; do
	ok "$name says that it is ready" wait_for 5 has_heard $name "READY=1 "
	kill -HUP "${stack_pids[$name]}"
	ok "$name says that it reads its log's name again, and is ready" \
	    wait_for 5 has_heard $name "READY=1 RELOADING=1 READY=1 "
done

ok "a worker ends when it is told" stack_end ws-a
like "$(heard ws-a)" 'STOPPING=1 $' "and has said so"
ok "and leaves the socket to who made it" test -S "$stack_run/ws-a.sock"
ok "the site ends when it is told" stack_end fcgi
ok "and leaves its socket too" test -S "$stack_run/fcgi.sock"

ok "the site starts on descriptor 0" start fcgi fcgi.sock 0 "$stack_fcgi" \
    -o http.workers=1
ok "and answers there" wait_for 5 stack_answers / 200
is "$(cd "$stack_run" && echo own-*)" "own-*" "again without a socket of its own"

# The units as "make install" fills them in, but for where the programs are.
mkdir "$tmp/units"
for unit in "$srcdir"/etc/systemd/*.in; do
	name=$(basename "$unit" .in)
	sed -e "s|@sbindir@/tandem-fcgi|$stack_fcgi|" \
	    -e "s|@sbindir@/tandem-ws|$stack_ws|" \
	    -e 's|@RUN@|/run/tandem|' -e 's|@sysconfdir@|/etc|' \
	    "$unit" >"$tmp/units/$name"
done
if command -v systemd-analyze >/dev/null; then
	said=$(systemd-analyze verify --man=no "$tmp"/units/tandem-fcgi.* \
	    "$tmp/units/tandem-ws@a.service" \
	    "$tmp/units/tandem-ws@a.socket" 2>&1)
	is "$? $said" "0 " "systemd takes the units"
else
	skip "systemd takes the units" "systemd-analyze is not installed"
fi
done_testing
