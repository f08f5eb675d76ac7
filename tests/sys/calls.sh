#!/bin/bash
# A Node server with redis-adapter 8.3 and two of ours: every call, each way.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli
need_interop
node_program=${CLUSTER_NODE:-$TANDEM_BUILD/examples/cluster_node}

# calls FORM [MODE]: two nodes of ours, and Node with the clients of all.
calls()
{
	local form=$1 mode=${2-} each port urls=()

	for each in a b; do
		port=$(stack_free_port)
		# shellcheck disable=SC2086  # WRAP is words
		REDIS_USER=tandem REDIS_PASSWORD=$(<"$stack_run/redis.password") \
		    stack_spawn "node-$each" ${WRAP-} "$node_program" \
		    "127.0.0.1:$port" "$stack_run/redis.sock" "$each" "$form" \
		    ${mode:+"$mode"}
		stack_ready "node-$each" stack_is_open "$port" || exit 1
		urls+=("http://127.0.0.1:$port")
	done
	diag "$form $mode"
	interop_tests calls.mjs "$stack_run/redis.sock" "$form" "$mode" \
	    "${urls[@]}"
	ok "$form: ours end well" eval \
	    'stack_end node-b && stack_end node-a'
}

stack_is_open()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A pattern is granted as it stands, not by one that covers it.
sed "s|&socket.io#/#\*|& \&socket.io#/other#*|" \
    "$srcdir/etc/redis/tandem.acl" >"$stack_run/sample.acl"
stack_acl_sample=$stack_run/sample.acl
stack_start_redis || exit 1
calls plain
calls sharded dynamic
done_testing
