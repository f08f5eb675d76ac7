#!/bin/bash
# How often tandem-fcgi goes to Redis for a page and for a form: each journey
# costs a wait. Counted by Redis itself, with nobody else there.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli curl
write_conf
stack_options+=("http.workers=1" account.hash_ops=1 account.hash_memory=8k
    account.user_tries=1000)
stack_start_redis && stack_start_fcgi || exit 1
stack_port=$(stack_free_port)
stack_write_nginx
sed -i '/^upstream tandem_fcgi/a keepalive 8;' "$tmp/tandem.conf"
sed -i '/fastcgi_pass tandem_fcgi/a fastcgi_keep_conn on;' "$tmp/tandem.conf"
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" \
    -c "$tmp/nginx.conf"
stack_ready nginx stack_answers / 200 || exit 1
jar=$tmp/cookies
name=kim
password='correct horse'

page()
{
	curl -sS -i --max-time 20 -b "$jar" -c "$jar" "${@:2}" "$(url "$1")"
}

# proof PAGE: of the form in it.
proof()
{
	page "$1" | sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p'
}

# What Redis has read so far; each such question adds $own.
reads()
{
	redis info stats | sed -n 's/^total_reads_processed:\([0-9]*\).*/\1/p'
}
before=$(reads)
own=$(($(reads) - before))

# journeys PATH STATUS [CURL-OPTION...]: of one request, which is answered so.
journeys()
{
	local before after answer

	before=$(reads)
	answer=$(page "$1" "${@:3}")
	after=$(reads)
	[[ $answer == "HTTP/1.1 $2 "* ]] || echo "answered: ${answer%%$'\r'*}"
	echo $((after - before - own))
}

form()
{
	local token

	token=$(proof "$1")
	journeys "${3:-$1}" 303 --data-urlencode "_csrf=$token" \
	    --data-urlencode "username=$name" \
	    --data-urlencode "password=$2"
}

# Twice: scripts are learnt and connections made by the first time.
for i in 1 2; do
	rm -f "$jar"
	name=kim$i
	register=$(form /account/register "$password")
	page /chat >/dev/null	# which makes the secret of its form
	chat=$(journeys /chat 200)
	log_out=$(form /chat "" /account/logout)
	stranger=$(journeys /chat 302)
	wrong=$(form /account/login "wrong horse")
	log_in=$(form /account/login "$password")
done
like "$(cat "$tmp/fcgi.log")" "warn account.weak_hash hash_memory=8192" \
    "a hash that is cheap to guess is warned of"
is "$(journeys /assets/chat.css 200)" 0 "a style sheet asks nothing"
is "$chat" 1 "a page asks for its session"
is "$stranger" 1 "and so does who has logged out"
is "$log_in" 3 "log-in: session, tries and account, the new session"
is "$wrong" 3 "a wrong password: the same, and a word for the next page"
is "$register" 4 "register: session, address, the account, the new session"
is "$log_out" 2 "log-out: session, and its end with all that goes along"
rm -f "$jar"
is "$(journeys / 200)" 0 "who has no session is looked up nowhere"

# One with as many devices as one may have ends the oldest by one more each.
for ((i = 0; i < 50; i++)); do
	rm -f "$jar"
	many=$(form /account/login "$password")
done
is "$(redis --scan --pattern 'tandem:{*}:sessions' | while read -r key; do
	redis hlen "$key"
done | sort -n | tail -n 1)" 50 "fifty devices are kept"
is "$many" 7 "and past them: the list, who lives, the end of the oldest"

# Eight log out while the worker is stopped, over connections that are kept:
# then all of them are there at once, and ask together.
together()
{
	local i pids=()

	kill -STOP "$worker"
	for ((i = 0; i < 8; i++)); do
		"$@" "$i" >"$tmp/together.$i" &
		pids+=($!)
	done
	sleep 1
	kill -CONT "$worker"
	wait "${pids[@]}"
}

look_in() { curl -sS --max-time 20 -b "$tmp/jar.$1" "$(url /chat)"; }

leave()
{
	curl -sS -o /dev/null -w '%{http_code}\n' --max-time 20 \
	    -b "$tmp/jar.$1" --data-urlencode "_csrf=${proofs[$1]}" \
	    "$(url /account/logout)"
}

worker=$(pgrep -P "${stack_pids[fcgi]}" || echo "${stack_pids[fcgi]}")
proofs=()
for ((i = 0; i < 8; i++)); do
	jar=$tmp/jar.$i
	name=lee$i
	form /account/register "$password" >/dev/null
	proofs+=("$(proof /chat)")
done
together look_in	# which makes eight connections
before=$(reads)
together leave
after=$(reads)
is "$(sort "$tmp"/together.? | uniq -c | tr -s ' ')" " 8 303" \
    "eight log out at once"
asked=$((after - before - own))	# 2, or more if one came late
ok "and go to Redis $asked times, not sixteen" test "$asked" -le 8
done_testing
