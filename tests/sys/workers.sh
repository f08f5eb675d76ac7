#!/bin/bash
# Workers under one parent, behind a proxy that knows nothing of sessions:
# polling clients talk, a worker is killed, all stop.
#
#	WORKERS_CLIENTS=1000 ./dev test sys workers
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli perl
need_interop
write_conf
stack_options+=("ws.workers=3")
stack_start_redis || exit 1
stack_spawn_tandem ws "$stack_ws"
for worker in a b c; do
	stack_ready ws stack_accepts "$stack_run/ws-$worker.sock" || exit 1
done

# The sample without its map, and with a third worker. What was not answered
# is asked again: nobody has done a thing before a session's owner has it.
stack_port=$(stack_free_port)
stack_write_nginx
sed -i -e '/~\\\.[ab]\$/d' -e '/least_conn/d' -e '/proxy_request_buffering/d' \
    -e "/ws-b.sock/a server unix:$stack_run/ws-c.sock max_fails=0;" \
    -e 's/proxy_next_upstream error;/proxy_next_upstream error non_idempotent;/' \
    "$tmp/tandem.conf"
[ "${WORKERS_KEEPALIVE-}" != yes ] ||
    sed -i '/^upstream tandem_ws {/a keepalive 64;' "$tmp/tandem.conf"
sed -i 's/worker_connections .*/worker_connections 16000;/' "$tmp/nginx.conf"
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" -c "$tmp/nginx.conf"
stack_ready nginx stack_answers '/socket.io/?EIO=4&transport=smoke' 400 || exit 1

write_session
clients=${WORKERS_CLIENTS:-60}
INTEROP_SECONDS=$((60 + clients / 2)) interop_tests workers.mjs "$(url)" \
    "$cookie" "$clients" "$stack_ctl" --dir "$stack_run/control" --json stats

# ---- The parent --------------------------------------------------------------

pids()
{
	ctl --json stats | grep -o '"pid":[0-9]*' | tr -d '[:alpha:]":' | xargs
}

gone()
{
	local pid

	for pid; do
		[ ! -e "/proc/$pid" ] || return 1
	done
}

read -ra workers < <(pids)
is "${#workers[@]}" 3 "three workers run"
kill -HUP "${stack_pids[ws]}"
like "$(pids)" "^${workers[*]}\$" "a reload keeps them"
ok "a parent that is told to stop ends in peace" stack_end ws
ok "with all its workers" gone "${workers[@]}"
like "$(ls "$stack_run" "$stack_run/control" | grep -c 'ws-.*sock\|\.fd\|\.ctl')" \
    '^0$' "and leaves no socket behind"

start_family()
{
	stack_spawn_tandem ws "$stack_ws" -o ws.drain=1h
	stack_ready ws stack_accepts "$stack_run/ws-c.sock"
	ok "all answer" wait_for 10 eval '[ "$(pids | wc -w)" = 3 ]'
	read -ra workers < <(pids)
}

# One of them cannot end.
start_family
kill -STOP "${workers[0]}"
kill -TERM "${stack_pids[ws]}"
ok "who is told to stop does so" wait_for 10 gone "${workers[@]:1}"
ok "the parent waits for who does not" stack_is_alive ws
ok "told again, it waits no longer" stack_end ws
ok "and leaves none behind" gone "${workers[@]}"

# A parent that is killed takes its workers along.
start_family
stack_end ws KILL 2>"$tmp/said"
ok "workers do not outlive their parent" wait_for 10 gone "${workers[@]}"

# Workers that cannot start: the more often, the longer until the next try.
pauses()
{
	grep -o "worker_ended.*worker\W*0\b.*again_in_ms\W*[0-9]*" "$tmp/loop.log" |
	    grep -o '[0-9]*$' | head -n 4 | xargs
}

stack_options+=("ws.listen=unix:$tmp/none/%w.sock")
stack_spawn_tandem loop "$stack_ws"
ok "workers that end at once are started later and later" \
    wait_for 30 eval '[ "$(pauses)" = "0 100 200 400" ]'
ok "their parent stops when asked" stack_end loop
not_ok "several workers want several sockets" "$stack_ws" \
    --config "$stack_conf" -o ws.workers=2 -o ws.listen=127.0.0.1:1
ok "everything stops when asked, without an error" stack_stop
done_testing
