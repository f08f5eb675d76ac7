#!/bin/bash
#
# ./dev bench many: SOCKETS (19,000) sockets that have logged in, on each of
# WORKERS (1) workers: how fast they connect (the first thousand and the last),
# what each holds of resident memory, and what a message to all of them costs
# per delivery, beside the same with 1,000. With WORKERS=5 it is 95,000. One
# worker stands beside a bare server (the floor), which has as many sockets.
#
# A process may open so many descriptors only, so clients are spread over
# several load generators, each calling from an address of its own; each counts
# what it hears by the numbers in the messages.
#
# From the environment also: SECONDS_EACH (5), WHO (ours floor).

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"

sockets=${SOCKETS:-19000}
workers=${WORKERS:-1}
seconds=${SECONDS_EACH:-5}
columns=${WHO:-ours floor}
[ "$workers" = 1 ] || columns=ours
each=9500		# clients of one load generator
results=$TANDEM_BUILD/bench-many.txt
plot=$TANDEM_BUILD/bench-many.svg

main()
{
	local n who

	servers_prepare
	: >"$results"
	for n in 1000 $((sockets * workers)); do
		for who in $columns; do
			crowd "$who" "$n"
		done
	done
	awk -v columns="$columns" -v ratios=ours/floor -f "$here/medians.awk" \
	    -f "$here/summary.awk" "$results"
	awk -v columns="$columns" \
	    -v title="A message to all of so many sockets" \
	    -f "$here/medians.awk" -f "$here/plot.awk" "$results" >"$plot"
	echo "results: $results; plot: $plot"
}

resident_kb()
{
	local n sum=0

	for ((n = 0; n < workers; n++)); do
		sum=$((sum + $(ps -o rss= -p "${stack_pids[server$n]}")))
	done
	echo "$sum"
}

# crowd WHO N: that many sockets; the last load generator is the one that
# speaks.
crowd()
{
	local who=$1 n=$2 worker before said deliveries cpu
	local i=0 left=$2 part lines=$stack_run/listen join

	join=$(join_of "$who")
	for ((worker = 0; worker < workers; worker++)); do
		"start_$who" "$worker"
	done
	before=$(resident_kb)
	while [ "$left" -gt "$each" ]; do
		listen "$i" "$each" "$join"
		i=$((i + 1))
		left=$((left - each))
	done
	# shellcheck disable=SC2086  # $join is two words
	said=$(load fanout --clients "$left" --inflight 1 \
	    --seconds "$seconds" $join --first $((i * each)) \
	    --source "127.0.1.$((i + 1))") || said="$said status=$?"
	part=$(value "$said" rss_kb)
	listeners_end
	deliveries=$({ echo "$said"; cat "$lines".*.out 2>/dev/null; } |
	    grep -o ' ops=[0-9]*' | awk -F= '{ n += $2 } END { print n }')
	cpu=$(value "$said" cpu_us)
	{
		printf '%s %s ' "$who" "$n"
		awk -v d="$deliveries" -v c="$cpu" -v kb=$((part - before)) \
		    -v n="$n" 'BEGIN { printf "cpu_us_per_op=%.3f " \
		    "bytes_per_socket=%.0f ", c / d, kb * 1024 / n }'
		printf 'open_first=%s open_last=%s ' \
		    "$(pace "$said" open_first head)" \
		    "$(pace "$said" open_last tail)"
		printf 'missing=%s ' $((n * $(value "$said" published) -
		    deliveries))
		echo "$said" | grep -o ' \(p50_ms\|p99_ms\|per_second\)=[0-9.]*' |
		    tr -d '\n'
		faults "$said"
	} | tee -a "$results"
	rm -f "$lines".*
	end_servers
}

# listen I N JOIN: N clients in the background, from an address of their own.
listen()
{
	local i=$1

	mkfifo "$stack_run/listen.$i.in"
	# shellcheck disable=SC2086  # $3 is two words
	load_seconds=1000 load listen --clients "$2" $3 --first $((i * each)) \
	    --source "127.0.1.$((i + 1))" <"$stack_run/listen.$i.in" \
	    >"$stack_run/listen.$i.out" &
	listeners+=($!)
	exec {end}>"$stack_run/listen.$i.in"
	ends+=("$end")
	wait_for 120 grep -q '^ready' "$stack_run/listen.$i.out"
}
listeners=()
ends=()

listeners_end()
{
	local end pid

	for end in "${ends[@]}"; do
		exec {end}>&-
	done
	for pid in "${listeners[@]}"; do
		wait "$pid" || echo "a load generator failed" >&2
	done
	listeners=()
	ends=()
}

# value LINE KEY
value()
{
	[[ " $1 " =~ \ $2=([^ ]*) ]] && echo "${BASH_REMATCH[1]%.*}"
}

# pace LINE KEY head|tail: of the first load generator, or of the last.
pace()
{
	if [ "$3" = head ] && [ -e "$stack_run/listen.0.out" ]; then
		value "$(head -n 1 "$stack_run/listen.0.out")" "$2"
	else
		value "$1" "$2"
	fi
}

# All that was lost or doubled, by whoever heard it.
faults()
{
	{ echo "$1"; cat "$stack_run"/listen.*.out 2>/dev/null; } | awk '{
		for (i = 1; i <= NF; i++) {
			split($i, pair, "=")
			sum[pair[1]] += pair[2]
		}
	} END {
		printf " lost=%d doubled=%d status=%d\n", sum["lost"],
		    sum["doubled"], sum["status"]
	}'
}

main
