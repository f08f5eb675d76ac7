#!/bin/bash
#
# ./dev bench cluster: two of our workers, and two Node processes, with the
# sockets of one room spread over both: each message goes from its worker
# through Redis to the other. Prints medians of the CPU of both together per
# delivery; Redis and the load generator are not counted.
#
# From the environment: ROUNDS (3), SECONDS_EACH (3), FANOUT (1000 sockets),
# WHO (ours node).

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
fanout=${FANOUT:-1000}
columns=${WHO:-ours node}
results=$TANDEM_BUILD/bench-cluster.txt
plot=$TANDEM_BUILD/bench-cluster.svg

main()
{
	local round who inflight

	servers_prepare
	: >"$results"
	for ((round = 1; round <= rounds; round++)); do
		echo "round $round of $rounds"
		for inflight in 1 16; do
			for who in $columns; do
				two "$who" "$inflight"
			done
		done
	done
	awk -v columns="$columns" -v ratios=node/ours \
	    -f "$here/medians.awk" -f "$here/summary.awk" "$results"
	awk -v columns="$columns" \
	    -v title='Two workers and the Redis adapter' \
	    -f "$here/medians.awk" -f "$here/plot.awk" "$results" >"$plot"
	echo "results: $results; plot: $plot"
}

# two WHO INFLIGHT: half of the sockets on each.
two()
{
	local line

	"start_$1" 0
	"start_$1" 1
	line=$(load fanout --clients "$fanout" --inflight "$2" \
	    --seconds "$seconds" --join request) || line="$line status=$?"
	echo "$1 cluster-$2 $line" | tee -a "$results"
	end_servers
}

main
