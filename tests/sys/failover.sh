#!/bin/bash
# The whole site over servers of Redis that stand in for each other: a master
# with a replica that a sentinel watches, and a Redis Cluster. The server that
# has the data is killed; everybody stays, and nothing acknowledged is lost.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
need_interop
write_conf
stack_redis_user=()
stack_options+=(redis.path= account.hash_ops=1 account.hash_memory=8k)
redis_server=$(stack_redis_program)

# start_server NAME PORT OPTION...
start_server()
{
	local name=$1 port=$2

	shift 2
	mkdir "$tmp/$name"
	stack_spawn "$name" "$redis_server" --port "$port" --bind 127.0.0.1 \
	    --save '' --daemonize no --dir "$tmp/$name" "$@"
	stack_ready "$name" at "$port" ping
}

# at PORT COMMAND...: fails if the answer is an error.
at()
{
	redis-cli -e -p "$1" "${@:2}"
}

# says PORT TEXT COMMAND...
says()
{
	at "$1" "${@:3}" | grep -q "$2"
}

# walk WHAT SERVER SETTING...: the site over them, while that one is killed.
walk()
{
	local what=$1 server=$2
	local stack_options=("${stack_options[@]}" "${@:3}")

	stack_port=
	if stack_start_fcgi && stack_start_ws a && stack_start_ws b &&
	    stack_start_nginx; then
		pass "$what: the site starts"
	else
		fail "$what: the site starts"
	fi
	interop_tests failover.mjs "$(url)" "${stack_pids[$server]}"
	stack_end "$server" KILL 2>"$tmp/said"
}

# ---- A sentinel --------------------------------------------------------------

master=$(stack_free_port)
replica=$(stack_free_port)
sentinel=$(stack_free_port)
start_server master "$master" &&
    start_server replica "$replica" --replicaof 127.0.0.1 "$master" ||
    bail_out "no servers"
wait_for 20 says "$replica" master_link_status:up info replication
cat >"$tmp/sentinel.conf" <<-END
	port $sentinel
	bind 127.0.0.1
	dir $tmp
	sentinel monitor site 127.0.0.1 $master 1
	sentinel down-after-milliseconds site 700
	sentinel failover-timeout site 5000
END
stack_spawn sentinel "$redis_server" "$tmp/sentinel.conf" --sentinel
stack_ready sentinel at "$sentinel" ping
wait_for 20 says "$sentinel" slaves=1 info sentinel
walk sentinel master redis.topology=sentinel \
    redis.master=site "redis.nodes=127.0.0.1:$sentinel"
ok "the replica is the master now" says "$replica" role:master info replication
ok "everything stops when asked, without an error" stack_stop

# ---- A cluster ---------------------------------------------------------------

ports=()
for i in 1 2 3 4 5 6; do
	ports+=("$(stack_free_port)")
	start_server "node$i" "${ports[-1]}" --cluster-enabled yes \
	    --cluster-port "$(stack_free_port)" --cluster-node-timeout 1000
done

# Slots by thirds, an epoch each, as redis-cli's --cluster create; that cannot
# be told of ports for the bus.
for i in 0 1 2; do
	at "${ports[i]}" cluster addslotsrange $((i * 5461)) \
	    $((i == 2 ? 16383 : i * 5461 + 5460))
done >"$tmp/said"
for i in 0 1 2 3 4 5; do
	at "${ports[i]}" cluster set-config-epoch $((i + 1))
	[ "$i" = 0 ] || at "${ports[0]}" cluster meet 127.0.0.1 "${ports[i]}" \
	    "$(at "${ports[i]}" config get cluster-port | tail -n 1)"
done >"$tmp/said"

knows_all()
{
	local port

	for port in "${ports[@]}"; do
		says "$port" cluster_known_nodes:6 cluster info || return
	done
}

has_slots()
{
	local port

	for port in "${ports[@]}"; do
		says "$port" cluster_state:ok cluster info || return
	done
}

wait_for 20 knows_all || bail_out "they do not meet"
for i in 0 1 2; do
	at "${ports[i + 3]}" cluster replicate "$(at "${ports[i]}" cluster myid)"
done >"$tmp/said"
for i in 3 4 5; do
	wait_for 20 says "${ports[i]}" master_link_status:up info replication
done
wait_for 20 has_slots || bail_out "the cluster has no slots"

# Whoever has the room's messages.
slot=$(at "${ports[0]}" cluster keyslot 'tandem:{lobby}:messages')
i=$((slot / 5461 > 2 ? 2 : slot / 5461))
walk cluster "node$((i + 1))" redis.topology=cluster \
    "redis.nodes=127.0.0.1:${ports[(i + 1) % 3]}"
ok "its replica is a master now" says "${ports[i + 3]}" role:master \
    info replication
ok "everything stops when asked, without an error" stack_stop
done_testing
