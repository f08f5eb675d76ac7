#!/bin/bash
# The account's own page, and what ends when a session does.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli curl
need_interop
write_conf
stack_options+=(account.hash_ops=1 account.hash_memory=8k)
stack_start || exit 1
interop_tests account.mjs "$(url)"

# ---- Half of it: Redis refuses one step, for want of a right -----------------

jar=$tmp/cookies

page()
{
	curl -sS -i --max-time 20 -b "$jar" -c "$jar" "${@:2}" "$(url "$1")"
}

# form PATH: filled in by somebody who stays; the answer's first line.
form()
{
	local proof

	proof=$(page "$1" | sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p')
	page "$1" --data-urlencode "_csrf=$proof" -d username=halfway \
	    --data-urlencode 'password=correct horse' -d remember=1 |
	    sed -n '1s/ [A-Z].*//p'
}

may()
{
	redis acl setuser tandem "$1" >"$tmp/acl"
}

status()
{
	page "$1" | sed -n '1s/ [A-Z].*//p'
}

token()
{
	awk '$6 == "remember" { print $7 }' "$jar"
}

is "$(form /account/register)" "HTTP/1.1 303" "who stays has registered"
rm -f "$jar"
may -hgetall
is "$(form /account/login)" "HTTP/1.1 500" "a token that cannot be made: 500"
may +hgetall
is "$(status /chat)" "HTTP/1.1 302" "and nobody is logged in by that"
is "$(form /account/login)" "HTTP/1.1 303" "until it can be"

before=$(token)
sed -i '/connect.sid/d' "$jar"
may -hmget
is "$(status /chat)" "HTTP/1.1 500" "a token of whom nobody can find: 500"
may +hmget
ok "it was renewed, and the browser has the new one" \
    [ "$(token)" != "$before" ]
is "$(status /chat)" "HTTP/1.1 200" "which is good"
done_testing
