# The table at the end of a bench: medians over the rounds, and ratios.
#
#	awk -v columns='ours node floor' -v ratios='node/ours ours/floor' \
#	    -f medians.awk -f summary.awk RESULTS

END {
	ncolumns = split(columns, column, " ")
	nratios = split(ratios, ratio, " ")
	printf "\n%-11s %-17s", "operation", ""
	for (c = 1; c <= ncolumns; c++)
		printf " %13s", column[c]
	for (r = 1; r <= nratios; r++)
		printf "  %s", ratio[r]
	printf "\n"
	for (i = 1; i <= nnames; i++) {
		row(names[i], "cpu_us_per_op", "server CPU, us")
		row(names[i], "per_second", "a second")
		row(names[i], "p50_ms", "p50, ms")
		row(names[i], "p99_ms", "p99, ms")
		row(names[i], "bytes_per_socket", "bytes per socket")
		row(names[i], "cpu_percent", "% of a core")
		row(names[i], "open_first", "opened first, /s")
		row(names[i], "open_last", "opened last, /s")
	}
	printf "\nlost, doubled or wrong:"
	for (c = 1; c <= ncolumns; c++)
		printf " %s %d%s", column[c], faults[column[c]],
		    c < ncolumns ? "," : "\n"
}

function row(operation, key, unit,   c, r, value, part, any) {
	for (c = 1; c <= ncolumns; c++) {
		value[c] = median(column[c], operation, key)
		any = any || value[c] + 0 != 0
	}
	if (!any)
		return
	printf "%-11s %-17s", operation, unit
	for (c = 1; c <= ncolumns; c++)
		printf " %13s", value[c] == "" ? "" : sprintf("%.2f", value[c])
	for (r = 1; r <= nratios && key !~ /^(per_second|p.._|open_)/; r++) {
		split(ratio[r], part, "/")
		printf "  %*s", length(ratio[r]), quotient(operation, key,
		    part[1], part[2])
	}
	printf "\n"
}

function quotient(operation, key, above, below,   a, b) {
	a = median(above, operation, key)
	b = median(below, operation, key)
	return a == "" || b + 0 == 0 ? "" : sprintf("%.2f", a / b)
}
