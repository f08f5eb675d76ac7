#include "config.h"

#include "web/flash.h"

#include "base/json.h"
#include "session/session.h"
#include "web/request.h"
#include "web/response.h"

enum {
	MAX_LINES = 16,
	MAX_BYTES = 4096,	/* of all lines, as JSON */
};

static const char member[] = "flash";

static struct tn_slice
kept_lines(const struct tn_session *s)
{
	struct tn_slice value;

	if (!tn_session_get(s, member, &value) || value.len > MAX_BYTES ||
	    tn_json_type(value) != TN_JSON_OBJECT)
		return TN_SLICE("{}");
	return value;
}

static void
write_key(struct tn_buf *out, struct tn_slice raw, bool *is_first)
{
	tn_buf_char(out, *is_first ? '{' : ',');
	*is_first = false;
	tn_buf_slice(out, raw);
	tn_buf_char(out, ':');
}

/* "[a]" and text become "[a,"text"]". */
static void
write_longer(struct tn_buf *out, struct tn_slice array, struct tn_slice text)
{
	struct tn_slice value;

	tn_buf_char(out, '[');
	while (tn_json_element(&array, &value)) {
		tn_buf_slice(out, value);
		tn_buf_char(out, ',');
	}
	tn_json_write_string(out, text);
	tn_buf_char(out, ']');
}

/* The lines kept so far, with one more of this kind. */
static void
write_lines(struct tn_buf *out, struct tn_slice had, struct tn_slice kind,
    struct tn_slice text)
{
	struct tn_slice key, value;
	bool is_first = true, is_added = false;

	while (tn_json_member(&had, &key, &value)) {
		write_key(out, key, &is_first);
		if (tn_json_string_is(key, kind)) {
			write_longer(out, value, text);
			is_added = true;
		} else {
			tn_buf_slice(out, value);
		}
	}
	if (!is_added) {
		tn_buf_char(out, is_first ? '{' : ',');
		tn_json_write_string(out, kind);
		tn_buf_char(out, ':');
		write_longer(out, TN_SLICE("[]"), text);
	}
	tn_buf_char(out, '}');
}

int
tn_res_flash(struct tn_res *res, const char *kind, struct tn_slice text)
{
	struct tn_req *req = res->req;
	struct tn_session *s = tn_req_session(req);
	struct tn_buf *out = &res->out;	/* free until the head */
	struct tn_slice lines;
	int rc;

	if (s == NULL)
		return req->err.code;
	tn_buf_reset(out);
	write_lines(out, kept_lines(s), tn_slice_str(kind), text);
	rc = tn_buf_finish(out, &lines, &req->err);
	/* what nobody reads must not pile up */
	if (rc == 0 && lines.len > MAX_BYTES)
		return tn_err_set(&req->err, TN_E_LIMIT,
		    "more than %d bytes for the next page", MAX_BYTES);
	if (rc == 0)
		rc = tn_session_set(s, member, lines);
	tn_buf_reset(out);
	return rc;
}

int
tn_res_flash_redirect(struct tn_res *res, const char *kind, const char *text,
    const char *path)
{
	int rc = tn_res_flash(res, kind, tn_slice_str(text));

	return rc < 0 ? rc : tn_res_redirect(res, path);
}

/* One line as a set of variables; NULL when the arena is full. */
static const struct tn_var *
make_item(struct tn_arena *arena, struct tn_slice kind, struct tn_slice text)
{
	struct tn_var *set = tn_arena_alloc(arena, 3 * sizeof(*set));

	if (set == NULL)
		return NULL;
	set[0] = (struct tn_var)TN_VAR("kind", kind);
	set[1] = (struct tn_var)TN_VAR("text", text);
	return set;
}

static int
add_kind(struct tn_arena *arena, struct tn_slice key, struct tn_slice texts,
    const struct tn_var **items, size_t *n)
{
	struct tn_slice kind, raw, text;

	if (tn_json_string(key, arena, &kind, NULL) != 0)
		return 0;
	while (*n < MAX_LINES && tn_json_element(&texts, &raw)) {
		if (tn_json_string(raw, arena, &text, NULL) != 0)
			continue;
		items[*n] = make_item(arena, kind, text);
		if (items[*n] == NULL)
			return TN_E_NOMEM;
		++*n;
	}
	return 0;
}

static int
read_lines(struct tn_req *req, struct tn_slice lines, struct tn_var *list)
{
	const struct tn_var **items =
	    tn_arena_alloc(req->arena, MAX_LINES * sizeof(*items));
	struct tn_slice key, texts;
	size_t n = 0;
	int rc = items == NULL ? TN_E_NOMEM : 0;

	while (rc == 0 && tn_json_member(&lines, &key, &texts))
		rc = add_kind(req->arena, key, texts, items, &n);
	if (rc != 0)
		return tn_err_set(&req->err, rc, "no memory for flash lines");
	*list = (struct tn_var)TN_VAR_LIST(member, items, n);
	return 0;
}

/*
 * A page that anybody may see is shown without its lines, rather than not at
 * all, when the session cannot be had.
 */
int
tn_flash_take(struct tn_req *req, struct tn_var *list)
{
	struct tn_session *s = NULL;
	int rc;

	*list = (struct tn_var)TN_VAR_LIST(member, NULL, 0);
	if (req->session_source != NULL)
		s = tn_req_session(req);
	if (s == NULL) {
		req->err.code = 0;
		return 0;
	}
	if (!tn_session_get(s, member, &(struct tn_slice){ NULL, 0 }))
		return 0;
	rc = read_lines(req, kept_lines(s), list);
	if (rc == 0)
		tn_session_remove(s, member);
	return rc;
}
