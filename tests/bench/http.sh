#!/bin/bash
#
# ./dev bench http: one worker of tandem-fcgi, Express 5 on Node and a bare
# FastCGI responder (the floor), in turn, behind the same nginx with kept
# connections. Prints medians of server CPU per request; nginx, Redis and the
# load generator are not counted.
#
#	page	/chat of somebody logged in; floor: the same bytes, one GET
#	logout	its form, all that a form costs but a hash; floor: as short a
#		body, a GET and a SET, for it reads a session and writes one
#	login	the form with the cheapest hash that libsodium has; floor: as
#		for logout, and the same hash in between. One helper thread
#		hashes, on both sides
#	static	a style sheet, by the program; floor: the same bytes
#	hello	12 bytes; the floor, and libfcgi in 64 threads, its usual way
#
# A thousand people log in, in turn. Forms are posted with sessions that the load generator has put into Redis,
# each used once, since both forms end theirs. Their secret is known, so the
# proof in the form is too. Each log-in ends in a new session.
#
# From the environment: ROUNDS (3), SECONDS_EACH (3), CONNECTIONS (16), ONLY
# (some of these operations), and what ./dev sets: TANDEM_BUILD,
# TANDEM_INTEROP.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../etc/stack.sh"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
connections=${CONNECTIONS:-16}
results=$TANDEM_BUILD/bench-http.txt
plot=$TANDEM_BUILD/bench-http.svg
assets=$here/../../fcgi/public
password='correct horse battery'
hash_ops=1
hash_kib=8

main()
{
	local round

	stack_make_run
	stack_data=
	trap 'stack_stop; rm -rf "$stack_run"' EXIT
	trap 'exit 1' INT TERM HUP
	stack_etc=$here/../../etc
	stack_start_redis
	secret=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
	start_nginx
	prepare
	: >"$results"
	for ((round = 1; round <= rounds; round++)); do
		echo "round $round of $rounds"
		one_round
	done
	summary
}

# Each of them on every operation before the next operation begins, so that
# what they are compared in was measured within seconds.
one_round()
{
	local forms="--warmup 200 --requests 12000"
	local posts="--status 303 $forms --sessions 12200"
	local pages="--seconds $seconds --warmup 2000 --sessions 100"

	forget_devices
	measure ours page "$pages --marker Load"
	measure node page "$pages --marker Load"
	measure floor page "$pages --marker floor" get
	measure ours logout "$posts --marker /account/login"
	measure node logout "$posts --marker /account/login"
	measure floor logout "$forms" set 9
	measure ours login "$posts --marker /chat"
	measure node login "$posts --marker /chat"
	measure floor login "$forms" hash 9
	measure ours static "$pages --marker text/css"
	measure node static "$pages --marker text/css"
	measure floor static "$pages" hello "$(wc -c <"$assets/chat.css")"
	measure floor hello "$pages" hello 12
	measure libfcgi hello "$pages"
}

# Nobody has as many sessions as one may, or each new one would end an old one.
forget_devices()
{
	redis-cli -s "$stack_run/redis.sock" --scan \
	    --pattern 'tandem:{*}:sessions' |
	    xargs -r -n 500 redis-cli -s "$stack_run/redis.sock" del >/dev/null
}

# ---- What stands ready -------------------------------------------------------

start_nginx()
{
	stack_port=$(stack_free_port)
	mkdir "$stack_run/tmp"
	cp "$stack_etc/nginx/tandem_params" "$stack_run/"
	stack_fill "$stack_etc/nginx/private.conf.in" >"$stack_run/nginx.conf"
	stack_fill "$here/nginx.conf.in" >"$stack_run/tandem.conf"
	stack_spawn nginx "$(stack_nginx_program)" -e stderr -p "$stack_run" \
	    -c "$stack_run/nginx.conf"
	stack_ready nginx stack_answers / 502	# nobody is behind it yet
}

# Node looks for packages from the script's own folder upwards.
prepare()
{
	stack_conf=$stack_run/bench.conf
	(umask 077 && sed "s|^secret = .*|secret = $secret|" \
	    "$stack_etc/tandem.conf" >"$stack_conf")
	mkdir "$stack_run/peer"
	cp "$here/peer_express.mjs" "$stack_run/peer/"
	ln -s "$TANDEM_INTEROP/node_modules" "$stack_run/peer/node_modules"
	redis-cli -s "$stack_run/redis.sock" set bench:session \
	    "$(printf '%0300d' 0)" >/dev/null

	page_bytes=4000
	start_ours
	load ours register --status 303 --requests 1000 \
	    --sessions 1000 --marker /chat >/dev/null
	page_bytes=$(load ours page --requests 1 --sessions 1 --marker Load |
	    sed 's/.*body_bytes=\([0-9]*\).*/\1/')
	stack_end server
}

# The access log is off on all sides.
start_ours()
{
	stack_spawn server "$TANDEM_BUILD/fcgi/tandem-fcgi" \
	    --config "$stack_conf" -o "http.listen=unix:$stack_run/ours.sock" \
	    -o http.workers=1 -o http.slow_threads=1 \
	    -o "http.views=$here/../../fcgi/views" \
	    -o "http.public=$assets" -o "redis.path=$stack_run/redis.sock" \
	    -o "account.hash_ops=$hash_ops" \
	    -o "account.hash_memory=${hash_kib}k" \
	    -o account.user_tries=100000 -o account.address_tries=1000000 \
	    -o log.level=warn
	stack_ready server stack_accepts "$stack_run/ours.sock"
}

start_node()
{
	stack_spawn server env NODE_ENV=production node \
	    "$stack_run/peer/peer_express.mjs" "$stack_run/node.sock" \
	    "$stack_run/redis.sock" "$secret" "$assets" "$page_bytes"
	stack_ready server stack_accepts "$stack_run/node.sock"
}

# start_floor hello|get|set|hash [BYTES]: each does what those before it do.
start_floor()
{
	local bytes=${2:-$page_bytes} redis=() set=() hash=()

	[ "$1" = hello ] ||
	    redis=(--get bench:session --redis "$stack_run/redis.sock")
	[[ $1 != set && $1 != hash ]] || set=(--set bench:new)
	[ "$1" != hash ] ||
	    hash=(--ops "$hash_ops" --memory "$((hash_kib << 10))")
	stack_spawn server "$TANDEM_BUILD/tests/bench/floor_fcgi" \
	    --listen "unix:$stack_run/floor.sock" --bytes "$bytes" \
	    "${redis[@]}" "${set[@]}" "${hash[@]}"
	stack_ready server stack_accepts "$stack_run/floor.sock"
}

start_libfcgi()
{
	stack_spawn server "$TANDEM_BUILD/tests/bench/libfcgi_hello" \
	    --listen "unix:$stack_run/libfcgi.sock" --threads 64
	stack_ready server stack_accepts "$stack_run/libfcgi.sock"
}

# ---- Measuring ---------------------------------------------------------------

# measure WHO OPERATION OPTIONS [KIND BYTES]: with a fresh server.
measure()
{
	local who=$1 operation=$2 options=$3 line

	[[ " ${ONLY:-$operation} " == *" $operation "* ]] || return 0
	rm -f "$stack_run/$who.sock"
	shift 3
	"start_$who" "$@"
	# shellcheck disable=SC2086  # options are words
	line=$(load "$who" "$operation" $options) || line="$line status=$?"
	echo "$who $operation $line" | tee -a "$results"
	stack_end server || true
}

# load WHO OPERATION OPTION...: its request, by the load generator.
load()
{
	local who=$1 operation=$2

	shift 2
	request "$who" "$operation" >"$stack_run/request"
	"$TANDEM_BUILD/tests/bench/http_load" --request "$stack_run/request" \
	    --server "127.0.0.1:$stack_port" --pid "${stack_pids[server]}" \
	    --redis "unix:$stack_run/redis.sock" --secret "$secret" \
	    --connections "$connections" "$@"
}

# request WHO OPERATION: as it is sent.
request()
{
	local who=$1 proof form

	# A mask of 24 zero bytes, then SESSIONS_CSRF_SECRET of sessions.h.
	proof=$(printf 'A%.0s' {1..32})$(printf benchbenchbenchbenchbenc | base64)
	form="_csrf=$proof&username=bench@NUMBER@&password=${password// /+}"
	case $2 in
	page) get "$who" /chat ;;
	static) get "$who" /assets/chat.css ;;
	hello) get "$who" / ;;
	register | login) post "$who" "/account/$2" "$form" ;;
	logout) post "$who" /account/logout "_csrf=$proof" ;;
	esac
}

get()
{
	printf 'GET %s HTTP/1.1\r\nHost: %s\r\nCookie: @COOKIE@\r\n\r\n' \
	    "$2" "$1"
}

post()
{
	local sent=${3//@NUMBER@/000}

	printf 'POST %s HTTP/1.1\r\nHost: %s\r\nCookie: @COOKIE@\r\n' "$2" "$1"
	printf 'Content-Type: application/x-www-form-urlencoded\r\n'
	printf 'Content-Length: %d\r\n\r\n%s' "${#sent}" "$3"
}

# ---- Telling -----------------------------------------------------------------

summary()
{
	awk -v columns='ours node floor libfcgi' -v ratios='node/ours ours/floor' \
	    -f "$here/medians.awk" -f "$here/summary.awk" "$results"
	awk -f "$here/medians.awk" -f "$here/beside_hash.awk" "$results"
	awk -v columns='ours node floor libfcgi' \
	    -v title='tandem-fcgi beside Express 5 and a bare responder' \
	    -f "$here/medians.awk" -f "$here/plot.awk" "$results" >"$plot"
	echo "page: $page_bytes bytes; results: $results; plot: $plot"
}

main
