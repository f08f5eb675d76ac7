#!/bin/bash
# Kill what a hundred writers and readers talk to, and stop it for a while:
# nobody misses a message, nobody gets one twice, no acknowledged one is lost,
# and no killed worker leaves its users behind.
#
# From the environment: MINUTES (a short fixed course if it is not set), SEED
# (of the order of what is done; printed), PEOPLE (writers, and as many
# readers: 100), RECOVERY (the window in which who lost his connection is
# found again; off if it is not set).
. "${srcdir:-.}/tests/lib.sh"
need redis-cli
need_interop
write_conf
RANDOM=${SEED:=$$}
diag "seed $SEED"
lease=3
people=${PEOPLE:-100}
workers=()
for _ in 1 2 3; do
	workers+=("$(stack_free_port)")
done
stack_options+=("ws.listen=127.0.0.1:%w" chat.lease=${lease}s chat.grace=2s
    chat.history=100 chat.stream=1000000 ws.recovery_window=${RECOVERY:-0s})
export RECOVERY
stack_data=$tmp/data
mkdir "$stack_data"

listens()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A worker's id is its port here.
start_worker()
{
	stack_spawn_tandem "ws-$1" "$stack_ws" --worker "$1"
	stack_ready "ws-$1" listens "$1"
}

# What is acknowledged must be on the disk.
start_redis()
{
	stack_spawn redis "$(stack_redis_program)" --port 0 --save '' --daemonize no \
	    --unixsocket "$tmp/redis.sock" --unixsocketperm 700 \
	    --appendonly yes --appendfsync always --dir "$stack_data"
	stack_ready redis stack_redis_answers
}

# ---- What is done to them ----------------------------------------------------

kill_worker()
{
	stack_end "ws-$1" KILL 2>/dev/null
	start_worker "$1"
}

kill_redis()
{
	stack_end redis KILL 2>/dev/null
	sleep "${1:-0.3}"
	start_redis
}

# stop NAME SECONDS
stop()
{
	kill -STOP "${stack_pids[$1]}"
	sleep "$2"
	kill -CONT "${stack_pids[$1]}"
}

cut_tracking()
{
	redis client kill type pubsub
}

any_worker()
{
	echo "${workers[RANDOM % ${#workers[@]}]}"
}

# After each kill, before anything else is done: only the living are in a room.
ghosts=0
look_for_ghosts()
{
	ghosts=$((ghosts + 1))
	echo killed >&3
	wait_for 60 has_looked "$ghosts"
}

has_looked()
{
	[ "$(grep -c 'ok no ghost stays' "$tmp/chaos.out")" -ge "$1" ]
}

one_act()
{
	local worker

	worker=$(any_worker)
	case $((RANDOM % 7)) in
	0 | 1) echo "kill worker $worker" && kill_worker "$worker" &&
	    look_for_ghosts ;;
	2) echo "kill redis" && kill_redis $((RANDOM % 3)) ;;
	3) echo "stop worker $worker" && stop "ws-$worker" 5 ;;
	4) echo "stop redis" && stop redis 5 ;;
	5) echo "cut tracking" && cut_tracking ;;
	6) echo "kill every worker in turn" &&
	    for worker in "${workers[@]}"; do
		kill_worker "$worker" && look_for_ghosts
	    done ;;
	esac
}

# With its clients that will not come back.
lose_worker()
{
	kill_worker "${workers[0]}"
	echo lost >&3
	wait_for 30 grep -q 'ok the rooms are told' "$tmp/chaos.out"
}

short_course()
{
	lose_worker
	stop "ws-${workers[2]}" 2
	cut_tracking
	kill_worker "${workers[1]}"
	look_for_ghosts
	kill_redis
	sleep 1
	stop redis 2
	sleep 1
}

long_course()
{
	local end=$((SECONDS + $1 * 60))

	lose_worker
	while ((SECONDS < end)); do
		sleep $((RANDOM % 5))
		one_act >"$tmp/act" 2>&1	# here, not in a subshell
		diag "$(date +%T) $(head -n 1 "$tmp/act")"
	done
	sleep 3
}

# ---- The course --------------------------------------------------------------

start_redis || exit 1
for worker in "${workers[@]}"; do
	start_worker "$worker" || exit 1
done
mkfifo "$tmp/orders"
node "$TANDEM_INTEROP/chaos.mjs" "$tmp/redis.sock" "$secret" \
    $((lease * 1000)) "$people" "$people" "${workers[@]}" \
    <"$tmp/orders" >"$tmp/chaos.out" 2>&1 &
people_pid=$!
exec 3>"$tmp/orders"
wait_for 90 grep -q '^# ready' "$tmp/chaos.out" ||
    bail_out "they did not come in: $(tail -n 5 "$tmp/chaos.out")"
diag "all are in after $SECONDS s"
if [ -n "${MINUTES-}" ]; then
	long_course "$MINUTES"
else
	short_course >"$tmp/course.log" 2>&1
fi
diag "the course is over after $SECONDS s"
echo end >&3
wait_for 150 stack_is_gone $people_pid || kill -KILL $people_pid
wait $people_pid
status=$?
cp "$tmp/chaos.out" "$tmp/chaos.log"
while IFS= read -r line; do
	case $line in
	'ok '*) pass "${line#ok }" ;;
	'not ok '*) fail "${line#not ok }" ;;
	*) diag "${line#\# }" ;;
	esac
done <"$tmp/chaos.out"
diag "all is looked at after $SECONDS s"
is "$status" 0 "chaos.mjs comes to its end"
is "$tap_count" $((7 + ghosts)) "and has looked at everything"
ok "everything stops when asked, without an error" stack_stop
done_testing
