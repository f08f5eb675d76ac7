#!/bin/bash
# Each function of the installed headers is named by a unit test, tests/*.c:
# by its own name, or by that of a macro that stands for it. Reads only the
# source; what is built and installed does not count.
. "${srcdir:-.}/tests/lib.sh"
need awk

# Those without a test of their own: a name, a tab and why, a line each.
reasons=""

# The words of the C that comes in, without comments, texts and characters.
words='
function plain(line,	out, start, two)
{
	out = ""
	while (line != "") {
		if (in_comment) {
			start = index(line, "*/")
			if (start == 0)
				return out
			line = substr(line, start + 2)
			in_comment = 0
			continue
		}
		if (!match(line, /\/\*|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/))
			return out line
		out = out substr(line, 1, RSTART - 1) " "
		two = substr(line, RSTART, 2)
		line = substr(line, RSTART + RLENGTH)
		in_comment = two == "/*"
	}
	return out
}
'

# installed_headers: those that Makefile.am installs.
installed_headers()
{
	awk '/^[a-z]+_headers = / { on = 1 }
	    on { for (i = 1; i <= NF; i++) if ($i ~ /\.h$/) print $i }
	    on && !/\\$/ { on = 0 }' "$srcdir/Makefile.am"
}

# declared HEADER...: "function NAME", or "macro NAME WORD...", a line each.
declared()
{
	awk "$words"'
	FNR == 1 { in_comment = in_macro = depth = 0; text = "" }
	{
		line = plain($0)
		if (!in_macro && line ~ /^[ \t]*#/) {
			in_macro = 1
			macro = ""
		}
		if (in_macro) {
			in_macro = line ~ /\\$/
			macro = macro " " line
			if (!in_macro)
				end_macro(macro)
			next
		}
		for (i = 1; i <= length(line); i++)
			take(substr(line, i, 1))
		take(" ")
	}
	function end_macro(text,	name, out)
	{
		if (text !~ /^ *# *define +tn_[a-z0-9_]+\(/)
			return
		while (match(text, /tn_[a-z0-9_]+/)) {
			name = substr(text, RSTART, RLENGTH)
			out = out " " name
			text = substr(text, RSTART + RLENGTH)
		}
		print "macro" out
	}
	# What stands outside all brackets, up to a ; or the end of a body.
	function take(c)
	{
		if (c == "(" || c == "{") {
			if (depth++ == 0)
				text = text c
		} else if (c == ")" || c == "}") {
			if (--depth > 0)
				return
			text = text c
			if (c == "}" && text ~ /\)[^=]*\{\}$/)
				end_declaration()
		} else if (depth == 0 && c == ";") {
			end_declaration()
		} else if (depth == 0) {
			text = text c
		}
	}
	function end_declaration(	name)
	{
		if (text ~ /extern +$|^ *typedef/)
			text = ""
		else if (match(text, /tn_[a-z0-9_]+ *\(/)) {
			name = substr(text, RSTART, RLENGTH)
			sub(/ *\($/, "", name)
			print "function " name
		} else if (text ~ /^ *tn_[a-z_]+ +tn_[a-z0-9_]+ *$/) {
			sub(/ *$/, "", text)	# "tn_handler tn_slow;"
			sub(/.* /, "", text)
			print "function " text
		}
		text = ""
	}' "$@"
}

# untested DECLARED TEST...: the declared that no test names.
untested()
{
	awk "$words"'
	NR == FNR {
		declared[$2] = 1
		if ($1 == "macro")
			for (i = 3; i <= NF; i++)
				stands_for[$2] = stands_for[$2] " " $i
		next
	}
	FNR == 1 { in_comment = 0 }
	{
		line = plain($0)
		while (match(line, /[A-Za-z0-9_]+/)) {
			reach(substr(line, RSTART, RLENGTH))
			line = substr(line, RSTART + RLENGTH)
		}
	}
	function reach(name,	n, i, all)
	{
		if (!(name in declared) || name in reached)
			return
		reached[name] = 1
		n = split(stands_for[name], all, " ")
		for (i = 1; i <= n; i++)
			reach(all[i])
	}
	END {
		for (name in declared)
			if (!(name in reached))
				print name
	}' "$@" | sort
}

cd "$srcdir" || exit 1
mapfile -t headers < <(installed_headers)
declared "${headers[@]}" >"$tmp/declared"
untested "$tmp/declared" tests/*.c >"$tmp/untested"
printf '%s' "$reasons" | sed -n 's/\t.*//p' | sort >"$tmp/excused"

diag "$(sort -u "$tmp/declared" | wc -l) functions in ${#headers[@]} headers"
ok "many headers are installed" test "${#headers[@]}" -gt 70
ok "they declare many functions" test "$(wc -l <"$tmp/declared")" -gt 600
is "$(comm -23 "$tmp/untested" "$tmp/excused")" "" \
    "a unit test names each public function"
is "$(comm -13 "$tmp/untested" "$tmp/excused")" "" \
    "none is excused that has a test"

# The list is of use only if it finds what is missing.
cat >"$tmp/new.h" <<'HEADER'
/* tn_in_comment(void); */
#define tn_new_macro(a, ...) \
	tn_new_behind((a), 1)
struct tn_new { void (*tn_new_member)(int a); };
typedef int tn_new_type(int a);
extern const char tn_new_text[];
const char *tn_new_pointer(struct tn_new *a,
    int (*b)(int c));
int tn_new_behind(int a, int b);
static inline int
tn_new_inline(int a)
{
	return tn_new_pointer(a);
}
tn_handler tn_new_handler;
void tn_new_named(void) __attribute__((format(printf, 1, 2)));
HEADER
cat >"$tmp/check_new.c" <<'TEST'
/* tn_new_pointer */
static const char *text = "/* \" tn_new_inline"; /* tn_new_inline
tn_new_inline */ int tn_new_named_not = 'a' + tn_new_named();
TEST
declared "$tmp/new.h" >"$tmp/declared"
is "$(untested "$tmp/declared" "$tmp/check_new.c" | tr '\n' ' ')" \
    "tn_new_behind tn_new_handler tn_new_inline tn_new_macro tn_new_pointer " \
    "what is new and not named is found, and nothing else"
echo 'int a = tn_new_macro(1);' >>"$tmp/check_new.c"
is "$(untested "$tmp/declared" "$tmp/check_new.c" | tr '\n' ' ')" \
    "tn_new_handler tn_new_inline tn_new_pointer " \
    "a macro names what it stands for"
done_testing
