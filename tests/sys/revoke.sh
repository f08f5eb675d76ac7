#!/bin/bash
# A session that is ended by redis-cli ends on every worker, soon, and also
# when the connection on which workers hear of it is cut meanwhile. The long
# form is: SOCKETS=10000 SESSIONS=2000 END=500 LIMIT=50 (./dev chaos runs it).
. "${srcdir:-.}/tests/lib.sh"
[ "$TANDEM_SANITIZED" != yes ] || skip_all "it is about time and memory as shipped"
need redis-cli
revoke=$TANDEM_BUILD/tests/bench/revoke
[ -x "$revoke" ] || lacking "tests/bench/revoke is not built"
ulimit -n "$(ulimit -Hn)"
write_conf
stack_start_redis || exit 1
servers=()
for worker in a b c; do
	stack_start_ws $worker || exit 1
	servers+=(--server "unix:$stack_run/ws-$worker.sock")
done

# ended NAME OPTION...: a run, in which nobody is closed for nothing.
ended()
{
	local name=$1 said status

	shift
	said=$("$revoke" "${servers[@]}" --redis "unix:$stack_run/redis.sock" \
	    --secret "$secret" --sockets "${SOCKETS:-1000}" \
	    --sessions "${SESSIONS:-200}" --end "${END:-50}" "$@")
	status=$?
	diag "$said"
	is $status 0 "$name"
}

# In the short form machines are busy with other tests: the figure is for the
# long form, here it is that all end, and nobody else.
ended "sessions that end, end on every worker" --limit "${LIMIT:-2000}"
ended "also with the tracking connections cut" --limit "${CUT_LIMIT:-10000}" --cut
ok "everything stops when asked, without an error" stack_stop
done_testing
