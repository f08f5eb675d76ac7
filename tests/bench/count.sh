#!/bin/bash
#
# ./dev bench count: how many instructions each hot path takes in our code,
# under callgrind, which counts the same from run to run.
#
# Prints them beside those in tests/bench/counts.txt. Exit status: 0, 1 when
# an operation takes over 5 % more, with the functions that do, or 77 when the
# two cannot be compared: the numbers in the file hold for one compiler and
# one set of its flags, which are named on the file's first line.
#
#	KEEP=1 ./dev bench count	write the file anew
#
# From the environment: TANDEM_BUILD, and KEEP.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
kept=$here/counts.txt
program=$TANDEM_BUILD/tests/bench/count

main()
{
	command -v valgrind >/dev/null || not_here "valgrind is not there"
	[ -x "$program" ] || not_here "$program is not built"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	identity=$("$program" --identity)
	count >"$work/now"
	if [ -n "${KEEP-}" ]; then
		{ echo "# $identity"; cat "$work/now"; } >"$kept"
		echo "kept in $kept"
		return
	fi
	show
	[ "$(head -n 1 "$kept")" = "# $identity" ] ||
	    not_here "counted with \"$(head -n 1 "$kept")\", this is $identity"
	compare
}

not_here()
{
	echo "not compared: $1"
	exit 77
}

count()
{
	valgrind --tool=callgrind --callgrind-out-file="$work/out" \
	    --zero-before=zero_counters --dump-after='op_*' --compress-strings=no \
	    --compress-pos=no "$program" "$here/../../fcgi/views" \
	    "$here/../../fcgi/public" 2>"$work/log" || {
		cat "$work/log" >&2
		exit 2
	}
	# shellcheck disable=SC2046  # a dump each operation, in their order
	awk -v list="$("$program" --list | tr '\n' ' ')" -f "$here/count.awk" \
	    $(ls -v "$work"/out.*)
}

show()
{
	awk '
	FNR == NR { kept[$1, $2] = $3; next }
	$2 == "total" || $2 == "allocations" {
		printf "%-11s %-12s %10s   kept %10s", $1, $2, $3,
		    kept[$1, $2]
		if (kept[$1, $2] + 0 > 0)
			printf "   %+.1f %%", 100 * $3 / kept[$1, $2] - 100
		printf "\n"
	}' "$kept" "$work/now"
}

# What rose: the operation, then its functions, the most expensive rise first.
compare()
{
	awk '
	FNR == NR { kept[$1, $2] = $3; next }
	{ now[$1, $2] = $3 }
	$2 == "total" && $3 > 1.05 * kept[$1, $2] { rose[$1] = $3 }
	$2 == "allocations" && $3 > 1.05 * kept[$1, $2] + 0.05 {
		printf "%s: %s allocations, %s were kept\n", $1, $3,
		    kept[$1, $2]
		status = 1
	}
	END {
		for (op in rose) {
			status = 1
			printf "%s: %d instructions, %d were kept\n", op,
			    rose[op], kept[op, "total"]
			for (pair in now) {
				split(pair, part, SUBSEP)
				more = now[pair] - kept[pair]
				if (part[1] == op && part[2] != "total" &&
				    part[2] != "allocations" &&
				    more > 0.005 * rose[op])
					printf "\t%s: %d more\n", part[2],
					    more | "sort -t: -k2rn"
			}
			close("sort -t: -k2rn")
		}
		exit status
	}' "$kept" "$work/now"
}

main
