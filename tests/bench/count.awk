# Reads callgrind's dumps of tests/bench/count and prints for each operation
# the instructions it took in our own code, those of each of our functions
# that takes 2 % of that or more, and its allocations:
#
#	ack total 1234
#	ack allocations 2
#	ack tn_sio_decode 321
#
#	awk -v list='ack 1000 delivery 4320' -f count.awk DUMP...
#
# Costs of libraries are left out: they depend on the machine's processor and
# on the distribution.

BEGIN {
	n = split(list, words, " ")
	for (i = 1; i < n; i += 2)
		operations[words[i]] = words[i + 1]
}

FNR == 1 { operation = ""; is_ours = 0; is_call = 0 }

/^desc: Trigger: --dump-after=op_/ {
	operation = substr($3, index($3, "op_") + 3)
	if (!(operation in operations))
		operation = ""
	else
		order[++norder] = operation
	next
}

operation == "" { next }

/^ob=/ { is_ours = /\/(lt-)?count$/; next }
/^fn=/ { fn = substr($0, 4); sub(/'[0-9]+$/, "", fn); next }
/^cfn=/ { callee = substr($0, 5); next }

/^calls=/ {
	split($1, word, "=")
	if (is_ours && callee ~ /^(malloc|calloc|realloc|posix_memalign)$/)
		allocations[operation] += word[2]
	is_call = 1
	next
}

/^[0-9+*-]/ {
	if (is_call)		# what the callee took: counted there
		is_call = 0
	else if (is_ours && fn !~ /^op_/) {
		cost[operation, fn] += $2
		total[operation] += $2
		functions[fn] = 1
	}
}

END {
	for (i = 1; i <= norder; i++) {
		op = order[i]
		printf "%s total %.0f\n", op, total[op] / operations[op]
		printf "%s allocations %.1f\n", op,
		    allocations[op] / operations[op]
		for (fn in functions)
			if (cost[op, fn] >= total[op] / 50)
				printf "%s %s %.0f\n", op, fn,
				    cost[op, fn] / operations[op] | "sort"
		close("sort")
	}
}
