# What a log-in costs besides its hash, at the end of "./dev bench http".
#
#	awk -f medians.awk -f beside_hash.awk RESULTS
#
# The floor's forms differ by the hash alone, and by the helper who makes it.

END {
	hash = cpu("floor", "login") - cpu("floor", "logout")
	floor = cpu("floor", "logout")
	ours = cpu("ours", "login") - hash
	if (floor > 0 && cpu("ours", "login") > 0 && cpu("floor", "login") > 0)
		printf "a log-in besides its hash (%.1f us): %.1f us, a bare " \
		    "form %.1f: %.2f\n", hash, ours, floor, ours / floor
}

function cpu(who, operation) {
	return median(who, operation, "cpu_us_per_op")
}
