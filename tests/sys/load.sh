#!/bin/bash
# The load generator notices what a server loses and what it sends twice.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli
need_interop
[ -x "$TANDEM_BUILD/tests/bench/load" ] || lacking "tests/bench/load is not built"
stack_start_redis || exit 1
port=$(stack_free_port)

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# against MANNER: what the load generator says of such a server.
against()
{
	stack_spawn liar node "$TANDEM_INTEROP/liar.mjs" "$port" "$1"
	stack_ready liar listens
	said=$("$TANDEM_BUILD/tests/bench/load" fanout --clients 10 \
	    --seconds 0.5 --server "127.0.0.1:$port" \
	    --pid "${stack_pids[liar]}" --secret "not looked at by this one" \
	    --redis "unix:$stack_run/redis.sock")
	status=$?
	stack_end liar
}

against honest
is $status 0 "an honest server passes"
like "$said" ' lost=0 doubled=0 ' "and nothing is said of it"
against drop
is $status 1 "a server that drops fails"
like "$said" ' lost=[1-9]' "and the lost are counted"
against double
is $status 1 "a server that doubles fails"
like "$said" ' doubled=[1-9]' "and the doubled are counted"
done_testing
