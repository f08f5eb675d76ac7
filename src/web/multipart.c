/*
 * A part ends where CR LF "--" and the boundary stand. A boundary holds no
 * CR, so of a mark that breaks off nothing can begin another but the
 * character that broke it: counting how much of it has matched is enough.
 */
#include "config.h"

#include "web/multipart.h"

#include "base/err.h"
#include "base/utf8.h"

static int
wrong(struct tn_err *err, const char *what)
{
	return tn_err_set(err, TN_E_SYNTAX, "multipart: %s", what);
}

/* The value of a parameter ("a; name=x"), quotes off. */
static bool
find_param(struct tn_slice header, const char *name, struct tn_slice *value)
{
	struct tn_slice rest = header;

	tn_slice_cut(&rest, ';');
	while (rest.len > 0) {
		size_t i = 0, start;
		struct tn_slice key;

		while (i < rest.len && rest.ptr[i] != '=' &&
		    rest.ptr[i] != ';')
			i++;
		key = tn_slice_trim(tn_slice_first(rest, i));
		if (i == rest.len || rest.ptr[i] == ';') {
			rest = tn_slice_after(rest, i + 1);
			continue;
		}
		start = ++i;
		if (i < rest.len && rest.ptr[i] == '"') {
			start = ++i;
			while (i < rest.len && rest.ptr[i] != '"')
				i++;
		} else {
			while (i < rest.len && rest.ptr[i] != ';')
				i++;
		}
		if (tn_slice_ieq(key, tn_slice_str(name))) {
			*value = tn_slice(rest.ptr + start, i - start);
			return true;
		}
		rest = tn_slice_after(rest, i);
		tn_slice_cut(&rest, ';');
	}
	return false;
}

int
tn_multipart_init(struct tn_multipart *m, struct tn_slice content_type,
    const struct tn_multipart_handler *handler, struct tn_err *err)
{
	struct tn_slice boundary;

	m->handler = *handler;
	m->state = TN_MULTIPART_PREAMBLE;
	m->nhead = 0;
	if (!find_param(content_type, "boundary", &boundary))
		return wrong(err, "no boundary");
	boundary = tn_slice_trim(boundary);
	if (boundary.len < 1 || boundary.len > 70)
		return wrong(err, "a boundary of no length that may be");
	for (size_t i = 0; i < boundary.len; i++) {
		if (boundary.ptr[i] < 0x20 || boundary.ptr[i] > 0x7e)
			return wrong(err, "a boundary that is no text");
	}
	memcpy(m->mark, "\r\n--", 4);
	memcpy(m->mark + 4, boundary.ptr, boundary.len);
	m->nmark = 4 + boundary.len;
	m->matched = 2;		/* as if a line had ended before the first */
	return 0;
}

/* ---- Heads ------------------------------------------------------------------ */

/*
 * Browsers write '"', CR and LF in names as %22, %0D and %0A, and nothing
 * else so. Undone in place; the two line ends are refused with all other
 * control characters later.
 */
static struct tn_slice
undo_escapes(struct tn_slice s)
{
	char *to = (char *)(uintptr_t)s.ptr, *from = to;

	for (size_t i = 0; i < s.len; i++) {
		if (i + 2 < s.len && memcmp(s.ptr + i, "%22", 3) == 0) {
			*to++ = '"';
			i += 2;
		} else {
			*to++ = s.ptr[i];
		}
	}
	return tn_slice(from, (size_t)(to - from));
}

static bool
is_text(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	}
	return tn_utf8_valid(s);
}

/* Whatever folders a client names, only the last part counts. */
static struct tn_slice
base_name(struct tn_slice path)
{
	path = tn_slice_after(path, (size_t)(tn_slice_rfind(path, '/') + 1));
	return tn_slice_after(path, (size_t)(tn_slice_rfind(path, '\\') + 1));
}

static int
read_disposition(struct tn_slice value, struct tn_part_head *head,
    struct tn_err *err)
{
	struct tn_slice rest = value;

	if (!tn_slice_ieq(tn_slice_trim(tn_slice_cut(&rest, ';')),
	    TN_SLICE("form-data")))
		return wrong(err, "a part that is no form-data");
	if (!find_param(value, "name", &head->name))
		return wrong(err, "a part without a name");
	if (find_param(value, "filename", &head->filename)) {
		head->filename = base_name(undo_escapes(head->filename));
		if (head->filename.len == 0)
			head->filename = TN_SLICE("");
	}
	head->name = undo_escapes(head->name);
	if (!is_text(head->name) || !is_text(head->filename))
		return wrong(err, "a name that is no text");
	return 0;
}

static int
begin_part(struct tn_multipart *m, struct tn_err *err)
{
	struct tn_slice rest = tn_slice(m->head, m->nhead);
	struct tn_part_head head = { .name = TN_SLICE_NONE };
	bool found = false;

	while (rest.len > 0) {
		struct tn_slice line = tn_slice_cut(&rest, '\n');
		struct tn_slice name, value;
		int rc = 0;

		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (!tn_slice_split(line, ':', &name, &value))
			continue;
		if (tn_slice_ieq(name, TN_SLICE("content-disposition"))) {
			rc = read_disposition(value, &head, err);
			found = true;
		} else if (tn_slice_ieq(name, TN_SLICE("content-type"))) {
			head.type = value;
		}
		if (rc != 0)
			return rc;
	}
	if (!found)
		return wrong(err, "a part without Content-Disposition");
	m->nhead = 0;
	m->matched = 0;
	m->state = TN_MULTIPART_DATA;
	return m->handler.on_part(m->handler.arg, &head, err);
}

static int
take_head(struct tn_multipart *m, char c, struct tn_err *err)
{
	if (m->nhead == sizeof(m->head))
		return tn_err_set(err, TN_E_LIMIT,
		    "multipart: a part's head of more than %d bytes",
		    TN_LIMIT_PART_HEAD);
	m->head[m->nhead++] = c;
	if ((m->nhead >= 4 &&
	    memcmp(m->head + m->nhead - 4, "\r\n\r\n", 4) == 0) ||
	    (m->nhead == 2 && memcmp(m->head, "\r\n", 2) == 0))
		return begin_part(m, err);
	return 0;
}

/* ---- Bytes ------------------------------------------------------------------ */

static int
give(struct tn_multipart *m, struct tn_slice bytes, struct tn_err *err)
{
	if (m->state != TN_MULTIPART_DATA || bytes.len == 0)
		return 0;
	return m->handler.on_data(m->handler.arg, bytes, err);
}

/*
 * Up to the end of the mark, or of the bytes. What looked like the mark and
 * was not is given on from the mark itself.
 */
static int
take_data(struct tn_multipart *m, struct tn_slice *rest, struct tn_err *err)
{
	size_t i = 0, from = 0;		/* from there on nothing was given */
	int rc = 0;

	while (rc == 0 && i < rest->len && m->matched < m->nmark) {
		if (rest->ptr[i] == m->mark[m->matched]) {
			if (m->matched++ == 0)
				rc = give(m, tn_slice(rest->ptr + from,
				    i - from), err);
			from = ++i;
		} else if (m->matched > 0) {
			rc = give(m, tn_slice(m->mark, m->matched), err);
			m->matched = 0;
		} else {
			i++;
		}
	}
	if (rc == 0 && m->matched == 0)
		rc = give(m, tn_slice(rest->ptr + from, i - from), err);
	*rest = tn_slice_after(*rest, i);
	if (rc != 0 || m->matched < m->nmark)
		return rc;
	if (m->state == TN_MULTIPART_DATA)
		rc = m->handler.on_end(m->handler.arg, err);
	m->state = TN_MULTIPART_MARK;
	return rc;
}

/* Behind a mark: "--" ends it all, CR LF begins a part. */
static int
take_byte(struct tn_multipart *m, char c, struct tn_err *err)
{
	switch (m->state) {
	case TN_MULTIPART_MARK:
		if (c == '-')
			m->state = TN_MULTIPART_LAST;
		else if (c == '\r')
			m->state = TN_MULTIPART_LINE;
		else if (c != ' ' && c != '\t')
			return wrong(err, "no line end behind a boundary");
		return 0;
	case TN_MULTIPART_LAST:
		m->state = TN_MULTIPART_EPILOGUE;
		return c == '-' ? 0 : wrong(err, "half an end");
	case TN_MULTIPART_LINE:
		m->state = TN_MULTIPART_HEAD;
		return c == '\n' ? 0 :
		    wrong(err, "no line end behind a boundary");
	default:
		return take_head(m, c, err);
	}
}

int
tn_multipart_feed(struct tn_multipart *m, struct tn_slice bytes,
    struct tn_err *err)
{
	int rc = 0;

	while (rc == 0 && bytes.len > 0 &&
	    m->state != TN_MULTIPART_EPILOGUE) {
		if (m->state == TN_MULTIPART_PREAMBLE ||
		    m->state == TN_MULTIPART_DATA) {
			rc = take_data(m, &bytes, err);
			continue;
		}
		rc = take_byte(m, bytes.ptr[0], err);
		bytes = tn_slice_after(bytes, 1);
	}
	return rc;
}

int
tn_multipart_end(const struct tn_multipart *m, struct tn_err *err)
{
	return m->state == TN_MULTIPART_EPILOGUE ? 0 :
	    wrong(err, "it ends before its last boundary");
}
