#!/bin/bash
# tandemctl: how the workers are, and what they have counted.
. "${srcdir:-.}/tests/lib.sh"
need redis-cli perl
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
	    qw(engine adapter revocation)')" \
    "1 b engine adapter revocation" "stats of one, as JSON"
like "$(ctl stats)" 'counts\.engine\.opened 0' "and as text"
is "$(stat -c %a "$tmp/control/a.ctl")" 600 "the socket is private"
ctl no-such-command 2>"$tmp/said"
is $? 2 "an unknown command: status 2"
like "$(<"$tmp/said")" 'usage: tandemctl' "and what there is"
ctl --worker c health 2>"$tmp/said"
is $? 1 "a worker that is not there: status 1"
like "$(<"$tmp/said")" 'tandemctl: c: ' "and which"
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
