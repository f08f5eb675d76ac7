#include "config.h"

#include "base/conf_value.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

int
tn_conf_refuse(const struct tn_conf_place *at, const char *fmt, ...)
{
	char what[200], line[24] = "";
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (at->line > 0)
		snprintf(line, sizeof(line), ":%zu", at->line);
	if (at->key == NULL)
		return tn_err_set(at->err, TN_E_CONFIG, "%s%s: %s", at->file,
		    line, what);
	return tn_err_set(at->err, TN_E_CONFIG, "%s%s: %s.%s: %s", at->file,
	    line, at->key->section, at->key->key, what);
}

int
tn_conf_no_memory(const struct tn_conf_place *at)
{
	return tn_err_set(at->err, TN_E_NOMEM, "%s: no memory for settings",
	    at->file);
}

/* A value that may be shown, cut to what fits a message. */
static int
refuse_value(const struct tn_conf_place *at, struct tn_slice text,
    const char *wanted)
{
	if (at->key->secret)
		return tn_conf_refuse(at, "the value is not %s", wanted);
	return tn_conf_refuse(at, "\"%.*s\" is not %s",
	    TN_SLICE_ARG(tn_slice_first(text, 60)), wanted);
}

static bool
within(const struct tn_conf_key *key, long long n)
{
	return (key->min == 0 && key->max == 0) ||
	    (n >= key->min && n <= key->max);
}

/* Digits, and one of the units behind them. */
struct unit {
	const char *name;
	uint64_t factor;
};

static bool
read_scaled(struct tn_slice text, const struct unit *units, uint64_t *out)
{
	size_t n = 0;
	uint64_t digits;

	while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
		n++;
	if (!tn_slice_u64(tn_slice_first(text, n), &digits))
		return false;
	text = tn_slice_after(text, n);
	for (; units->name != NULL; units++) {
		if (tn_slice_is(text, units->name)) {
			*out = digits * units->factor;
			return digits <= UINT64_MAX / units->factor;
		}
	}
	*out = 0;
	return digits == 0 && text.len == 0;
}

static int
check_range(const struct tn_conf_place *at, struct tn_slice text, long long n)
{
	if (within(at->key, n))
		return 0;
	if (at->key->secret)
		return tn_conf_refuse(at, "the value is out of range");
	return tn_conf_refuse(at, "%.*s is not within %lld and %lld",
	    TN_SLICE_ARG(tn_slice_first(text, 60)), at->key->min,
	    at->key->max);
}

static int
read_int(const struct tn_conf_place *at, struct tn_slice text,
    struct tn_conf_value *out)
{
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t n;

	if (!tn_slice_u64(tn_slice_after(text, is_negative ? 1 : 0), &n) ||
	    n > INT_MAX)
		return refuse_value(at, text, "a whole number that fits");
	out->as.number = is_negative ? -(int)n : (int)n;
	return check_range(at, text, out->as.number);
}

static int
read_size(const struct tn_conf_place *at, struct tn_slice text,
    struct tn_conf_value *out)
{
	static const struct unit units[] = {
		{ "", 1 }, { "k", 1024 }, { "m", 1024 * 1024 }, { NULL, 0 },
	};
	uint64_t n;

	if (!read_scaled(text, units, &n) || n > SIZE_MAX || n > LLONG_MAX)
		return refuse_value(at, text, "a size like 512, 64k or 1m");
	out->as.size = n;
	return check_range(at, text, (long long)n);
}

static int
read_ms(const struct tn_conf_place *at, struct tn_slice text,
    struct tn_conf_value *out)
{
	static const struct unit units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ NULL, 0 },
	};
	uint64_t n;

	if (!read_scaled(text, units, &n) || n > INT_MAX)
		return refuse_value(at, text,
		    "a time like 500ms, 30s, 5m or 1h");
	out->as.number = (int)n;
	return check_range(at, text, out->as.number);
}

static int
read_bool(const struct tn_conf_place *at, struct tn_slice text,
    struct tn_conf_value *out)
{
	static const char *const on[] = { "yes", "on", "true" };
	static const char *const off[] = { "no", "off", "false" };

	for (size_t i = 0; i < 3; i++) {
		if (tn_slice_is(text, on[i]) || tn_slice_is(text, off[i])) {
			out->as.on = tn_slice_is(text, on[i]);
			return 0;
		}
	}
	return refuse_value(at, text, "yes or no");
}

static int
read_choice(const struct tn_conf_place *at, struct tn_slice text,
    struct tn_conf_value *out)
{
	char wanted[128] = "one of:";
	size_t len = strlen(wanted);

	for (int i = 0; at->key->choices[i] != NULL; i++) {
		if (tn_slice_is(text, at->key->choices[i])) {
			out->as.number = i;
			return 0;
		}
		if (len < sizeof(wanted))
			len += (size_t)snprintf(wanted + len,
			    sizeof(wanted) - len, " %s", at->key->choices[i]);
	}
	return refuse_value(at, text, wanted);
}

static int
read_text(const struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_slice text, struct tn_conf_value *out)
{
	out->is_empty = text.len == 0;
	out->as.text = tn_arena_str(c->arena, text);
	return out->as.text == NULL ? tn_conf_no_memory(at) : 0;
}

int
tn_conf_read_value(const struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_slice text, struct tn_conf_value *out)
{
	switch (at->key->type) {
	case TN_CONF_INT:
		return read_int(at, text, out);
	case TN_CONF_BOOL:
		return read_bool(at, text, out);
	case TN_CONF_SIZE:
		return read_size(at, text, out);
	case TN_CONF_MS:
		return read_ms(at, text, out);
	case TN_CONF_CHOICE:
		return read_choice(at, text, out);
	case TN_CONF_STRING:
	case TN_CONF_STRINGS:
	default:
		return read_text(c, at, text, out);
	}
}

/* The array doubles whenever its length is a power of two. */
static int
add_string(const struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_conf_strings *list, const char *text)
{
	if ((list->n & (list->n - 1)) == 0) {
		size_t cap = list->n == 0 ? 1 : list->n * 2;
		const char **items = tn_arena_alloc(c->arena,
		    cap * sizeof(*items));

		if (items == NULL)
			return tn_conf_no_memory(at);
		if (list->n > 0)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
	}
	list->items[list->n++] = text;
	return 0;
}

int
tn_conf_store(const struct tn_conf *c, const struct tn_conf_place *at,
    const struct tn_conf_value *v, bool is_first)
{
	void *to = (char *)c->settings + at->key->offset;
	struct tn_conf_strings *list;

	switch (at->key->type) {
	case TN_CONF_STRING:
		*(const char **)to = v->as.text;
		return 0;
	case TN_CONF_STRINGS:
		list = to;
		if (is_first)
			*list = (struct tn_conf_strings){ 0 };
		return v->is_empty ? 0 : add_string(c, at, list, v->as.text);
	case TN_CONF_SIZE:
		*(size_t *)to = v->as.size;
		return 0;
	case TN_CONF_BOOL:
		*(bool *)to = v->as.on;
		return 0;
	case TN_CONF_INT:
	case TN_CONF_MS:
	case TN_CONF_CHOICE:
	default:
		*(int *)to = v->as.number;
		return 0;
	}
}
