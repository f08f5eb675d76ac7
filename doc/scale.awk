# What so many hosts carry, by the figures that were measured; see scale.md.
#
#	awk -f doc/scale.awk [-v room=50] [-v minutes=1] [-v hosts='1 10 1000']
#
# Every line of BEGIN is a figure that can be replaced by a better one.

BEGIN {
	# The load: each user sends a message every so many minutes into a
	# room of so many, whose members are spread at random.
	if (!room)
		room = 50
	if (!minutes)
		minutes = 1
	if (!hosts)
		hosts = "1 10 1000"
	ping_s = 25

	# A host: workers, and sockets on each (a process's 20,000 files).
	workers = 5
	sockets = 19000

	# Measured, in microseconds of a core.
	deliver = 6.6		# one message to one client, alone in its turn
	receive = 5.9		# one small message from a client
	handle = 60		# a chat message: JSON, the calls to Redis, the ack
	packet = 6		# an adapter's packet for a room of which none is here
	proxy = 10		# nginx, for each message either way
	bytes = 2958		# resident, for each socket

	# Assumed of Redis, on one core of its own: to be measured again where
	# it is run (redis-benchmark, and pub/sub with many subscribers).
	command = 15		# a message kept and published: one script
	push = 1.5		# each copy that goes to a subscriber

	printf "%-38s", "hosts"
	n = split(hosts, list, " ")
	for (i = 1; i <= n; i++)
		compute(list[i], i)
	row("workers", "nodes", "%.0f")
	row("sockets", "users", "%.0f")
	row("resident memory of a host, MB", "memory", "%.0f")
	row("messages a second", "messages", "%.0f")
	row("deliveries a second", "deliveries", "%.0f")
	row("core of a worker, heartbeat, %", "beat", "%.1f")
	row("core of a worker, own messages, %", "own", "%.1f")
	row("core of a worker, deliveries, %", "out", "%.1f")
	row("core of a worker, plain adapter, %", "plain_in", "%.0f")
	row("core of a worker, sharded, %", "sharded_in", "%.1f")
	row("cores of nginx on a host", "front", "%.2f")
	row("nodes that hold a room", "holders", "%.1f")
	row("Redis cores, plain adapter", "redis_plain", "%.1f")
	row("Redis cores, sharded adapter", "redis_sharded", "%.1f")
	row("connections of a Redis master", "links", "%.0f")
}

function compute(h, i,   rate, copies) {
	printf " %14d", h
	rate = 1 / (60 * minutes)		# messages of a user a second
	v["nodes", i] = h * workers
	v["users", i] = v["nodes", i] * sockets
	v["memory", i] = workers * sockets * bytes / 1e6
	v["messages", i] = v["users", i] * rate
	v["deliveries", i] = v["messages", i] * room
	v["beat", i] = sockets / ping_s * (deliver + receive) / 1e4
	v["own", i] = sockets * rate * handle / 1e4
	v["out", i] = sockets * rate * room * deliver / 1e4
	v["plain_in", i] = v["messages", i] * (1 - 1 / v["nodes", i]) * \
	    packet / 1e4
	# of so many nodes, how many have one of the room's members or more
	v["holders", i] = v["nodes", i] * \
	    (1 - exp(room * log1m(1 / v["nodes", i])))
	copies = v["holders", i]
	v["sharded_in", i] = v["messages", i] * copies / v["nodes", i] * \
	    packet / 1e4
	v["front", i] = workers * sockets * (rate * (room + 1) + 2 / ping_s) * \
	    proxy / 1e6
	v["redis_plain", i] = v["messages", i] * (command + v["nodes", i] * \
	    push) / 1e6
	v["redis_sharded", i] = v["messages", i] * (command + copies * push) / \
	    1e6
	v["links", i] = 2 * v["nodes", i]
}

function log1m(x) {
	return x < 1 ? log(1 - x) : -1e9
}

function row(name, key, form,   i) {
	printf "\n%-38s", name
	for (i = 1; i <= n; i++)
		printf " %14s", sprintf(form, v[key, i])
}

END { printf "\n" }
