#!/bin/bash
# What both programs say about a configuration, before they do anything.
. "${srcdir:-.}/tests/lib.sh"
write_conf

# refused LINE-TO-ADD PATTERN NAME: --check fails with status 2 and says why.
refused()
{
	local program said status

	{ cat "$stack_conf"; printf '%s\n' "$1"; } >"$tmp/bad.conf"
	chmod 600 "$tmp/bad.conf"
	for program in "$stack_fcgi" "$stack_ws"; do
		said=$("$program" --config "$tmp/bad.conf" --check 2>&1)
		status=$?
		is $status 2 "$3: status 2 from ${program##*/}"
		like "$said" "$2" "$3: said by ${program##*/}"
	done
}

for program in "$stack_fcgi" "$stack_ws"; do
	ok "${program##*/} --check takes the sample with a real secret" \
	    "$program" --config "$stack_conf" --check
	said=$("$program" --config "$srcdir/etc/tandem.conf" --check 2>&1)
	is $? 2 "${program##*/} refuses the sample's own secret"
	like "$said" secret "and says that it is the secret"
	said=$("$program" --config "$stack_conf" -o session.secret=short \
	    --check 2>&1)
	is $? 2 "${program##*/} refuses a short secret"
	said=$("$program" --config "$tmp/nowhere.conf" --check 2>&1)
	is $? 2 "${program##*/} refuses a file that is not there"
	like "$said" nowhere.conf "and names it"
	ok "${program##*/} --version" "$program" --version
done
lines=$(wc -l <"$stack_conf")
refused 'nonsense' "bad\.conf:$((lines + 1)):" "a line that is no setting"
refused '[nowhere]' "bad\.conf:$((lines + 1)):.*nowhere" "an unknown section"
refused $'[log]\nnonsense = 1' "bad\.conf:$((lines + 2)):.*nonsense" \
    "an unknown key"
refused $'[redis]\nport = many' "bad\.conf:$((lines + 2)):.*port" "a bad value"
refused $'[redis]\ndatabase = 1\ndatabase = 2' \
    "bad\.conf:$((lines + 3)):.*database" "a key given twice"
done_testing
