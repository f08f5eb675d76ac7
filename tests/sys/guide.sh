#!/bin/bash
# The guide quotes the tree as it is; the pages name what the headers declare.
. "${srcdir:-.}/tests/lib.sh"
ok "every quotation in the guide is the tree's own code" \
    "$srcdir/doc/quote" --check doc/guide.md

# The headers that are installed stand in Makefile.am's PART_headers.
headers()
{
	awk '/_headers = /, /[^\\\\]$/' "$srcdir/Makefile.am" |
	    grep -o 'src/[a-z0-9_/]*\.h'
}

# Functions, macros that look like one, and handlers declared by their type.
declared()
{
	cd "$srcdir" && headers | xargs awk '
	/^(typedef|return)/ { next }
	/^([a-z].*)?tn_[a-z0-9_]+\(/ || /^#define tn_[a-z0-9_]+\(/ {
		match($0, /tn_[a-z0-9_]+\(/)
		print substr($0, RSTART, RLENGTH - 1)
	}
	/^tn_handler tn_/ { print substr($2, 1, length($2) - 1) }' | sort -u
}

named()
{
	grep -oh '^\.F[no] tn_[a-z0-9_]*' "$srcdir"/src/*.3 "$srcdir"/src/*/*.3 |
	    cut -d' ' -f2 | sort -u
}

declared >"$tmp/declared"
named >"$tmp/named"
ok "the headers declare functions" test "$(wc -l <"$tmp/declared")" -gt 500
is "$(comm -23 "$tmp/declared" "$tmp/named")" "" \
    "each function of a public header is named in a manual page"
is "$(comm -13 "$tmp/declared" "$tmp/named")" "" \
    "and each that a page names is declared"
done_testing
