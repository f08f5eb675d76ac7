#!/bin/bash
# Redis that stops answering, and Redis that is gone: pages say so at once,
# nobody is taken for somebody else, and service returns by itself. And how
# many commands of Redis a page costs.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli curl
write_conf
stack_options+=(http.workers=1 redis.command_timeout=500ms
    account.hash_ops=1 account.hash_memory=8k)
stack_start || exit 1
stack_end ws-a && stack_end ws-b || exit 1	# what they ask is not counted
jar=$tmp/cookies

page()
{
	curl -sS -i --max-time 30 -b "$jar" -c "$jar" "${@:2}" "$(url "$1")"
}

status()
{
	sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p'
}

token()
{
	page "$1" | sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p' | head -1
}

is_served()
{
	[ "$(page /chat | status)" = 200 ]
}

page /account/register -H "Origin: $(url)" -d "_csrf=$(token /account/register |
    sed 's/+/%2B/g')" -d username=kim -d password=correct-horse >/dev/null
is "$(page /chat | status)" 200 "who has registered sees the chat"

# ---- What a page costs -------------------------------------------------------

commands()
{
	redis info commandstats | tr -d '\r' |
	    sed -n 's/^cmdstat_\([^:]*\):calls=\([0-9]*\),.*/\1 \2/p' |
	    grep -vE '^(info|config|client|ping|hello|publish|subscribe|time)' |
	    grep -vE '^(xadd|xrange|xlen|expire|zadd|zrange|zremrangebyscore)' |
	    grep -vE '^script' | sort
}

page /chat >/dev/null
redis config resetstat >/dev/null
for _ in $(seq 100); do page /chat; done >"$tmp/pages"
is "$(grep -c '^HTTP/1.1 200' "$tmp/pages")" 100 "a hundred pages"
is "$(commands | grep '^get ')" "get 100" "cost a hundred GETs"
moved=$(redis info commandstats | tr -d '\r' |
    sed -n 's/^cmdstat_expire:calls=\([0-9]*\),.*/\1/p')
ok "and hardly an EXPIRE (${moved:-0})" [ "${moved:-0}" -le 5 ]
is "$(commands | grep -E '^(set|eval|evalsha|hmget|del) ')" "" \
    "and nothing else"

# ---- It stops answering ------------------------------------------------------

kill -STOP "${stack_pids[redis]}"
begin=$SECONDS
answer=$(page /chat)
is "$(status <<<"$answer")" 503 "stopped: a page that needs the session"
like "$answer" 'Retry-After: [0-9]' "says when to come back"
not_ok "and sets no cookie" grep -qi '^set-cookie' <<<"$answer"
answer=$(page /)
is "$(status <<<"$answer")" 200 "the front page is for anybody"
like "$answer" 'account/login' "and takes everybody for a stranger"
not_ok "without a cookie" grep -qi '^set-cookie' <<<"$answer"
is "$(page /assets/site.css | status)" 200 "files are served"
is "$(page /account/login -d username=kim -d password=correct-horse |
    status)" 503 "nobody can log in"
is "$(page /health | status)" 503 "and the health says so"
# Each with a jar of its own, since curl writes it anew.
for i in $(seq 20); do
	(jar=$tmp/cookies.$i && cp "$tmp/cookies" "$jar" && page /chat | status) &
done | sort | uniq -c >"$tmp/many"
wait_for 20 grep -q . "$tmp/many"
is "$(tr -s ' ' <"$tmp/many")" " 20 503" "twenty at once are all told"
ok "within $((SECONDS - begin)) s" [ $((SECONDS - begin)) -le 25 ]
kill -CONT "${stack_pids[redis]}"
ok "it answers again: service returns by itself" wait_for 20 is_served

# ---- It is gone --------------------------------------------------------------

record=$(redis keys 'sess:*' | head -1)
saved=$(redis get "$record")
stack_end redis KILL 2>/dev/null
is "$(page /chat | status)" 503 "killed: a page that needs the session"
is "$(page / | status)" 200 "the front page"
is "$(page /health | status)" 503 "the health"
rm -f "$stack_run/redis.sock"
stack_start_redis || exit 1
is "$(page /chat | status)" 302 "back, and empty: a stranger again"
redis set "$record" "$saved" EX 600 >/dev/null
is "$(page /health | status)" 200 "and healthy"
done_testing
