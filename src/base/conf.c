#include "config.h"

#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf_value.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"

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
open_secret(const struct tn_conf_place *at, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		const char *why = strerror(errno);

		if (fd >= 0)
			close(fd);
		return tn_conf_refuse(at, "file %.80s: %s", path, why);
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) == 0)
		return fd;
	close(fd);
	return tn_conf_refuse(at, S_ISREG(st.st_mode) ?
	    "file %.80s: others can read it (chmod o-r)" :
	    "file %.80s: not a regular file", path);
}

/* The first line of a file, cut at a ceiling that no secret reaches. */
static int
read_secret(const struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_slice path, struct tn_slice *out)
{
	const char *name = tn_arena_str(c->arena, path);
	struct tn_buf text;
	struct tn_slice line;
	int fd, rc;

	if (name == NULL)
		return tn_conf_no_memory(at);
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
		rc = tn_conf_no_memory(at);
	else if (rc == TN_E_SYSTEM)
		rc = tn_conf_refuse(at, "file %.80s: %s", name,
		    strerror(errno));
	else if (line.len == 0)
		rc = tn_conf_refuse(at, "file %.80s: its first line is empty",
		    name);
	else if (line.len > TN_LIMIT_SECRET_FILE)
		rc = tn_conf_refuse(at, "file %.80s: its first line is too long",
		    name);
	else
		rc = 0;
	*out = rc == 0 ? tn_arena_copy(c->arena, line) : TN_SLICE_NONE;
	wipe_buf(&text);
	return rc == 0 && out->ptr == NULL ? tn_conf_no_memory(at) : rc;
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
		if (tn_slice_is(key, k->key) &&
		    tn_slice_is(section, k->section))
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
set_key(struct tn_conf *c, const struct tn_conf_place *at, struct tn_slice text,
    bool names_file, bool is_word)
{
	size_t i = (size_t)(at->key - c->keys);
	bool *seen = is_word ? c->seen_word : c->seen_file;
	struct tn_conf_value v = { .is_empty = false };
	int rc = 0;

	if (!is_word && seen[i] && at->key->type != TN_CONF_STRINGS)
		return tn_conf_refuse(at, "given twice");
	if (!strip_quotes(&text))
		return tn_conf_refuse(at, "a quote is missing or too many");
	if (names_file)
		rc = read_secret(c, at, text, &text);
	if (rc == 0 && names_file && !is_text(text))
		rc = tn_conf_refuse(at, "control characters in its file");
	if (rc == 0)
		rc = tn_conf_read_value(c, at, text, &v);
	if (rc == 0 && (is_word || !c->seen_word[i]))
		rc = tn_conf_store(c, at, &v, !seen[i]);
	seen[i] = true;
	return rc;
}

/* ---- sources --------------------------------------------------------------*/

int
tn_conf_init(struct tn_conf *c, const struct tn_conf_key *keys,
    void *settings, struct tn_arena *arena, struct tn_err *err)
{
	struct tn_conf_place at = { .file = "preset", .err = err };
	size_t n = 0;

	while (keys[n].section != NULL)
		n++;
	*c = (struct tn_conf){
		.keys = keys, .settings = settings, .arena = arena,
		.seen_file = tn_arena_alloc(arena, n),
		.seen_word = tn_arena_alloc(arena, n),
	};
	if (c->seen_file == NULL || c->seen_word == NULL)
		return tn_conf_no_memory(&at);
	for (size_t i = 0; i < n; i++) {
		struct tn_conf_value v = { .is_empty = true };
		int rc = 0;

		at.key = &keys[i];
		if (keys[i].preset != NULL)
			rc = tn_conf_read_value(c, &at,
			    tn_slice_str(keys[i].preset), &v);
		if (rc == 0)
			rc = tn_conf_store(c, &at, &v, true);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
read_section(struct tn_conf *c, const struct tn_conf_place *at,
    struct tn_slice line, struct tn_slice *section)
{
	if (line.ptr[line.len - 1] != ']')
		return tn_conf_refuse(at, "a section without ']'");
	*section = tn_slice_trim(tn_slice(line.ptr + 1, line.len - 2));
	if (!is_section(c, *section))
		return tn_conf_refuse(at, "unknown section [%.*s]",
		    TN_SLICE_ARG(tn_slice_first(*section, 60)));
	return 0;
}

static int
read_line(struct tn_conf *c, struct tn_conf_place *at, struct tn_slice line,
    struct tn_slice *section)
{
	struct tn_slice name, value;
	bool names_file;

	at->key = NULL;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	line = tn_slice_trim(line);
	if (!is_text(line))
		return tn_conf_refuse(at, "control characters, or not UTF-8");
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	if (line.ptr[0] == '[')
		return read_section(c, at, line, section);
	if (!tn_slice_split(line, '=', &name, &value))
		return tn_conf_refuse(at, "neither [section] nor key = value");
	if (section->ptr == NULL)
		return tn_conf_refuse(at, "a key before the first [section]");
	at->key = find_key(c, *section, name, &names_file);
	if (at->key == NULL)
		return tn_conf_refuse(at, "unknown key \"%.*s\" in [%.*s]",
		    TN_SLICE_ARG(tn_slice_first(name, 60)),
		    TN_SLICE_ARG(*section));
	return set_key(c, at, value, names_file, false);
}

int
tn_conf_text(struct tn_conf *c, const char *name, struct tn_slice text,
    struct tn_err *err)
{
	struct tn_conf_place at = { .file = name, .err = err };
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
	struct tn_conf_place at = { .file = "option", .err = err };
	struct tn_slice name, value, section;
	bool names_file;

	if (!is_text(tn_slice_str(word)))
		return tn_conf_refuse(&at, "control characters, or not UTF-8");
	if (!tn_slice_split(tn_slice_str(word), '=', &name, &value) ||
	    tn_slice_find(name, '.') < 0)
		return tn_conf_refuse(&at, "wanted is section.key=value");
	section = tn_slice_cut(&name, '.');
	at.key = find_key(c, section, name, &names_file);
	if (at.key == NULL)
		return tn_conf_refuse(&at, "unknown key \"%.*s.%.*s\"",
		    TN_SLICE_ARG(tn_slice_first(section, 60)),
		    TN_SLICE_ARG(tn_slice_first(name, 60)));
	return set_key(c, &at, value, names_file, true);
}
