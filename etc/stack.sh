# The whole stack, private to one folder: redis, tandem-fcgi, two tandem-ws
# workers and nginx. Sourced under bash by ./dev (the demo) and tests/lib.sh.
#
# The caller sets
#   stack_run      folder for sockets and logs (stack_make_run makes one)
#   stack_etc      the folder this file is in
#   stack_fcgi     the two programs
#   stack_ws
#   stack_conf     the tandem.conf of both
#   stack_data     folder of redis' data; empty: keep nothing
#   stack_port     nginx's port on 127.0.0.1; empty: any free one
#   stack_options  array of further "section.key=value" settings
#   WRAP           a command in front of both programs: "valgrind -q"
# and calls stack_start and stack_stop. Each process logs to RUN/NAME.log and
# has its process id in stack_pids[NAME].

declare -A stack_pids=()
stack_order=()			# names, in the order of their start

# A Unix socket's path ends at 107 bytes, so a long TMPDIR is not used.
stack_make_run()
{
	local under=${TMPDIR:-/tmp}

	((${#under} <= 60)) || under=/tmp
	stack_run=$(mktemp -d "$under/tandem.XXXXXX")
}

stack_start()
{
	stack_start_redis && stack_start_fcgi && stack_start_ws a &&
	    stack_start_ws b && stack_start_nginx
}

# In reverse. Fails if a process had to be killed or ended with an error.
stack_stop()
{
	local status=0 i

	for ((i = ${#stack_order[@]} - 1; i >= 0; i--)); do
		stack_end "${stack_order[i]}" || status=1
	done
	return $status
}

# ---- One process -------------------------------------------------------------

# spawn NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only
# the script, and told to stop by the kernel when the script is killed.
stack_spawn()
{
	local name=$1

	shift
	setsid setpriv --pdeathsig TERM "$@" \
	    </dev/null >>"$stack_run/$name.log" 2>&1 &
	stack_pids[$name]=$!
	stack_order+=("$name")
}

stack_is_alive()
{
	kill -0 "${stack_pids[$1]}" 2>/dev/null
}

# end NAME [SIGNAL]: signal it, give it ten seconds, then kill it.
stack_end()
{
	local name=$1 pid=${stack_pids[$1]-} kept=() each

	[ -n "$pid" ] || return 0
	unset "stack_pids[$name]"
	for each in "${stack_order[@]}"; do
		[ "$each" = "$name" ] || kept+=("$each")
	done
	stack_order=("${kept[@]}")

	kill -s "${2:-TERM}" "$pid" 2>/dev/null
	if ! wait_for "${STACK_STOP_SECONDS:-10}" stack_is_gone "$pid"; then
		echo "$name did not stop and was killed" >&2
		kill -KILL "$pid"
	fi
	wait "$pid"
}

stack_is_gone()
{
	! kill -0 "$1" 2>/dev/null
}

# ready NAME COMMAND...: wait until it succeeds, but not for a dead process.
stack_ready()
{
	local name=$1 end=$((SECONDS + ${STACK_START_SECONDS:-20}))

	shift
	until "$@" >/dev/null 2>&1; do
		if ! stack_is_alive "$name" || ((SECONDS >= end)); then
			echo "$name does not answer; the end of its log:" >&2
			tail -n 20 "$stack_run/$name.log" >&2
			return 1
		fi
		sleep 0.05
	done
}

# wait_for SECONDS COMMAND...: until it succeeds, or fail when time is up.
wait_for()
{
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# Does somebody accept connections on this Unix socket?
stack_accepts()
{
	perl -MIO::Socket::UNIX -e 'exit !IO::Socket::UNIX->new(shift)' "$1"
}

# http_status PATH: the status nginx answers with.
stack_http_status()
(
	exec 3<>"/dev/tcp/127.0.0.1/$stack_port"
	printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' \
	    "$1" "$stack_port" >&3
	read -r -t 5 _ status _ <&3
	echo "$status"
)

# answers PATH STATUS
stack_answers()
{
	[ "$(stack_http_status "$1")" = "$2" ]
}

# ---- Each of them ------------------------------------------------------------

# redis_program: Debian's redis-tools has the server too: redis-check-rdb is the
# same binary, which looks at the name it was started under.
stack_redis_program()
{
	command -v redis-server && return
	ln -sf "$(command -v redis-check-rdb)" "$stack_run/redis-server"
	echo "$stack_run/redis-server"
}

stack_start_redis()
{
	local keep=(--appendonly no --dir "$stack_run")

	[ -z "${stack_data-}" ] || keep=(--appendonly yes --dir "$stack_data")
	stack_write_acl
	stack_spawn redis "$(stack_redis_program)" --port 0 --save '' --daemonize no \
	    --unixsocket "$stack_run/redis.sock" --unixsocketperm 700 \
	    --aclfile "$stack_run/redis.acl" "${keep[@]}"
	stack_ready redis stack_redis_answers
}

# The programs have the smallest rights that the sample gives; whoever can
# open the socket otherwise, as redis-cli and Node's servers here, has all.
stack_redis_user=()

stack_write_acl()
{
	local password file=$stack_run/redis.password

	# a Redis that comes back is the one the programs know
	[ -e "$file" ] || (umask 077 && od -An -N16 -tx1 /dev/urandom |
	    tr -d ' ' >"$file")
	password=$(<"$file")
	(umask 077 && sed -e 's/^user default .*/user default on nopass ~* \&* +@all/' \
	    -e "s/>change-me/>$password/" \
	    "${stack_acl_sample-$stack_etc/redis/tandem.acl}" \
	    >"$stack_run/redis.acl")
	stack_redis_user=(redis.user=tandem "redis.password_file=$file")
}

stack_redis_answers()
{
	[ "$(redis-cli -s "$stack_run/redis.sock" ping 2>/dev/null)" = PONG ]
}

stack_start_fcgi()
{
	stack_spawn_tandem fcgi "$stack_fcgi"
	stack_ready fcgi stack_accepts "$stack_run/fcgi.sock"
}

# start_ws WORKER
stack_start_ws()
{
	stack_spawn_tandem "ws-$1" "$stack_ws" --worker "$1"
	stack_ready "ws-$1" stack_accepts "$stack_run/ws-$1.sock"
}

# spawn_tandem NAME PROGRAM ARGUMENT...: with the settings of this run.
stack_spawn_tandem()
{
	local name=$1 words=() setting

	shift
	for setting in "http.listen=unix:$stack_run/fcgi.sock" \
	    "ws.listen=unix:$stack_run/ws-%w.sock" \
	    "ws.control_dir=$stack_run/control" \
	    "redis.path=$stack_run/redis.sock" "${stack_redis_user[@]}" \
	    "${stack_options[@]}"; do
		words+=(-o "$setting")
	done
	# shellcheck disable=SC2086  # WRAP is words
	stack_spawn "$name" ${WRAP-} "$@" --config "$stack_conf" "${words[@]}"
}

stack_start_nginx()
{
	[ -n "${stack_port-}" ] || stack_port=$(stack_free_port)
	stack_write_nginx
	stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$stack_run" \
	    -c "$stack_run/nginx.conf"
	stack_front_ready nginx
}

# front_ready NAME: until each program answers through this web server. A sid
# that ends in .a is worker a's: "unknown session" must come from both.
stack_front_ready()
{
	local poll='/socket.io/?EIO=4&transport=polling&sid='

	stack_ready "$1" stack_answers / 200 &&
	    stack_ready ws-a stack_answers "${poll}x.a" 400 &&
	    stack_ready ws-b stack_answers "${poll}x.b" 400
}

# /usr/sbin is not on everybody's PATH.
stack_nginx_program()
{
	command -v nginx || echo /usr/sbin/nginx
}

stack_free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	    LocalAddr => "127.0.0.1", Listen => 1)->sockport'
}

# The site's own sample, inside a main file for a private nginx.
stack_write_nginx()
{
	mkdir -p "$stack_run/tmp"
	cp "$stack_etc/nginx/tandem_params" "$stack_run/"
	stack_fill "$stack_etc/nginx/tandem.conf.in" >"$stack_run/tandem.conf"
	stack_fill "$stack_etc/nginx/private.conf.in" >"$stack_run/nginx.conf"
}

# fill TEMPLATE: its @WORDS@ replaced.
stack_fill()
{
	local text user=

	# As root, nginx would drop to a user who cannot enter the folder.
	[ "$(id -u)" != 0 ] || user='user root root;'
	text=$(<"$1")
	text=${text//@USER@/"$user"}
	text=${text//@LISTEN@/"127.0.0.1:$stack_port"}
	printf '%s\n' "${text//@RUN@/"$stack_run"}"
}
