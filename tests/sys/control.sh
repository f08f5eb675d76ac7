#!/bin/bash
# tandemctl: how the workers are, and what they have counted.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli perl
need_interop
write_conf
stack_start_redis && stack_start_ws a && stack_start_ws b || exit 1

healthy()
{
	ctl health >"$tmp/health"
}

ok "all are well" wait_for 10 healthy
is "$(grep -c '^state ok$' "$tmp/health")" 2 "both of them"
is "$(ctl --worker b --json stats | tr -d '\n' | perl -MJSON::PP -e '
	my $said = decode_json(<STDIN>);
	print join " ", scalar @$said, $said->[0]{worker},
	    map { exists $said->[0]{counts}{$_} ? $_ : "no $_" }
	    qw(host engine adapter revocation canary)')" \
    "1 b host engine adapter revocation canary" "stats of one, as JSON"
like "$(ctl stats)" 'counts\.engine\.opened 0' "and as text"
is "$(stat -c %a "$tmp/control/a.ctl")" 600 "the socket is private"
ctl no-such-command 2>"$tmp/said"
is $? 2 "an unknown command: status 2"
like "$(<"$tmp/said")" 'usage: tandemctl' "and what there is"
ctl --worker c health 2>"$tmp/said"
is $? 1 "a worker that is not there: status 1"
like "$(<"$tmp/said")" 'tandemctl: c: ' "and which"

# ---- A Redis that answers, but tells nothing ---------------------------------

says_nothing()
{
	! healthy && grep -q '^reasons \["redis tells nothing"\]' "$tmp/health"
}

redis acl setuser tandem -publish >"$tmp/set"
redis client kill user tandem >"$tmp/set"
ok "a Redis that tells nothing is why they are not well" \
    wait_for 20 says_nothing
redis acl setuser tandem +publish >"$tmp/set"
ok "until it does again" wait_for 20 healthy

# ---- Sockets and rooms, of a worker on a port --------------------------------

port=$(stack_free_port)
start_tcp()
{
	local stack_options=("${stack_options[@]}" ws.max_per_address=3
		"ws.listen=127.0.0.1:$port")

	stack_spawn_tandem ws-c "$stack_ws" --worker c
	stack_ready ws-c ctl --worker c stats
}

three_nodes()
{
	[ "$(ctl nodes | grep -c '^[abc]-')" = 3 ]
}

start_tcp || exit 1
ok "three know of each other" wait_for 10 three_nodes
write_session
interop_tests control.mjs "http://127.0.0.1:$port" "$cookie" "$session" \
    "$stack_ctl" --dir "$stack_run/control"

# ---- More connections of one address than may be -----------------------------

printf '%s\r\n' 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1' \
    'Host: h' 'Connection: Upgrade' 'Upgrade: websocket' \
    'Sec-WebSocket-Version: 13' \
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' '' >"$tmp/request"
status_of()
{
	local status

	cat "$tmp/request" >&"$1"	# at once, not line by line
	read -r -t 10 _ status _ <&"$1"
	echo "$status"
}

refused()
{
	ctl --worker c stats | sed -n 's/^counts.host.refused_address //p'
}

before=$(refused)
exec 5<>"/dev/tcp/127.0.0.1/$port" 6<>"/dev/tcp/127.0.0.1/$port" \
    7<>"/dev/tcp/127.0.0.1/$port"
is "$(status_of 5) $(status_of 6) $(status_of 7)" "101 101 101" "three may"
exec 8<>"/dev/tcp/127.0.0.1/$port"
is "$(status_of 8)" 503 "a fourth may not"
ok "and is not reset before it has read that" eval 'cat <&8 >"$tmp/rest"'
is "$(refused)" $((before + 1)) "which is counted"
exec 5>&- 6>&-
one_more()
{
	local status

	exec 9<>"/dev/tcp/127.0.0.1/$port"
	status=$(status_of 9)
	exec 9>&-
	[ "$status" = 101 ]
}
ok "when others have gone it may" wait_for 10 one_more
exec 7>&- 8>&-
stack_end ws-c

stack_end redis
unwell()
{
	! healthy
}

ok "without Redis they are not well, and the status says so" \
    wait_for 10 unwell
like "$(<"$tmp/health")" 'state degraded.*reasons \["redis away"\]' "and why"
stack_start_redis
ok "well again" wait_for 10 healthy
ok "everything stops when asked, without an error" stack_stop
not_ok "and leaves no socket behind" ls "$tmp"/control/*.ctl
done_testing
