#!/bin/bash
#
# ./dev bench sockets: one of our workers and one Node process, in turn, over
# TCP on loopback, with the session check, the Redis adapter and the storing
# of messages on, on both sides. Prints medians of server CPU per operation.
#
# From the environment: ROUNDS (3), SECONDS_EACH (3), FANOUT (1000 sockets),
# and what ./dev sets: TANDEM_BUILD, TANDEM_INTEROP, TANDEM_CLIENT.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../etc/stack.sh"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
fanout=${FANOUT:-1000}
results=$TANDEM_BUILD/bench-sockets.txt

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
		measure ours start_ours
		measure node start_node
	done
	summary
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

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# measure WHO START: a fresh server for each measure, so that none inherits
# another's memory.
measure()
{
	local name args line

	while read -r name args; do
		"$2"
		stack_ready server listens
		# shellcheck disable=SC2086  # args is words
		line=$("$TANDEM_BUILD/tests/bench/load" $args \
		    --server "127.0.0.1:$port" --pid "${stack_pids[server]}" \
		    --redis "unix:$stack_run/redis.sock" --secret "$secret") ||
		    line="$line status=$?"
		echo "$1 $name $line" | tee -a "$results"
		stack_end server || true
	done < <(measures)
}

# Medians over the rounds, and how often Node's cost ours is.
summary()
{
	awk '
	function median(k,   a, m, i, j, t) {
		m = split(v[k], a, " ")
		for (i = 2; i <= m; i++)
			for (j = i; j > 1 && a[j-1] + 0 > a[j] + 0; j--) {
				t = a[j]; a[j] = a[j-1]; a[j-1] = t
			}
		return a[int((m + 1) / 2)] + 0
	}
	function row(name, key, unit,   o, p) {
		o = median("ours " name " " key)
		p = median("node " name " " key)
		printf "%-12s %-22s %10.2f %10.2f %7.1fx\n", name, unit, o, p,
		    (o > 0 ? p / o : 0)
	}
	{
		if (!($2 in known)) { known[$2] = 1; names[++n] = $2 }
		for (i = 3; i <= NF; i++) {
			split($i, kv, "=")
			k = $1 " " $2 " " kv[1]
			v[k] = v[k] " " kv[2]
			if (kv[1] == "lost" || kv[1] == "doubled")
				bad[$1] += kv[2]
		}
	}
	END {
		printf "\n%-12s %-22s %10s %10s %8s\n", "operation", "",
		    "ours", "node", "ratio"
		for (i = 1; i <= n; i++)
			if (names[i] == "idle")
				row("idle", "bytes_per_socket", "bytes per socket")
			else {
				row(names[i], "cpu_us_per_op", "server CPU, us")
				row(names[i], "p99_ms", "p99, ms")
			}
		printf "lost or doubled deliveries: ours %d, node %d\n",
		    bad["ours"], bad["node"]
	}' "$results"
}

main
