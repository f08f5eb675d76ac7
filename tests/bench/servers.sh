# What the benches of tandem-ws share: a Redis of their own, and servers that
# speak the chat, over TCP on loopback.
#
#	servers_prepare
#	start_WHO [N]	one more of ours, node, floor or floor-join; its port
#			is in ports[N], its name with stack_* is server$N (0)
#	measure WHO OPERATION ARGUMENTS	one line of results, a fresh server
#
# Used with $here and $results set. Ours and Node's have the session check,
# the Redis adapter and the storing of messages on; the floor has nothing of
# it.

. "$here/../../etc/stack.sh"
ports=()

servers_prepare()
{
	ulimit -n "$(ulimit -Hn)"
	stack_make_run
	stack_data=
	stack_etc=$here/../../etc
	trap 'stack_stop; rm -rf "$stack_run"' EXIT
	trap 'exit 1' INT TERM HUP
	stack_start_redis
	secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
	stack_conf=$stack_run/bench.conf
	(umask 077 && sed "s|^secret = .*|secret = $secret|" \
	    "$stack_etc/tandem.conf" >"$stack_conf")
	# Node looks for packages from the script's own folder upwards.
	mkdir "$stack_run/peer"
	cp "$here/peer_chat.mjs" "$stack_run/peer/"
	ln -s "${TANDEM_INTEROP-/nowhere}/node_modules" \
	    "$stack_run/peer/node_modules"
}

start_ours()
{
	local n=${1:-0}

	ports[n]=$(stack_free_port)
	stack_spawn "server$n" "$TANDEM_BUILD/ws/tandem-ws" \
	    --config "$stack_conf" --worker "bench$n" \
	    -o "ws.listen=127.0.0.1:${ports[n]}" \
	    -o ws.control_dir= -o ws.max_per_address=0 \
	    -o "ws.client_dir=${TANDEM_CLIENT-}" -o log.level=warn \
	    -o "redis.path=$stack_run/redis.sock" "${server_options[@]}"
	stack_ready "server$n" listens "${ports[n]}"
}
server_options=()

start_node()
{
	local n=${1:-0}

	ports[n]=$(stack_free_port)
	stack_spawn "server$n" env NODE_ENV=production node \
	    "$stack_run/peer/peer_chat.mjs" "${ports[n]}" \
	    "$stack_run/redis.sock" "$secret"
	stack_ready "server$n" listens "${ports[n]}"
}

start_floor()
{
	local n=${1:-0}

	ports[n]=$(stack_free_port)
	stack_spawn "server$n" "$TANDEM_BUILD/tests/bench/floor_ws" \
	    --listen "127.0.0.1:${ports[n]}" "${@:2}"
	stack_ready "server$n" listens "${ports[n]}"
}

start_floor-join()
{
	start_floor "${1:-0}" --coalesce
}

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

end_servers()
{
	local name

	for name in "${!stack_pids[@]}"; do
		[[ $name != server* ]] || stack_end "$name" || true
	done
}

# load ARGUMENT...: against all the servers that run.
load()
{
	local pids=() to=() n

	for n in "${!ports[@]}"; do
		[ -n "${stack_pids[server$n]-}" ] || continue
		pids+=("${stack_pids[server$n]}")
		to+=(--server "127.0.0.1:${ports[n]}")
	done
	timeout "${load_seconds:-240}" "$TANDEM_BUILD/tests/bench/load" "$@" \
	    "${to[@]}" --pid "$(IFS=,; echo "${pids[*]}")" \
	    --redis "unix:$stack_run/redis.sock" --secret "$secret"
}

# A fresh server for each measure, so that none inherits another's memory.
measure()
{
	local who=$1 operation=$2 line

	shift 2
	"start_$who"
	# shellcheck disable=SC2068,SC2294  # the arguments are words
	line=$(load $@) || line="$line status=$?"
	echo "$who $operation $line" | tee -a "$results"
	end_servers
}

# How a crowd enters its room. The floor has no adapter to be asked, and tells
# nobody of those that enter.
join_of()
{
	case $1 in
	floor*) echo "--join event" ;;
	*) echo "--join request" ;;
	esac
}
