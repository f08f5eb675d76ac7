#include "config.h"

#include "io/sio_packet.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "io/engine.h"

/* ---- reading --------------------------------------------------------------*/

static bool
is_binary(enum tn_sio_type type)
{
	return type == TN_SIO_BINARY_EVENT || type == TN_SIO_BINARY_ACK;
}

static size_t
count_digits(struct tn_slice s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return n;
}

static int
read_type(struct tn_slice *rest, struct tn_sio_packet *out, struct tn_err *err)
{
	if (rest->len == 0)
		return tn_err_set(err, TN_E_SYNTAX, "an empty packet");
	if (rest->ptr[0] < '0' || rest->ptr[0] >= '0' + TN_SIO_TYPES)
		return tn_err_set(err, TN_E_SYNTAX, "an unknown packet type");
	out->type = (enum tn_sio_type)(rest->ptr[0] - '0');
	*rest = tn_slice_after(*rest, 1);
	return 0;
}

static int
read_attachments(struct tn_slice *rest, size_t max, struct tn_sio_packet *out,
    struct tn_err *err)
{
	size_t digits = count_digits(*rest);
	uint64_t n;

	if (!is_binary(out->type))
		return 0;
	if (digits == rest->len || rest->ptr[digits] != '-' ||
	    !tn_slice_u64(tn_slice_first(*rest, digits), &n) || n == 0)
		return tn_err_set(err, TN_E_SYNTAX,
		    "a binary packet without a count of attachments");
	if (n > max)
		return tn_err_set(err, TN_E_LIMIT,
		    "more than %zu attachments", max);
	out->attachments = (size_t)n;
	*rest = tn_slice_after(*rest, digits + 1);
	return 0;
}

static bool
is_printable(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	}
	return tn_utf8_valid(s);
}

static void
read_nsp(struct tn_slice *rest, struct tn_sio_packet *out)
{
	out->nsp = TN_SLICE("/");
	if (rest->len == 0 || rest->ptr[0] != '/')
		return;
	out->nsp = tn_slice_cut(rest, ',');
}

static int
check_nsp(struct tn_slice nsp, struct tn_err *err)
{
	if (nsp.len > TN_LIMIT_NSP_NAME)
		return tn_err_set(err, TN_E_LIMIT,
		    "a namespace of %zu bytes", nsp.len);
	if (!is_printable(nsp))
		return tn_err_set(err, TN_E_SYNTAX,
		    "a namespace that is not printable text");
	return 0;
}

static int
read_id(struct tn_slice *rest, struct tn_sio_packet *out, struct tn_err *err)
{
	size_t digits = count_digits(*rest);

	if (digits == 0)
		return 0;
	if (!tn_slice_u64(tn_slice_first(*rest, digits), &out->id))
		return tn_err_set(err, TN_E_SYNTAX, "an id past 64 bits");
	out->has_id = true;
	*rest = tn_slice_after(*rest, digits);
	return 0;
}

static int
read_data(struct tn_slice rest, struct tn_sio_packet *out, struct tn_err *err)
{
	char first;
	bool fits;

	if (rest.len == 0)
		return out->type != TN_SIO_CONNECT_ERROR ? 0 : tn_err_set(err,
		    TN_E_SYNTAX, "a refusal without a payload");
	first = rest.ptr[0];
	switch (out->type) {
	case TN_SIO_CONNECT:
		fits = first == '{';
		break;
	case TN_SIO_DISCONNECT:
		fits = false;
		break;
	case TN_SIO_CONNECT_ERROR:
		fits = first == '{' || first == '"';
		break;
	default:
		fits = first == '[';
		break;
	}
	if (!fits)
		return tn_err_set(err, TN_E_SYNTAX,
		    "a payload of the wrong kind");
	out->data = rest;
	return tn_json_scan(rest, NULL, err);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct tn_slice
skip_space(struct tn_slice s)
{
	size_t n = 0;

	while (n < s.len && is_space(s.ptr[n]))
		n++;
	return tn_slice_after(s, n);
}

/* The bytes between the brackets of an array. */
static struct tn_slice
inside(struct tn_slice array)
{
	size_t len = array.len;

	while (array.ptr[len - 1] != ']')
		len--;
	for (len--; len > 1 && is_space(array.ptr[len - 1]); len--)
		;
	return skip_space(tn_slice(array.ptr + 1, len - 1));
}

struct tn_slice
tn_args_behind(struct tn_slice array, struct tn_slice first)
{
	struct tn_slice all = inside(array), rest;

	rest = skip_space(tn_slice_after(all,
	    (size_t)(first.ptr + first.len - all.ptr)));
	return skip_space(tn_slice_after(rest, 1));
}

static int
check_name(struct tn_slice name, struct tn_err *err)
{
	if (name.len > TN_LIMIT_EVENT_NAME)
		return tn_err_set(err, TN_E_LIMIT,
		    "an event name of %zu bytes", name.len);
	if (tn_sio_is_reserved(name))
		return tn_err_set(err, TN_E_SYNTAX,
		    "an event with a reserved name");
	return 0;
}

/* A number is a name too: 5 is listened to as "5". */
static int
read_name(struct tn_slice first, struct tn_arena *arena, struct tn_slice *name,
    struct tn_err *err)
{
	/* an escape is at most six bytes for one */
	if (first.len > 6 * TN_LIMIT_EVENT_NAME + 2)
		return tn_err_set(err, TN_E_LIMIT,
		    "an event name of %zu bytes", first.len);
	switch (tn_json_type(first)) {
	case TN_JSON_NUMBER:
		*name = first;
		return check_name(*name, err);
	case TN_JSON_STRING:
		if (tn_json_string(first, arena, name, err) < 0)
			return arena->overflowed ? TN_E_NOMEM : TN_E_SYNTAX;
		return check_name(*name, err);
	default:
		return tn_err_set(err, TN_E_SYNTAX, "an event without a name");
	}
}

static int
read_args(struct tn_arena *arena, struct tn_sio_packet *out,
    struct tn_err *err)
{
	struct tn_slice rest = out->data, first;

	if (out->data.ptr == NULL)
		return 0;
	if (out->type == TN_SIO_ACK || out->type == TN_SIO_BINARY_ACK) {
		out->args = inside(out->data);
		return 0;
	}
	if (out->type != TN_SIO_EVENT && out->type != TN_SIO_BINARY_EVENT)
		return 0;
	if (!tn_json_element(&rest, &first))
		return tn_err_set(err, TN_E_SYNTAX, "an event without a name");
	out->args = tn_args_behind(out->data, first);
	return read_name(first, arena, &out->name, err);
}

int
tn_sio_accept(struct tn_sio_packet *out, struct tn_slice data,
    struct tn_arena *arena, struct tn_err *err)
{
	int r;

	if ((r = check_nsp(out->nsp, err)) < 0 ||
	    (r = read_data(data, out, err)) < 0 ||
	    (r = read_args(arena, out, err)) < 0)
		return r;
	if (out->attachments > 0 &&
	    !tn_sio_check_placeholders(out->data, out->attachments))
		return tn_err_set(err, TN_E_SYNTAX,
		    "a placeholder without an attachment");
	return 0;
}

int
tn_sio_decode(struct tn_slice text, size_t max_attachments,
    struct tn_arena *arena, struct tn_sio_packet *out, struct tn_err *err)
{
	struct tn_slice rest = text;
	int r;

	*out = (struct tn_sio_packet){ 0 };
	if ((r = read_type(&rest, out, err)) < 0 ||
	    (r = read_attachments(&rest, max_attachments, out, err)) < 0)
		return r;
	read_nsp(&rest, out);
	if ((r = read_id(&rest, out, err)) < 0)
		return r;
	return tn_sio_accept(out, rest, arena, err);
}

/* ---- checks ---------------------------------------------------------------*/

bool
tn_sio_is_reserved(struct tn_slice name)
{
	static const char *const names[] = {
		"connect", "connect_error", "disconnect", "disconnecting",
		"newListener", "removeListener",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (tn_slice_is(name, names[i]))
			return true;
	}
	return false;
}

int
tn_sio_check_event(struct tn_slice data, size_t nbuffers, struct tn_err *err)
{
	struct tn_slice rest = data, first, name;
	struct tn_arena arena;
	int r;

	if (nbuffers > TN_LIMIT_ATTACHMENTS)
		return tn_err_set(err, TN_E_LIMIT,
		    "more than %d attachments", TN_LIMIT_ATTACHMENTS);
	if (!tn_json_element(&rest, &first))
		return tn_err_set(err, TN_E_SYNTAX, "an event without a name");
	tn_arena_init(&arena, 8 * TN_LIMIT_EVENT_NAME);
	r = read_name(first, &arena, &name, err);
	tn_arena_fini(&arena);
	if (r == 0 && nbuffers > 0 &&
	    !tn_sio_check_placeholders(data, nbuffers))
		r = tn_err_set(err, TN_E_SYNTAX,
		    "a placeholder without a buffer");
	return r;
}

static struct tn_slice
cut_string(struct tn_slice *rest)
{
	struct tn_slice s = *rest;
	size_t n = 1;

	while (n < s.len && s.ptr[n] != '"')
		n += s.ptr[n] == '\\' ? 2 : 1;
	*rest = tn_slice_after(s, n + 1);
	return tn_slice_first(s, n + 1);
}

struct tn_slice
tn_args_first(struct tn_slice args)
{
	struct tn_slice rest = args;
	size_t depth = 0;

	while (rest.len > 0) {
		char c = rest.ptr[0];

		if (c == '"') {
			cut_string(&rest);
			continue;
		}
		if (c == ',' && depth == 0)
			break;
		if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth > 0)
			depth--;
		rest = tn_slice_after(rest, 1);
	}
	return tn_slice_trim(tn_slice_first(args, args.len - rest.len));
}

/* What is known of each object that is open while the text is walked. */
struct open_object {
	bool is_placeholder;
	bool has_num;
};

struct walk {
	struct open_object open[TN_LIMIT_JSON_DEPTH + 1];
	size_t depth;
	size_t nbuffers;
};

/* A string has been cut; if a colon follows it was a key. */
static void
note_member(struct walk *w, struct tn_slice key, struct tn_slice rest)
{
	struct open_object *o = &w->open[w->depth];
	size_t digits;
	uint64_t num;

	rest = skip_space(rest);
	if (rest.len == 0 || rest.ptr[0] != ':')
		return;
	rest = skip_space(tn_slice_after(rest, 1));
	if (tn_json_string_is(key, TN_SLICE("_placeholder"))) {
		o->is_placeholder = rest.len > 0 && rest.ptr[0] == 't';
	} else if (tn_json_string_is(key, TN_SLICE("num"))) {
		digits = count_digits(rest);
		rest = digits == rest.len ? rest :
		    tn_slice_first(rest, digits + 1);
		o->has_num = digits > 0 &&
		    (digits == rest.len ||
		    strchr(".eE", rest.ptr[digits]) == NULL) &&
		    tn_slice_u64(tn_slice_first(rest, digits), &num) &&
		    num < w->nbuffers;
	}
}

bool
tn_sio_check_placeholders(struct tn_slice data, size_t nbuffers)
{
	struct walk w = { .nbuffers = nbuffers };

	while (data.len > 0) {
		char c = data.ptr[0];

		if (c == '"') {
			struct tn_slice key = cut_string(&data);

			note_member(&w, key, data);
			continue;
		}
		data = tn_slice_after(data, 1);
		if (c == '[' || c == '{') {
			if (w.depth == TN_LIMIT_JSON_DEPTH)
				return false;
			w.open[++w.depth] = (struct open_object){ 0 };
		} else if ((c == ']' || c == '}') && w.depth > 0) {
			const struct open_object *o = &w.open[w.depth--];

			if (o->is_placeholder && !o->has_num)
				return false;
		}
	}
	return true;
}

/* ---- writing --------------------------------------------------------------*/

static size_t
put_number(char *to, uint64_t number)
{
	char digits[TN_DIGITS];
	struct tn_slice text = tn_slice_of_u64(number, digits);

	memcpy(to, text.ptr, text.len);
	return text.len;
}

struct tn_rcbuf *
tn_sio_encode(const struct tn_sio_packet *p)
{
	char head[TN_LIMIT_NSP_NAME + 2 * TN_DIGITS + 3];
	size_t n = 0;

	if (p->nsp.len > TN_LIMIT_NSP_NAME)
		return NULL;
	head[n++] = (char)('0' + p->type);
	if (is_binary(p->type)) {
		n += put_number(head + n, p->attachments);
		head[n++] = '-';
	}
	if (p->nsp.len > 1) {
		memcpy(head + n, p->nsp.ptr, p->nsp.len);
		n += p->nsp.len;
		head[n++] = ',';
	}
	if (p->has_id)
		n += put_number(head + n, p->id);
	return tn_message_new(tn_slice(head, n), p->data, false);
}
