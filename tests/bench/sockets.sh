#!/bin/bash
#
# ./dev bench sockets: one of our workers, one Node process and a bare
# WebSocket server (the floor), in turn, over TCP on loopback. Ours and Node's
# have the session check, the Redis adapter and the storing of messages on;
# the floor has nothing of it, and comes twice: "floor" sends each delivery by
# itself, "floor-join" joins all that a client gets in a turn of its loop.
# Prints medians of server CPU per operation; Redis and the load generator are
# not counted.
#
# From the environment: ROUNDS (3), SECONDS_EACH (3), FANOUT (1000 sockets),
# WHO (ours node floor floor-join), ONLY (some of the operations), and what
# ./dev sets: TANDEM_BUILD, TANDEM_INTEROP, TANDEM_CLIENT.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../etc/stack.sh"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
fanout=${FANOUT:-1000}
columns=${WHO:-ours node floor floor-join}
results=$TANDEM_BUILD/bench-sockets.txt
plot=$TANDEM_BUILD/bench-sockets.svg

# Name, then the arguments of the load generator. An operation is a handshake
# up to CONNECT, a question with its acknowledgement, or one delivery.
measures()
{
	cat <<-END
	handshake handshake --clients 2000 --inflight 32
	ack-50 ack --clients 50 --seconds $seconds
	ack-paced ack --clients 1000 --rate 5000 --seconds $seconds
	fanout-1 fanout --clients $fanout --inflight 1 --seconds $seconds
	fanout-16 fanout --clients $fanout --inflight 16 --seconds $seconds
	idle idle --clients $fanout --seconds 1
	END
}

main()
{
	local round

	ulimit -n "$(ulimit -Hn)"
	stack_make_run
	stack_data=
	trap 'stack_stop; rm -rf "$stack_run"' EXIT
	trap 'exit 1' INT TERM HUP
	stack_start_redis
	secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
	port=$(stack_free_port)
	prepare_ours
	prepare_node
	: >"$results"
	for ((round = 1; round <= rounds; round++)); do
		echo "round $round of $rounds"
		one_round
	done
	summary
}

# Each of them on every operation before the next operation begins, so that
# what they are compared in was measured within seconds.
one_round()
{
	local name args who

	while read -r name args; do
		[[ " ${ONLY:-$name} " == *" $name "* ]] || continue
		for who in $columns; do
			measure "$who" "$name" "$args"
		done
	done < <(measures)
}

prepare_ours()
{
	stack_conf=$stack_run/bench.conf
	(umask 077 && sed "s|^secret = .*|secret = $secret|" \
	    "$here/../../etc/tandem.conf" >"$stack_conf")
}

# Node looks for packages from the script's own folder upwards.
prepare_node()
{
	mkdir "$stack_run/peer"
	cp "$here/peer_chat.mjs" "$stack_run/peer/"
	ln -s "$TANDEM_INTEROP/node_modules" "$stack_run/peer/node_modules"
}

start_ours()
{
	stack_spawn server "$TANDEM_BUILD/ws/tandem-ws" --config "$stack_conf" \
	    --worker bench -o "ws.listen=127.0.0.1:$port" \
	    -o "ws.client_dir=${TANDEM_CLIENT-}" \
	    -o "redis.path=$stack_run/redis.sock"
}

start_node()
{
	stack_spawn server env NODE_ENV=production node \
	    "$stack_run/peer/peer_chat.mjs" "$port" "$stack_run/redis.sock" \
	    "$secret"
}

start_floor()
{
	stack_spawn server "$TANDEM_BUILD/tests/bench/floor_ws" \
	    --listen "127.0.0.1:$port"
}

start_floor-join()
{
	stack_spawn server "$TANDEM_BUILD/tests/bench/floor_ws" \
	    --listen "127.0.0.1:$port" --coalesce
}

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# measure WHO NAME ARGUMENTS: a fresh server for each measure, so that none
# inherits another's memory.
measure()
{
	local line

	"start_$1"
	stack_ready server listens
	# shellcheck disable=SC2086  # the arguments are words
	line=$("$TANDEM_BUILD/tests/bench/load" $3 \
	    --server "127.0.0.1:$port" --pid "${stack_pids[server]}" \
	    --redis "unix:$stack_run/redis.sock" --secret "$secret") ||
	    line="$line status=$?"
	echo "$1 $2 $line" | tee -a "$results"
	stack_end server || true
}

# How often Node's cost ours is, and ours that of the floors.
summary()
{
	awk -v columns="$columns" \
	    -v ratios='node/ours ours/floor ours/floor-join' \
	    -f "$here/medians.awk" -f "$here/summary.awk" "$results"
	awk -v columns="$columns" \
	    -v title='tandem-ws beside Socket.IO on Node and a bare server' \
	    -f "$here/medians.awk" -f "$here/plot.awk" "$results" >"$plot"
	echo "results: $results; plot: $plot"
}

main
