#!/bin/bash
# No hot path takes more instructions than it did, and a rise would be seen.
. "${srcdir:-.}/tests/lib.sh"
[ "$TANDEM_SANITIZED" != yes ] || skip_all "the sanitizers add their own"
bench=$srcdir/tests/bench

# "make check" has built what counts; "make all" leaves it as it was.
[ -n "${MAKELEVEL-}" ] ||
    make -C "$TANDEM_BUILD" tests/bench/count >"$tmp/built" 2>&1 ||
    bail_out "make tests/bench/count: $(tail -n 1 "$tmp/built")"

counts()
{
	bash "$bench/count.sh" >"$tmp/counted" 2>&1
}

counts
status=$?
[ $status != 77 ] || skip_all "$(tail -n 1 "$tmp/counted")"
diag "$(cat "$tmp/counted")"
is $status 0 "no operation takes over 5 % more than is kept in counts.txt"

# As if each had been kept at eight tenths of what it takes.
mkdir -p "$tmp/bench/tests/bench"
ln -s "$srcdir/fcgi" "$tmp/bench/fcgi"
cp "$bench/count.sh" "$bench/count.awk" "$tmp/bench/tests/bench/"
awk '/^#/ { print; next } { print $1, $2, 0.8 * $3 }' "$bench/counts.txt" \
    >"$tmp/bench/tests/bench/counts.txt"
bench=$tmp/bench/tests/bench
counts
is $? 1 "a rise is a failure"
like "$(cat "$tmp/counted")" 'ack: [0-9]+ instructions' \
    "which names the operation"
like "$(cat "$tmp/counted")" 'tn_sio_decode: [0-9]+ more' "and the function"
done_testing
