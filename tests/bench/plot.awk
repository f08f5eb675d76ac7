# An SVG of a bench's server CPU per operation: a group of bars for each
# operation, each group to its own scale, the figures beside the bars. With
# key and unit, of another of the results.
#
#	awk -v columns='ours node floor' -v title=TEXT \
#	    -f medians.awk -f plot.awk RESULTS >plot.svg

END {
	if (key == "")
		key = "cpu_us_per_op"
	if (unit == "")
		unit = "µs of server CPU per operation"
	ncolumns = split(columns, column, " ")
	split("#0f766e #94a3b8 #d6b36a #e7d3a8", colour, " ")
	left = 150
	width = 420
	bar = 16
	y = 64
	for (i = 1; i <= nnames; i++)
		group(names[i])
	height = y + 16
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 %d\" " \
	    "font-family=\"system-ui, sans-serif\" font-size=\"13\" " \
	    "fill=\"#1f2937\">\n<title>%s</title>\n", height, title
	printf "<rect width=\"700\" height=\"%d\" fill=\"#ffffff\"/>\n", height
	text(20, 26, "font-size=\"16\" font-weight=\"600\"", title)
	text(20, 46, "fill=\"#6b7280\"", unit ", " \
	    "less is better; each operation to its own scale")
	printf "%s</svg>\n", body
}

function group(operation,   c, value, most, first) {
	for (c = 1; c <= ncolumns; c++) {
		value = median(column[c], operation, key)
		if (value + 0 > most)
			most = value + 0
	}
	if (most == 0)
		return
	first = y
	for (c = 1; c <= ncolumns; c++) {
		value = median(column[c], operation, key)
		if (value != "")
			draw(column[c], colour[c], value, value / most)
	}
	body = body words(20, first + 16, "font-weight=\"600\"", operation)
	y += 14
}

function draw(who, fill, value, share) {
	body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" " \
	    "height=\"%d\" rx=\"2\" fill=\"%s\"/>\n", left, y + 4,
	    share * width < 1 ? 1 : share * width, bar - 2, fill)
	body = body words(left + share * width + 8, y + 15,
	    "font-size=\"12\"", sprintf("%.*f %s", value < 10 ? 2 : 0, value,
	    who))
	y += bar
}

function words(x, at, attributes, s) {
	return sprintf("<text x=\"%.1f\" y=\"%d\" %s>%s</text>\n", x, at,
	    attributes, s)
}

function text(x, at, attributes, s) {
	printf "%s", words(x, at, attributes, s)
}
