#!/bin/bash
# A worker of tandem-fcgi needs no more memory after many requests of all
# kinds than after few; asked by eight at once, no more than eight requests
# may keep, however many come. The long form, half of it for each:
#
#	RSS_REQUESTS=1000000 TANDEM_BUILD=.build/test tests/sys/rss.sh
. "${srcdir:-.}/tests/lib.sh"
need nginx redis-cli
load=$TANDEM_BUILD/tests/bench/http_load
[ -x "$load" ] || lacking "tests/bench/http_load is not built"
[ "${TANDEM_SANITIZED-}" != yes ] ||
    skip_all "the sanitizers keep what was freed"
few=2000
many=${RSS_REQUESTS:-12000}
may_grow=256		# KiB: pages of the program that were not used before
at_once=8
may_keep=256		# KiB: of each that was in hand at once, for the next
write_conf
stack_options+=("http.workers=1" "log.level=warn")
stack_start_redis && stack_start_fcgi || exit 1
stack_port=$(stack_free_port)
stack_write_nginx
sed -i '/^upstream tandem_fcgi/a keepalive 16;' "$tmp/tandem.conf"
sed -i '/fastcgi_pass tandem_fcgi/a fastcgi_keep_conn on;' "$tmp/tandem.conf"
sed -i 's/warn;/crit;/' "$tmp/nginx.conf"
stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$tmp" -c "$tmp/nginx.conf"
stack_ready nginx stack_answers / 200 || exit 1

# kind NAME STATUS METHOD PATH [HEADER [BYTES]]: a request, to be sent often.
declare -A statuses=()
kind()
{
	local body=

	[ -z "${6-}" ] || body=$(head -c "$6" /dev/zero | tr '\0' a)
	statuses[$1]=$2
	printf '%s %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n' "$3" "$4" \
	    "$stack_port" >"$tmp/$1.request"
	[ -z "${5-}" ] || printf '%s\r\n' "$5" >>"$tmp/$1.request"
	[ -z "$body" ] || printf 'Content-Length: %s\r\n' "$6" >>"$tmp/$1.request"
	printf '\r\n%s' "$body" >>"$tmp/$1.request"
}

form='Content-Type: application/x-www-form-urlencoded'
kind front 200 GET /
kind page 200 GET /chat 'Cookie: @COOKIE@'
kind stranger 302 GET /chat
kind login 200 GET /account/login
kind asset 200 GET /assets/chat.css
kind part 206 GET /assets/chat.css 'Range: bytes=0-9'
kind health 200 GET /health
kind missing 404 GET /nowhere
kind options 204 OPTIONS /
kind form 403 POST /account/login "$form" 300
kind large 403 POST /account/login "$form" 60000

# send N CONNECTIONS: so many requests, of all kinds; each answer is checked.
send()
{
	local each=$(($1 / ${#statuses[@]} + 1)) name sessions

	for name in "${!statuses[@]}"; do
		sessions=()
		[ $name != page ] || sessions=(--sessions 50 --secret "$secret"
		    --redis "unix:$stack_run/redis.sock")
		"$load" --server "127.0.0.1:$stack_port" --seconds 3600 \
		    --pid "${stack_pids[fcgi]}" --connections $2 \
		    --request "$tmp/$name.request" --requests "$each" \
		    --status "${statuses[$name]}" "${sessions[@]}" \
		    >"$tmp/said" 2>&1 || {
			echo "$name: $(<"$tmp/said")"
			return 1
		}
	done
}

resident()
{
	awk '/^VmRSS:/ { print $2 }' "/proc/${stack_pids[fcgi]}/status"
}

# grow REQUESTS CONNECTIONS LIMIT: in ten parts if they are many.
grow()
{
	local part=$(($1 / 10)) sent

	[ $part -ge 5000 ] || part=$1
	for ((sent = 0; sent < $1; sent += part)); do
		ok "$part requests over $2 connections" send $part $2
		diag "$(resident) KiB"
	done
	grown=$(($(resident) - before))
	ok "grown by $grown KiB, not more than $3" test $grown -le $3
}

ok "$few requests are answered" send $few 1
before=$(resident)
diag "$before KiB"
grow $((many / 2)) 1 $may_grow
grow $((many / 2)) $at_once $((may_grow + at_once * may_keep))
ok "it stops when asked, without an error" stack_stop
done_testing
