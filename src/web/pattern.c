#include "config.h"

#include "web/pattern.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static int
wrong(const struct tn_pattern *p, const char *why, struct tn_err *err)
{
	return tn_err_set(err, TN_E_CONFIG, "pattern \"%s\": %s", p->text,
	    why);
}

static bool
has_name(const struct tn_pattern *p, struct tn_slice name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->parts[i].kind != TN_PART_TEXT &&
		    tn_slice_eq(p->parts[i].text, name))
			return true;
	}
	return false;
}

static struct tn_slice
cut_name(struct tn_slice *rest)
{
	struct tn_slice name = tn_slice_first(*rest, 0);

	while (name.len < rest->len && is_name_char(name.ptr[name.len]))
		name.len++;
	*rest = tn_slice_after(*rest, name.len);
	return name;
}

/* ":name" or "*name" off the front of *rest. */
static int
add_name(struct tn_pattern *p, struct tn_slice *rest, struct tn_err *err)
{
	bool is_rest = rest->ptr[0] == '*';
	struct tn_slice name;

	*rest = tn_slice_after(*rest, 1);
	name = cut_name(rest);
	if (name.len == 0)
		return wrong(p, "a parameter without a name", err);
	if (has_name(p, name))
		return wrong(p, "a name given twice", err);
	if (is_rest && rest->len > 0)
		return wrong(p, "'*' stands only at the end", err);
	if (p->n > 0 && p->parts[p->n - 1].kind != TN_PART_TEXT)
		return wrong(p, "two parameters without text between", err);
	p->parts[p->n++] = (struct tn_part){
		is_rest ? TN_PART_REST : TN_PART_NAME, name };
	return 0;
}

static int
add_parts(struct tn_pattern *p, struct tn_err *err)
{
	struct tn_slice rest = tn_slice_str(p->text);
	size_t names = 0;

	if (rest.len == 0 || rest.ptr[0] != '/')
		return wrong(p, "does not begin with '/'", err);
	while (rest.len > 0) {
		size_t len = strcspn(rest.ptr, ":*");
		int rc;

		if (len > 0) {
			p->parts[p->n++] = (struct tn_part){ TN_PART_TEXT,
				tn_slice_first(rest, len) };
			rest = tn_slice_after(rest, len);
			continue;
		}
		if (names++ == TN_LIMIT_PARAMS)
			return wrong(p, "too many parameters", err);
		rc = add_name(p, &rest, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
tn_pattern_init(struct tn_pattern *p, const char *text, struct tn_err *err)
{
	int rc;

	*p = (struct tn_pattern){ .text = strdup(text) };
	/* names and texts take turns, so there is room for every one */
	p->parts = calloc(2 * TN_LIMIT_PARAMS + 2, sizeof(*p->parts));
	rc = p->text == NULL || p->parts == NULL ?
	    tn_err_set(err, TN_E_NOMEM, "no memory for a route") :
	    add_parts(p, err);
	if (rc != 0)
		tn_pattern_fini(p);
	return rc;
}

void
tn_pattern_fini(struct tn_pattern *p)
{
	free(p->text);
	free(p->parts);
	*p = (struct tn_pattern){ .text = NULL };
}

/* A parameter ends at '/', or where the text behind it begins. */
static struct tn_slice
take_value(struct tn_slice rest, const struct tn_part *part, bool is_last)
{
	char stop = is_last ? '/' : part[1].text.ptr[0];
	size_t len = 0;

	if (part->kind == TN_PART_REST)
		return rest;
	while (len < rest.len && rest.ptr[len] != '/' &&
	    (len == 0 || rest.ptr[len] != stop))
		len++;
	return tn_slice_first(rest, len);
}

ptrdiff_t
tn_pattern_match(const struct tn_pattern *p, struct tn_slice path,
    struct tn_pair *params, size_t cap, size_t *n)
{
	struct tn_slice rest = path;
	size_t at = *n;

	if (p->n == 0)
		return -1;	/* it was refused */
	for (size_t i = 0; i < p->n; i++) {
		const struct tn_part *part = &p->parts[i];
		struct tn_slice value = part->text;

		if (part->kind == TN_PART_TEXT) {
			if (!tn_slice_starts(rest, value))
				return -1;
		} else {
			value = take_value(rest, part, i + 1 == p->n);
			if (value.len == 0 || at == cap)
				return -1;
			params[at++] = (struct tn_pair){ part->text, value };
		}
		rest = tn_slice_after(rest, value.len);
	}
	*n = at;
	return (ptrdiff_t)(path.len - rest.len);
}
