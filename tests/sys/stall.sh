#!/bin/bash
# Half of a room stops reading: the others are served on, memory stays within
# the queues' budget, and each of those that stopped is closed and counted.
# The long form is CLIENTS=2000 RATE=10 BYTES=3900 TALK=5 SLACK=5
# (./dev chaos runs it); here other tests make the machine slow.
. "${srcdir:-.}/tests/lib.sh"
[ "$TANDEM_SANITIZED" != yes ] || skip_all "it is about time and memory as shipped"
need redis-cli
stall=$TANDEM_BUILD/tests/bench/stall
[ -x "$stall" ] || lacking "tests/bench/stall is not built"
ulimit -n "$(ulimit -Hn)"
write_conf
clients=${CLIENTS:-200} queue=${QUEUE:-64}
stack_options+=("ws.max_queue=${queue}k")
stack_start_redis && stack_start_ws a || exit 1
# The queues of those that stopped; and what an allocator keeps by the way.
budget=$((clients / 2 * queue + 4096))
[ "${TANDEM_SANITIZED-}" != yes ] || budget=$((budget * 4))
said=$("$stall" --server "unix:$stack_run/ws-a.sock" \
    --pid "${stack_pids[ws-a]}" --redis "unix:$stack_run/redis.sock" \
    --secret "$secret" --clients "$clients" --rate "${RATE:-50}" \
    --bytes "${BYTES:-3500}" --seconds "${TALK:-2}" \
    --slack "${SLACK:-250}" --budget $budget)
status=$?
diag "$said"
is $status 0 "those who read are served on, within the budget"
is "$(ctl stats | sed -n 's/^counts\.engine\.slow_closed //p')" \
    $((clients / 2)) "each of the others is closed and counted as slow"
ok "everything stops when asked, without an error" stack_stop
done_testing
