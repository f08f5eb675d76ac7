#!/bin/bash
# Connection state recovery across nodes: clients that lose their connection,
# or their node by kill -9, come back to another and miss nothing; or begin
# anew where they must. A Node server stands beside them.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli
need_interop
write_conf
window=4000
stack_options+=("ws.listen=127.0.0.1:%w" ws.recovery_window=${window}ms
    ws.recovery_events=5000 chat.lease=3s chat.grace=1s)

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# recovery FORM: four workers, whose ids are their ports; some are killed.
recovery()
{
	local port workers=()

	stack_options+=("cluster.adapter=$1")
	for _ in 1 2 3 4; do
		port=$(stack_free_port)
		stack_spawn_tandem "ws-$port" "$stack_ws" --worker "$port"
		stack_ready "ws-$port" listens "$port" || exit 1
		workers+=("$port:${stack_pids[ws-$port]}")
	done
	diag "$1"
	interop_tests recovery_cluster.mjs "$1" "$stack_run/redis.sock" \
	    "$secret" "$window" "${workers[@]}"
	for port in "${workers[@]%:*}"; do
		case $port in
		"${workers[0]%:*}" | "${workers[1]%:*}")
			stack_end "ws-$port" KILL 2>/dev/null ;;
		*)
			ok "$1: a worker stops when asked" \
			    stack_end "ws-$port" ;;
		esac
	done
}

stack_start_redis || exit 1
recovery pubsub
recovery sharded
like "$(redis --no-raw keys 'tandem:{socket.io#/packtchat#}:session:*' | wc -l)" \
    '^[01]$' "no session outlives its window" ||
    redis keys '*' | sed 's/^/# /'
ok "everything stops when asked, without an error" stack_stop
done_testing
