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
# From the environment: ROUNDS (3), SECONDS_EACH (2), FANOUT (1000 sockets),
# WHO (ours node floor floor-join), ONLY (some of the operations), and what
# ./dev sets: TANDEM_BUILD, TANDEM_INTEROP, TANDEM_CLIENT. The rooms of other
# sizes, which show how the cost grows, are measured in the first round alone.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
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
	END
	[ "$round" != 1 ] || cat <<-END
	fanout-100 fanout --clients 100 --inflight 1 --seconds $seconds
	fanout-10k fanout --clients 10000 --inflight 2 --seconds $seconds @JOIN@
	END
}

main()
{
	local round

	servers_prepare
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
			measure "$who" "$name" \
			    "${args/@JOIN@/$(join_of "$who")}"
		done
	done < <(measures)
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
