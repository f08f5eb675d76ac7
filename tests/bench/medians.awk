# Reads the results of a bench, lines of "WHO OPERATION key=value...": the
# summary and the plot are made of what is kept here.
#
#	names[1..nnames]	operations, as they first came
#	median(WHO, OPERATION, KEY)	"" if there is none

{
	if (!($2 in known)) {
		known[$2] = 1
		names[++nnames] = $2
	}
	for (i = 3; i <= NF; i++) {
		split($i, pair, "=")
		values[$1, $2, pair[1]] = values[$1, $2, pair[1]] " " pair[2]
		if (pair[1] ~ /^(lost|doubled|missing|wrong|status)$/)
			faults[$1] += pair[2]
	}
}

function median(who, operation, key,   n, list, i, j, t) {
	if (!((who, operation, key) in values))
		return ""
	n = split(values[who, operation, key], list, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j-1] + 0 > list[j] + 0; j--) {
			t = list[j]
			list[j] = list[j-1]
			list[j-1] = t
		}
	return list[int((n + 1) / 2)] + 0
}
