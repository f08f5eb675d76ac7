#include "config.h"

#include "session/username.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

/* Marks on one letter, as Vietnamese has; more would climb over the page. */
#define MARKS_MAX	2

struct look {
	uint32_t letter;
	const char *like;
};

#include "session/username_table.h"

/*
 * Scripts in daily use (Unicode Standard Annex 31, table 5). A name is of one
 * of them, or all of its scripts are in one of the mixtures.
 */
#define SCRIPTS(X)							\
	X(Latin) X(Cyrillic) X(Greek) X(Armenian) X(Georgian) X(Hebrew)	\
	X(Arabic) X(Thaana) X(Ethiopic) X(Devanagari) X(Bengali)	\
	X(Gurmukhi) X(Gujarati) X(Oriya) X(Tamil) X(Telugu) X(Kannada)	\
	X(Malayalam) X(Sinhala) X(Thai) X(Lao) X(Tibetan) X(Myanmar)	\
	X(Khmer) X(Hangul) X(Hiragana) X(Katakana) X(Bopomofo) X(Han)

enum script {
#define SCRIPT_ENUM(name) SCRIPT_##name,
	SCRIPTS(SCRIPT_ENUM)
#undef SCRIPT_ENUM
};

static const char *const script_names[] = {
#define SCRIPT_NAME(name) #name,
	SCRIPTS(SCRIPT_NAME)
#undef SCRIPT_NAME
};

#define BIT(name)	(1u << SCRIPT_##name)

static const uint32_t mixtures[] = {
	BIT(Latin) | BIT(Han) | BIT(Hiragana) | BIT(Katakana),
	BIT(Latin) | BIT(Han) | BIT(Hangul),
	BIT(Latin) | BIT(Han) | BIT(Bopomofo),
};

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* ---- The canonical form ---------------------------------------------------*/

static int
refuse(struct tn_err *err)
{
	return tn_err_set(err, TN_E_SYNTAX, "A name is made of letters of one "
	    "script, digits, '.', '-' and '_'.");
}

/* The bit of its script; 0 if that is not one of ours. */
static uint32_t
script_bit(uint32_t letter)
{
	const uc_script_t *script = uc_script(letter);

	for (size_t i = 0; script != NULL && i < N(script_names); i++)
		if (strcmp(script->name, script_names[i]) == 0)
			return 1u << i;
	return 0;
}

/* Digits and marks go with every script. */
static bool
is_common(uint32_t letter)
{
	const uc_script_t *script = uc_script(letter);

	return script != NULL && (strcmp(script->name, "Common") == 0 ||
	    strcmp(script->name, "Inherited") == 0);
}

static bool
is_one_writing(uint32_t scripts)
{
	if ((scripts & (scripts - 1)) == 0)
		return true;
	for (size_t i = 0; i < N(mixtures); i++)
		if ((scripts & ~mixtures[i]) == 0)
			return true;
	return false;
}

static bool
is_mark(uint32_t letter)
{
	return uc_is_general_category_withtable(letter,
	    UC_CATEGORY_MASK_M);
}

static bool
is_allowed(uint32_t letter)
{
	if (letter < 0x80)
		return (letter >= 'a' && letter <= 'z') ||
		    (letter >= '0' && letter <= '9') || letter == '.' ||
		    letter == '-' || letter == '_';
	return uc_is_property_xid_continue(letter) &&
	    !uc_is_property_default_ignorable_code_point(letter) &&
	    uc_is_general_category_withtable(letter, UC_CATEGORY_MASK_L |
	    UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd);
}

/* A canonical name, letter by letter. */
static bool
is_name(struct tn_slice name)
{
	uint32_t scripts = 0;
	int marks = MARKS_MAX;		/* none may come first */

	while (name.len > 0) {
		uint32_t letter = tn_utf8_next(&name);
		uint32_t bit = script_bit(letter);

		marks = is_mark(letter) ? marks + 1 : 0;
		if (!is_allowed(letter) || marks > MARKS_MAX ||
		    (bit == 0 && !is_common(letter)))
			return false;
		scripts |= bit;
	}
	return is_one_writing(scripts);
}

static int
keep(char out[TN_USERNAME_BYTES], struct tn_slice text, struct tn_err *err)
{
	if (tn_utf8_count(text) > TN_LIMIT_USERNAME ||
	    text.len >= TN_USERNAME_BYTES)
		return tn_err_set(err, TN_E_LIMIT,
		    "A name has at most %d characters.", TN_LIMIT_USERNAME);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return 0;
}

/*
 * One step of libunistring's: text into out. What it allocates is freed
 * here; a name is short, whatever it becomes.
 */
static int
step(uint8_t *(*fn)(const uint8_t *s, size_t n, uint8_t *buf, size_t *len),
    struct tn_slice text, char out[TN_USERNAME_BYTES], struct tn_err *err)
{
	size_t len = 0;
	uint8_t *made = fn((const uint8_t *)text.ptr, text.len, NULL, &len);
	int e;

	if (made == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a name");
	e = keep(out, tn_slice(made, len), err);
	free(made);
	return e;
}

static uint8_t *
compose(const uint8_t *s, size_t n, uint8_t *buf, size_t *len)
{
	return u8_normalize(UNINORM_NFKC, s, n, buf, len);
}

static uint8_t *
fold(const uint8_t *s, size_t n, uint8_t *buf, size_t *len)
{
	return u8_casefold(s, n, NULL, UNINORM_NFKC, buf, len);
}

/* Folding once is enough for every letter; what is not done then is odd. */
static int
make_canonical(struct tn_username *out, struct tn_err *err)
{
	char again[TN_USERNAME_BYTES];
	int e = step(fold, tn_slice_str(out->shown), out->name, err);

	if (e == 0)
		e = step(fold, tn_slice_str(out->name), again, err);
	if (e == 0 && strcmp(out->name, again) != 0)
		e = refuse(err);
	return e;
}

/* ---- What it looks like ---------------------------------------------------*/

static const char *
find_look(uint32_t letter)
{
	size_t low = 0, high = N(looks);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (looks[middle].letter == letter)
			return looks[middle].like;
		if (looks[middle].letter < letter)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* "rn" is read as "m"; the table says so the other way round. */
static size_t
join_rn(char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (i + 1 < len && text[i] == 'r' && text[i + 1] == 'n') {
			text[n++] = 'm';
			i++;
		} else {
			text[n++] = text[i];
		}
	}
	return n;
}

static int
make_look(struct tn_username *out, struct tn_err *err)
{
	size_t len = 0, n = 0;
	uint8_t *plain = u8_normalize(UNINORM_NFD, (const uint8_t *)out->name,
	    strlen(out->name), NULL, &len);
	struct tn_slice rest = tn_slice(plain, len);

	if (plain == NULL)
		return tn_err_set(err, TN_E_NOMEM, "no memory for a name");
	while (rest.len > 0) {
		const char *letter = rest.ptr, *like =
		    find_look(tn_utf8_next(&rest));
		size_t bytes = like != NULL ? strlen(like) :
		    (size_t)(rest.ptr - letter);

		if (n + bytes >= sizeof(out->look))
			break;
		memcpy(out->look + n, like != NULL ? like : letter, bytes);
		n += bytes;
	}
	free(plain);
	if (rest.len > 0)
		return tn_err_set(err, TN_E_LIMIT, "That name is too long.");
	out->look[join_rn(out->look, n)] = '\0';
	return 0;
}

int
tn_username_read(struct tn_username *out, struct tn_slice typed,
    struct tn_err *err)
{
	int e;

	memset(out, 0, sizeof(*out));
	typed = tn_slice_trim(typed);
	if (typed.len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "Please choose a name.");
	if (typed.len >= TN_USERNAME_BYTES)
		return tn_err_set(err, TN_E_LIMIT,
		    "A name has at most %d characters.", TN_LIMIT_USERNAME);
	if (!tn_utf8_valid(typed) || tn_slice_find(typed, '\0') >= 0)
		return refuse(err);
	e = step(compose, typed, out->shown, err);
	if (e == 0)
		e = make_canonical(out, err);
	if (e == 0 && !is_name(tn_slice_str(out->name)))
		e = refuse(err);
	if (e == 0)
		e = make_look(out, err);
	return e;
}
