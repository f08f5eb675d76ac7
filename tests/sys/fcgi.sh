#!/bin/bash
# tandem-fcgi behind an nginx that keeps its connections: where a log-in leads,
# large bodies, a new program in the place of the old one, Redis away.
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli curl
write_conf
stack_options+=("account.user_tries=4" "http.workers=2")
stack_start_redis && stack_start_fcgi || exit 1
stack_port=$(stack_free_port)
stack_write_nginx
# nginx keeps its connections: they must wait in epoll, not in a thread
sed -i '/^upstream tandem_fcgi/a keepalive 8;' "$tmp/tandem.conf"
sed -i '/fastcgi_pass tandem_fcgi/a fastcgi_keep_conn on;' "$tmp/tandem.conf"
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" -c "$tmp/nginx.conf"
stack_ready nginx stack_answers / 200 || exit 1

# browse ARGUMENT... PATH: the page to $tmp/page; prints status and Location.
browse()
{
	curl -s -m 20 -b "$tmp/jar" -c "$tmp/jar" -o "$tmp/page" \
	    -w '%{http_code} %{redirect_url}' "${@:1:$#-1}" "$(url "${!#}")" |
	    sed "s|$(url)||; s| *$||"
}

# submit PAGE ACTION FIELD=VALUE...: with the proof that PAGE shows.
submit()
{
	local page=$1 action=$2 fields=() field proof

	shift 2
	browse "$page" >"$tmp/shown"
	proof=$(sed -n 's/.*name="_csrf" value="\([^"]*\)".*/\1/p' "$tmp/page")
	for field; do
		fields+=(--data-urlencode "$field")
	done
	browse -H "Origin: $(url)" --data-urlencode "_csrf=${proof%%$'\n'*}" \
	    "${fields[@]}" "$action"
}

login=/account/login register=/account/register

is "$(submit $register $register username=ann 'password=a good one')" \
    "303 /chat" "registered"
like "$(redis get "$(redis --raw keys 'sess:*')")" \
    'isAuthenticated.*true.*user.*displayName.*ann.*provider.*local' \
    "the session is what Express would have written"
submit /chat /account/logout >"$tmp/shown"
is "$(browse /chat?a=b)" "302 $login?next=%2Fchat%3Fa%3Db" \
    "the log-in page is told where one wanted to go"
is "$(submit "$login?next=%2Fchat%3Fa%3Db" $login username=ann \
    password='a good one' 'next=/chat?a=b')" "303 /chat?a=b" "and goes there"
submit /chat /account/logout >"$tmp/shown"
for next in //evil.example 'https://evil.example/' '/\evil.example'; do
	is "$(submit $login $login username=ann password='a good one' \
	    "next=$next")" "303 /chat" "but not to $next"
	submit /chat /account/logout >"$tmp/shown"
done
for _ in 1 2 3 4; do
	submit $login $login username=ann password=wrong >"$tmp/shown"
done
submit $login $login username=ann password='a good one' >"$tmp/shown"
browse $login >"$tmp/shown"
ok "too many tries are refused, right ones too" \
    grep -q 'tried too often' "$tmp/page"

head -c 300000 /dev/zero | tr '\0' x >"$tmp/big"
is "$(browse --data-binary "@$tmp/big" $login)" 403 "a body of 300 kB"
is "$(browse -H 'Transfer-Encoding: chunked' --data-binary "@$tmp/big" \
    $login)" 403 "and one in chunks"

# ---- A new program in the place of the old one -------------------------------

swap()
{
	local path=$tmp/fcgi.sock old_pid=${stack_pids[fcgi]}
	local stack_options=("${stack_options[@]}" "http.listen=unix:$path.new")

	stack_spawn_tandem "fcgi$1" "$stack_fcgi"
	stack_ready "fcgi$1" stack_accepts "$path.new" || return 1
	mv "$path.new" "$path"
	kill -TERM "$old_pid"
	wait "$old_pid" || return 1
	stack_pids[fcgi]=${stack_pids[fcgi$1]}
	unset "stack_pids[fcgi$1]"
}

(while [ ! -e "$tmp/enough" ]; do
	http_status /account/login
done >"$tmp/statuses") &
asking=$!
for n in 1 2 3; do
	ok "swap $n" swap "$n"
done
touch "$tmp/enough"
wait $asking
is "$(sort -u "$tmp/statuses")" 200 \
    "none of $(wc -l <"$tmp/statuses") requests was lost over three of them"

# ---- Redis away --------------------------------------------------------------

kill -STOP "${stack_pids[redis]}"
is "$(browse /health)" 503 "Redis does not answer: not healthy"
is "$(browse /chat)" 503 "and whoever has a session is told to wait"
is "$(curl -s -m 20 -o "$tmp/page" -w '%{http_code}' "$(url /)")" 200 \
    "the front page is there for strangers"
kill -CONT "${stack_pids[redis]}"
ok "well again" wait_for 10 stack_answers /health 200

kill -HUP "${stack_pids[fcgi]}"
is "$(browse /health)" 200 "a reload disturbs nobody"
ok "everything stops when asked, without an error" stack_stop
done_testing
