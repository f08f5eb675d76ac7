#include "config.h"

#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

/* Where a value comes from, which is where a message begins. */
struct place {
	const char *file;	/* or "option", or "preset" */
	size_t line;		/* 0: no line */
	const struct tn_conf_key *key;	/* NULL: not known yet */
	struct tn_err *err;
};

/* One value as read, before anything is changed by it. */
struct value {
	union {
		const char *text;
		int number;
		size_t size;
		bool on;
	} as;
	bool is_empty;		/* of a list: no item */
};

static int __attribute__((format(printf, 2, 3)))
refuse(const struct place *at, const char *fmt, ...)
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

static int
no_memory(const struct place *at)
{
	return tn_err_set(at->err, TN_E_NOMEM, "%s: no memory for settings",
	    at->file);
}

/* A value that may be shown, cut to what fits a message. */
static int
refuse_value(const struct place *at, struct tn_slice text, const char *wanted)
{
	if (at->key->secret)
		return refuse(at, "the value is not %s", wanted);
	return refuse(at, "\"%.*s\" is not %s",
	    TN_SLICE_ARG(tn_slice_first(text, 60)), wanted);
}

/* ---- values ---------------------------------------------------------------*/

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
check_range(const struct place *at, struct tn_slice text, long long n)
{
	if (within(at->key, n))
		return 0;
	if (at->key->secret)
		return refuse(at, "the value is out of range");
	return refuse(at, "%.*s is not within %lld and %lld",
	    TN_SLICE_ARG(tn_slice_first(text, 60)), at->key->min,
	    at->key->max);
}

static int
read_int(const struct place *at, struct tn_slice text, struct value *out)
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
read_size(const struct place *at, struct tn_slice text, struct value *out)
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
read_ms(const struct place *at, struct tn_slice text, struct value *out)
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
read_bool(const struct place *at, struct tn_slice text, struct value *out)
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
read_choice(const struct place *at, struct tn_slice text, struct value *out)
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
read_text(const struct tn_conf *c, const struct place *at,
    struct tn_slice text, struct value *out)
{
	out->is_empty = text.len == 0;
	out->as.text = tn_arena_str(c->arena, text);
	return out->as.text == NULL ? no_memory(at) : 0;
}

static int
read_value(const struct tn_conf *c, const struct place *at,
    struct tn_slice text, struct value *out)
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
add_string(const struct tn_conf *c, const struct place *at,
    struct tn_conf_strings *list, const char *text)
{
	if ((list->n & (list->n - 1)) == 0) {
		size_t cap = list->n == 0 ? 1 : list->n * 2;
		const char **items = tn_arena_alloc(c->arena,
		    cap * sizeof(*items));

		if (items == NULL)
			return no_memory(at);
		if (list->n > 0)
			memcpy(items, list->items, list->n * sizeof(*items));
		list->items = items;
	}
	list->items[list->n++] = text;
	return 0;
}

/* is_first: an earlier source's items of a list give way. */
static int
store(const struct tn_conf *c, const struct place *at,
    const struct value *v, bool is_first)
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

/* ---- files ----------------------------------------------------------------*/

static int
read_all(int fd, struct tn_buf *out)
{
	for (;;) {
		char *to = tn_buf_room(out, 1);
		ssize_t n;

		if (to == NULL)
			return out->failed;
		n = read(fd, to, out->cap - out->len);
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
		else if (errno != EINTR)
			return TN_E_SYSTEM;
	}
}

static void
wipe_buf(struct tn_buf *b)
{
	if (b->ptr != NULL)
		tn_wipe(b->ptr, b->cap);
	tn_buf_fini(b);
}

static int
open_secret(const struct place *at, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		const char *why = strerror(errno);

		if (fd >= 0)
			close(fd);
		return refuse(at, "file %.80s: %s", path, why);
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) == 0)
		return fd;
	close(fd);
	return refuse(at, S_ISREG(st.st_mode) ?
	    "file %.80s: others can read it (chmod o-r)" :
	    "file %.80s: not a regular file", path);
}

/* The first line of a file, cut at a ceiling that no secret reaches. */
static int
read_secret(const struct tn_conf *c, const struct place *at,
    struct tn_slice path, struct tn_slice *out)
{
	const char *name = tn_arena_str(c->arena, path);
	struct tn_buf text;
	struct tn_slice line;
	int fd, rc;

	if (name == NULL)
		return no_memory(at);
	fd = open_secret(at, name);
	if (fd < 0)
		return fd;
	tn_buf_init(&text, TN_LIMIT_SECRET_FILE + 1);
	rc = read_all(fd, &text);
	close(fd);
	line = tn_buf_view(&text);
	line = tn_slice_cut(&line, '\n');
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (rc == TN_E_NOMEM)
		rc = no_memory(at);
	else if (rc == TN_E_SYSTEM)
		rc = refuse(at, "file %.80s: %s", name, strerror(errno));
	else if (line.len == 0)
		rc = refuse(at, "file %.80s: its first line is empty", name);
	else if (line.len > TN_LIMIT_SECRET_FILE)
		rc = refuse(at, "file %.80s: its first line is too long", name);
	else
		rc = 0;
	*out = rc == 0 ? tn_arena_copy(c->arena, line) : TN_SLICE_NONE;
	wipe_buf(&text);
	return rc == 0 && out->ptr == NULL ? no_memory(at) : rc;
}

/* ---- keys -----------------------------------------------------------------*/

static bool
is_section(const struct tn_conf *c, struct tn_slice name)
{
	for (const struct tn_conf_key *k = c->keys; k->section != NULL; k++) {
		if (tn_slice_is(name, k->section))
			return true;
	}
	return false;
}

static const struct tn_conf_key *
find_exact(const struct tn_conf *c, struct tn_slice section,
    struct tn_slice key)
{
	for (const struct tn_conf_key *k = c->keys; k->section != NULL; k++) {
		if (tn_slice_is(key, k->key) && tn_slice_is(section, k->section))
			return k;
	}
	return NULL;
}

/* A key, or the secret whose file "key_file" names. */
static const struct tn_conf_key *
find_key(const struct tn_conf *c, struct tn_slice section,
    struct tn_slice key, bool *names_file)
{
	const struct tn_slice suffix = TN_SLICE("_file");
	const struct tn_conf_key *k = find_exact(c, section, key);

	*names_file = false;
	if (k != NULL || !tn_slice_ends(key, suffix))
		return k;
	key.len -= suffix.len;
	k = find_exact(c, section, key);
	if (k == NULL || !k->secret || (k->type != TN_CONF_STRING &&
	    k->type != TN_CONF_STRINGS))
		return NULL;
	*names_file = true;
	return k;
}

static bool
is_text(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return tn_utf8_valid(s);
}

static bool
strip_quotes(struct tn_slice *value)
{
	struct tn_slice s = *value;

	if (s.len == 0 || s.ptr[0] != '"')
		return true;
	if (s.len < 2 || s.ptr[s.len - 1] != '"')
		return false;
	s = tn_slice(s.ptr + 1, s.len - 2);
	if (tn_slice_find(s, '"') >= 0)
		return false;
	*value = s;
	return true;
}

/* Read text for the key and, unless a word has settled it, store it. */
static int
set_key(struct tn_conf *c, const struct place *at, struct tn_slice text,
    bool names_file, bool is_word)
{
	size_t i = (size_t)(at->key - c->keys);
	bool *seen = is_word ? c->seen_word : c->seen_file;
	struct value v = { .is_empty = false };
	int rc = 0;

	if (!is_word && seen[i] && at->key->type != TN_CONF_STRINGS)
		return refuse(at, "given twice");
	if (!strip_quotes(&text))
		return refuse(at, "a quote is missing or too many");
	if (names_file)
		rc = read_secret(c, at, text, &text);
	if (rc == 0 && names_file && !is_text(text))
		rc = refuse(at, "control characters in its file");
	if (rc == 0)
		rc = read_value(c, at, text, &v);
	if (rc == 0 && (is_word || !c->seen_word[i]))
		rc = store(c, at, &v, !seen[i]);
	seen[i] = true;
	return rc;
}

/* ---- sources --------------------------------------------------------------*/

int
tn_conf_init(struct tn_conf *c, const struct tn_conf_key *keys,
    void *settings, struct tn_arena *arena, struct tn_err *err)
{
	struct place at = { .file = "preset", .err = err };
	size_t n = 0;

	while (keys[n].section != NULL)
		n++;
	*c = (struct tn_conf){
		.keys = keys, .settings = settings, .arena = arena,
		.seen_file = tn_arena_alloc(arena, n),
		.seen_word = tn_arena_alloc(arena, n),
	};
	if (c->seen_file == NULL || c->seen_word == NULL)
		return no_memory(&at);
	for (size_t i = 0; i < n; i++) {
		struct value v = { .is_empty = true };
		int rc = 0;

		at.key = &keys[i];
		if (keys[i].preset != NULL)
			rc = read_value(c, &at,
			    tn_slice_str(keys[i].preset), &v);
		if (rc == 0)
			rc = store(c, &at, &v, true);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
read_section(struct tn_conf *c, const struct place *at, struct tn_slice line,
    struct tn_slice *section)
{
	if (line.ptr[line.len - 1] != ']')
		return refuse(at, "a section without ']'");
	*section = tn_slice_trim(tn_slice(line.ptr + 1, line.len - 2));
	if (!is_section(c, *section))
		return refuse(at, "unknown section [%.*s]",
		    TN_SLICE_ARG(tn_slice_first(*section, 60)));
	return 0;
}

static int
read_line(struct tn_conf *c, struct place *at, struct tn_slice line,
    struct tn_slice *section)
{
	struct tn_slice name, value;
	bool names_file;

	at->key = NULL;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	line = tn_slice_trim(line);
	if (!is_text(line))
		return refuse(at, "control characters, or not UTF-8");
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	if (line.ptr[0] == '[')
		return read_section(c, at, line, section);
	if (!tn_slice_split(line, '=', &name, &value))
		return refuse(at, "neither [section] nor key = value");
	if (section->ptr == NULL)
		return refuse(at, "a key before the first [section]");
	at->key = find_key(c, *section, name, &names_file);
	if (at->key == NULL)
		return refuse(at, "unknown key \"%.*s\" in [%.*s]",
		    TN_SLICE_ARG(tn_slice_first(name, 60)),
		    TN_SLICE_ARG(*section));
	return set_key(c, at, value, names_file, false);
}

int
tn_conf_text(struct tn_conf *c, const char *name, struct tn_slice text,
    struct tn_err *err)
{
	struct place at = { .file = name, .err = err };
	struct tn_slice section = TN_SLICE_NONE;

	while (text.ptr != NULL) {
		struct tn_slice line = tn_slice_cut(&text, '\n');
		int rc;

		at.line++;
		rc = read_line(c, &at, line, &section);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
tn_conf_file(struct tn_conf *c, const char *path, struct tn_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct tn_buf text;
	int rc;

	if (fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", path);
	tn_buf_init(&text, TN_LIMIT_CONF_BYTES + 1);
	rc = read_all(fd, &text);
	if (rc == 0 && text.len > TN_LIMIT_CONF_BYTES)
		rc = TN_E_LIMIT;
	if (rc == TN_E_SYSTEM)
		tn_err_errno(err, rc, "%s", path);
	else if (rc == TN_E_LIMIT)
		rc = tn_err_set(err, TN_E_CONFIG, "%s: too large", path);
	else if (rc != 0)
		tn_err_set(err, rc, "%s: %s", path, tn_err_name(rc));
	else
		rc = tn_conf_text(c, path, tn_buf_view(&text), err);
	close(fd);
	wipe_buf(&text);
	return rc;
}

int
tn_conf_word(struct tn_conf *c, const char *word, struct tn_err *err)
{
	struct place at = { .file = "option", .err = err };
	struct tn_slice name, value, section;
	bool names_file;

	if (!is_text(tn_slice_str(word)))
		return refuse(&at, "control characters, or not UTF-8");
	if (!tn_slice_split(tn_slice_str(word), '=', &name, &value) ||
	    tn_slice_find(name, '.') < 0)
		return refuse(&at, "wanted is section.key=value");
	section = tn_slice_cut(&name, '.');
	at.key = find_key(c, section, name, &names_file);
	if (at.key == NULL)
		return refuse(&at, "unknown key \"%.*s.%.*s\"",
		    TN_SLICE_ARG(tn_slice_first(section, 60)),
		    TN_SLICE_ARG(tn_slice_first(name, 60)));
	return set_key(c, &at, value, names_file, true);
}
