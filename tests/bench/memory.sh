#!/bin/bash
#
# ./dev bench memory: resident bytes of the server for each idle socket that
# has logged in and is in a room, and the CPU that all of them cost while they
# are silent (their heartbeat, the reading again of their sessions, and what
# the chat tells Redis of who is there).
#
#	room	CHATTERS sockets enter a room of the chat, each as somebody of
#		whom the others are told
#	idle	CROWD sockets are put into a room by a request to the adapter,
#		as Socket.IO's socketsJoin does; so many entering by themselves
#		would each be told to all the others
#
# The memory of the server before its first client is not counted. The kernel
# keeps buffers of its own for each, which are in nobody's resident set.
#
# From the environment: ROUNDS (1), SECONDS_EACH (10), CHATTERS (1000), CROWD
# (10000), WHO (ours node floor).

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"

rounds=${ROUNDS:-1}
seconds=${SECONDS_EACH:-10}
columns=${WHO:-ours node floor}
results=$TANDEM_BUILD/bench-memory.txt
plot=$TANDEM_BUILD/bench-memory.svg

main()
{
	local round who

	servers_prepare
	: >"$results"
	for ((round = 1; round <= rounds; round++)); do
		for who in $columns; do
			measure "$who" room "idle --clients ${CHATTERS:-1000} \
			    --seconds $seconds"
		done
		for who in $columns; do
			measure "$who" idle "idle --clients ${CROWD:-10000} \
			    --seconds $seconds $(join_of "$who")"
		done
	done
	awk -v columns="$columns" -v ratios='node/ours ours/floor' \
	    -f "$here/medians.awk" -f "$here/summary.awk" "$results"
	awk -v columns="$columns" -v key=bytes_per_socket -v unit="bytes" \
	    -v title='Resident bytes for each idle socket' \
	    -f "$here/medians.awk" -f "$here/plot.awk" "$results" >"$plot"
	echo "results: $results; plot: $plot"
}

main
