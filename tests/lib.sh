# What every tests/sys/*.sh begins with:
#
#   . "${srcdir:-.}/tests/lib.sh"
#   need nginx redis-cli
#   stack_start || exit 1
#   is "$(http_status /)" 200 "the front page answers"
#   done_testing
#
# It speaks TAP, gives each test a folder of its own, and cleans up on any
# exit. The stack_* functions and wait_for are in etc/stack.sh.
#
# From the environment
#   srcdir, TANDEM_BUILD   the source and the build tree
#   TANDEM_INTEROP         folder with tests/interop and its node_modules
#   TANDEM_CLIENT          folder with the browser client
#   TANDEM_TEST_ALL        1: what is missing fails a test instead of skipping it
#   TANDEM_SYS             no: skip all of them
#   TANDEM_SANITIZED       yes: the programs are built with the sanitizers
#   WRAP                   a command in front of tandem-fcgi and tandem-ws

srcdir=$(cd "${srcdir:-.}" && pwd)
TANDEM_BUILD=$(cd "${TANDEM_BUILD:-.}" && pwd)
test_name=$(basename "$0" .sh)

. "$srcdir/etc/stack.sh"

# ---- TAP ---------------------------------------------------------------------

tap_count=0
tap_planned=
tap_failed=0

# plan N: when the number is known; else done_testing at the end.
plan()
{
	tap_planned=$1
	echo "1..$1"
}

done_testing()
{
	[ -n "$tap_planned" ] || plan "$tap_count"
}

# pass NAME, fail NAME
pass()
{
	echo "ok $((++tap_count)) - $1"
}

fail()
{
	tap_failed=$((tap_failed + 1))
	echo "not ok $((++tap_count)) - $1"
}

# ok NAME COMMAND...: passes if the command succeeds, not_ok if it fails.
ok()
{
	local name=$1

	shift
	if "$@" >"$tmp/ok.out" 2>&1; then
		pass "$name"
	else
		fail "$name"
		diag "failed: $*"
		diag "$(head -n 20 "$tmp/ok.out")"
	fi
}

not_ok()
{
	local name=$1

	shift
	if "$@" >"$tmp/ok.out" 2>&1; then
		fail "$name"
		diag "succeeded: $*"
		diag "$(head -n 20 "$tmp/ok.out")"
	else
		pass "$name"
	fi
}

# is GOT WANTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		diag "got    $1"
		diag "wanted $2"
	fi
}

# like GOT PATTERN NAME: an extended regular expression.
like()
{
	if [[ $1 =~ $2 ]]; then
		pass "$3"
	else
		fail "$3"
		diag "got    $1"
		diag "wanted /$2/"
	fi
}

# skip NAME WHY: one test.
skip()
{
	echo "ok $((++tap_count)) - $1 # SKIP $2"
}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

bail_out()
{
	echo "Bail out! $1"
	exit 1
}

diag()
{
	printf '%s\n' "$1" | sed 's/^/# /'
}

# ---- What a test needs -------------------------------------------------------

# need COMMAND...
need()
{
	local command

	for command; do
		PATH=$PATH:/usr/sbin command -v "$command" >/dev/null ||
		    lacking "$command is not installed"
	done
}

# Node with the official packages, for interop_tests.
need_interop()
{
	need node
	[ -d "${TANDEM_INTEROP-}/node_modules" ] ||
	    lacking "the npm packages are not installed (./dev test does it)"
}

# interop_tests SCRIPT.mjs ARGUMENT...: each "ok NAME" or "not ok NAME" it
# prints (tests/interop/tap.mjs) is a test.
interop_tests()
{
	client_tests "$1" node "$TANDEM_INTEROP/$1" "${@:2}"
}

# interop_at_once ARGUMENT SCRIPT.mjs...: several of them side by side, for
# those that wait more than they work.
interop_at_once()
{
	local argument=$1 script fd fds=()

	shift
	for script; do
		exec {fd}< <(client_lines node "$TANDEM_INTEROP/$script" \
		    "$argument")
		fds+=("$fd")
	done
	for script; do
		client_results "$script" <&"${fds[0]}"
		exec {fds[0]}<&-
		fds=("${fds[@]:1}")
	done
}

# client_tests NAME COMMAND...: the same of any command; that it tried
# something, and came to its end, is one more.
client_tests()
{
	client_results "$1" < <(client_lines "${@:2}")
}

# client_lines COMMAND...: what it prints, and its status as a last line.
client_lines()
{
	timeout -k 5 "${INTEROP_SECONDS:-120}" "$@" 2>&1
	echo "status $?"
}

# client_results NAME: what such lines, on standard input, come to.
client_results()
{
	local line status=missing before=$tap_count

	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok }" ;;
		'not ok '*) fail "${line#not ok }" ;;
		'status '*) status=${line#status } ;;
		*) diag "$line" ;;
		esac
	done
	[ "$tap_count" != "$before" ] || status="0, but tried nothing"
	is "$status" 0 "$1 comes to its end"
}

lacking()
{
	[ "${TANDEM_TEST_ALL-}" != 1 ] || bail_out "$1"
	skip_all "$1"
}

# Run both programs under valgrind. A leak or an error makes stack_stop fail.
use_valgrind()
{
	need valgrind
	WRAP="valgrind -q --leak-check=full --show-leak-kinds=definite,indirect"
	WRAP+=" --errors-for-leak-kinds=definite,indirect --error-exitcode=99"
	STACK_START_SECONDS=60
	STACK_STOP_SECONDS=60
}

# ---- The stack of this test --------------------------------------------------

# write_conf: a tandem.conf with a fresh secret, from the sample.
write_conf()
{
	secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
	stack_conf=$tmp/tandem.test.conf
	(umask 077 && sed "s|^secret = .*|secret = $secret|" \
	    "$srcdir/etc/tandem.conf" >"$stack_conf")
}

# write_session: somebody has logged in; $cookie is theirs, of $session.
write_session()
{
	session=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	redis set "sess:$session" '{"cookie":{"originalMaxAge":null,"expires":null,
	    "httpOnly":true,"path":"/"},"isAuthenticated":true,"user":{
	    "id":"w1","displayName":"W","provider":"local"}}' >"$tmp/set"
	cookie=$(perl -MDigest::SHA=hmac_sha256_base64 -e '
		my $mac = hmac_sha256_base64($ARGV[0], $ARGV[1]);
		$mac =~ s/([^A-Za-z0-9])/sprintf "%%%02X", ord $1/ge;
		print "connect.sid=s%3A$ARGV[0].$mac"' "$session" "$secret")
}

# start_site: examples/site behind nginx, its files in $tmp/files.
start_site()
{
	local site=$TANDEM_BUILD/examples/site

	[ -x "$site" ] || lacking "examples/site is not built"
	mkdir "$tmp/files"
	# shellcheck disable=SC2086  # WRAP is words
	stack_spawn site ${WRAP-} "$site" "unix:$stack_run/fcgi.sock" \
	    "$tmp/files"
	stack_ready site stack_accepts "$stack_run/fcgi.sock" || exit 1
	stack_port=$(stack_free_port)
	stack_write_nginx
	stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" \
	    -c "$tmp/nginx.conf"
	stack_ready nginx stack_answers / 404 || exit 1
}

# redis ARGUMENT...: ask the test's own redis.
redis()
{
	redis-cli -s "$stack_run/redis.sock" "$@"
}

# ctl ARGUMENT...: tandemctl for the workers of this test.
ctl()
{
	"$stack_ctl" --dir "$stack_run/control" "$@"
}

http_status()
{
	stack_http_status "$@"
}

url()
{
	echo "http://127.0.0.1:$stack_port${1-}"
}

# Logs of a test that failed are kept beside its own log.
clean_up()
{
	local status=$? kept=$TANDEM_BUILD/tests/sys/$test_name.logs

	trap - EXIT INT TERM HUP
	stack_stop >/dev/null 2>&1
	if [ $status != 0 ] || [ $tap_failed != 0 ]; then
		mkdir -p "$kept" && cp "$tmp"/*.log "$kept/" 2>/dev/null
		diag "logs of the programs: $kept"
	fi
	rm -rf "$tmp"
	exit $status
}

[ "${TANDEM_SYS-}" != no ] || skip_all "TANDEM_SYS=no"

stack_make_run
tmp=$stack_run
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
rm -rf "$TANDEM_BUILD/tests/sys/$test_name.logs"

stack_etc=$srcdir/etc
stack_fcgi=$TANDEM_BUILD/fcgi/tandem-fcgi
stack_ws=$TANDEM_BUILD/ws/tandem-ws
stack_ctl=$TANDEM_BUILD/ws/tandemctl
stack_data=
stack_port=
stack_options=(
	"http.views=$srcdir/fcgi/views"
	"http.public=$srcdir/fcgi/public"
	"ws.client_dir=${TANDEM_CLIENT-}"
)
