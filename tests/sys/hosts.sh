#!/bin/bash
# Two hosts with a worker each behind one proxy: what reaches the wrong host
# is forwarded. They share a Redis and a secret, and no folder.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli perl curl
need_interop
write_conf
stack_start_redis || exit 1

# start_host NAME ADDRESS WORKER
start_host()
{
	local stack_options=("${stack_options[@]}" "ws.node=$1"
		"ws.control_dir=$stack_run/$1" "ws.forward=$2:0"
		"chat.lease=3s")

	stack_start_ws "$3"
}

# The folders differ; the listening sockets' names are the workers'.
start_host h1 127.0.0.2 a && start_host h2 127.0.0.3 b || exit 1
stack_port=$(stack_free_port)
stack_write_nginx
sed -i -e '/~\\\.[ab]\$/d' -e '/least_conn/d' -e '/proxy_request_buffering/d' \
    -e 's/proxy_next_upstream error;/proxy_next_upstream error non_idempotent;/' \
    "$tmp/tandem.conf"
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" -c "$tmp/nginx.conf"
stack_ready nginx stack_answers '/socket.io/?EIO=4&transport=smoke' 400 || exit 1

host()
{
	"$stack_ctl" --dir "$stack_run/$1" "${@:2}"
}

knows_both()
{
	[ "$(host h1 --json nodes | grep -o '"id":"h[12]-' | sort -u | wc -l)" = 2 ] &&
	    [ "$(host h2 --json nodes | grep -o '"id":"h[12]-' | sort -u | wc -l)" = 2 ]
}

counted()
{
	host "$1" stats | sed -n "s/^counts\.$2 //p"
}

ok "they know of each other" wait_for 10 knows_both
write_session
INTEROP_SECONDS=90 interop_tests hosts.mjs "$(url)" "$cookie" "${stack_pids[ws-b]}"
wait "${stack_pids[ws-b]}" 2>"$tmp/said"
unset "stack_pids[ws-b]"
stack_order=(redis ws-a nginx)
ok "some were forwarded" test "$(counted h1 host.forwarded)" -gt 0
ok "and some came" test "$(counted h1 host.forwarded_in)" -gt 0
is "$(counted h1 host.forward_refused)" 0 "all with a good greeting"

# ---- A stranger, and the dead ------------------------------------------------

poll()
{
	curl -s -m 10 --unix-socket "$stack_run/ws-a.sock" \
	    "http://h/socket.io/?EIO=4&transport=polling&sid=$1"
}

is "$(poll xxxxxxxxxxxxxxxxxxxx.h2-b)" '{"code":1,"message":"Session ID unknown"}' \
    "a session of a dead worker"
is "$(poll xxxxxxxxxxxxxxxxxxxx.h9-a)" '{"code":1,"message":"Session ID unknown"}' \
    "or of one that never was"
only_one()
{
	[ "$(host h1 --json nodes | grep -o '"id":"h[12]-' | sort -u | wc -l)" = 1 ]
}
ok "the dead are known within the lease" wait_for 6 only_one
address=$(redis get 'tandem:{h1-a}:address')
like "$address" '^127\.0\.0\.2:[0-9]+$' "where a worker is, is known"
printf 'TANDEM1 0123456789012345678901\n- forged\nGET /health HTTP/1.0\r\n\r\n' |
    curl -s -m 5 "telnet://$address" >"$tmp/said"
not_ok "without the secret nobody gets in" grep -q HTTP "$tmp/said"
is "$(counted h1 host.forward_refused)" 1 "and that is counted"
ok "everything stops when asked, without an error" stack_stop
done_testing
