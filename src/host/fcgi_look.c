#include "config.h"

#include "host/fcgi_look.h"

#include "base/limits.h"

/* One record: its header taken apart. */
struct record {
	unsigned type;
	unsigned id;
	size_t content;
	size_t padding;
};

/* Where we are in the pairs of the parameter stream. */
struct pairs {
	unsigned char lengths[8];
	size_t have;		/* bytes of lengths */
	size_t skip;		/* of the name and value, still to come */
	size_t total;
	bool wrong;
};

struct look {
	unsigned id;		/* 0: nothing has begun */
	bool params_ended;
	struct pairs pairs;
};

/* Returns false while the header has not come. */
static bool
read_header(struct tn_slice in, struct record *r)
{
	const unsigned char *p = (const unsigned char *)in.ptr;

	if (in.len < TN_FCGI_HEADER_BYTES)
		return false;
	r->type = p[0] == 1 ? p[1] : 0;		/* version 1, or no type */
	r->id = (unsigned)p[2] << 8 | p[3];
	r->content = (size_t)p[4] << 8 | p[5];
	r->padding = p[6];
	return true;
}

/* One length: 1 byte, or 4 with the top bit set. Returns bytes used, or 0. */
static size_t
read_length(const unsigned char *p, size_t n, size_t *length)
{
	if (n >= 1 && p[0] < 0x80) {
		*length = p[0];
		return 1;
	}
	if (n < 4)
		return 0;
	*length = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 |
	    (size_t)p[2] << 8 | p[3];
	return 4;
}

/* With both lengths known, the pair is what is to be skipped. */
static void
begin_pair(struct pairs *pairs)
{
	size_t name, value;
	size_t used = read_length(pairs->lengths, pairs->have, &name);

	if (used == 0 || read_length(pairs->lengths + used,
	    pairs->have - used, &value) == 0)
		return;
	pairs->have = 0;
	pairs->skip = name + value;
	if (pairs->skip > TN_LIMIT_FCGI_PAIR)
		pairs->wrong = true;
}

static void
walk_pairs(struct pairs *pairs, struct tn_slice in)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t left = in.len;

	pairs->total += in.len;
	while (left > pairs->skip && !pairs->wrong) {
		p += pairs->skip;
		left -= pairs->skip + 1;
		pairs->skip = 0;
		pairs->lengths[pairs->have++] = *p++;
		begin_pair(pairs);
	}
	if (!pairs->wrong)
		pairs->skip -= left;
}

static enum tn_fcgi_arrival
on_begin(struct look *look, const struct record *r, struct tn_slice content)
{
	if (look->id != 0 || r->content != 8 || r->id == 0)
		return TN_FCGI_WRONG;
	if (content.len >= 2 &&
	    (content.ptr[0] != 0 || content.ptr[1] != TN_FCGI_RESPONDER))
		return TN_FCGI_WRONG;
	look->id = r->id;
	return TN_FCGI_PARTIAL;
}

static enum tn_fcgi_arrival
on_params(struct look *look, const struct record *r, struct tn_slice content)
{
	if (look->params_ended)
		return TN_FCGI_WRONG;
	walk_pairs(&look->pairs, content);
	if (look->pairs.wrong)
		return TN_FCGI_WRONG;
	if (look->pairs.total > TN_LIMIT_FCGI_HEAD)
		return TN_FCGI_LARGE;
	if (r->content > 0)
		return TN_FCGI_PARTIAL;
	look->params_ended = true;
	if (look->pairs.skip > 0 || look->pairs.have > 0)
		return TN_FCGI_WRONG;	/* a pair that never ends */
	return TN_FCGI_HEAD;
}

/* content is what has come of it, perhaps not all. */
static enum tn_fcgi_arrival
on_record(struct look *look, const struct record *r, struct tn_slice content)
{
	if (r->type == TN_FCGI_BEGIN)
		return on_begin(look, r, content);
	if (look->id == 0 || r->id != look->id)
		return TN_FCGI_WRONG;
	if (r->type == TN_FCGI_PARAMS)
		return on_params(look, r, content);
	if (r->type != TN_FCGI_STDIN || !look->params_ended)
		return TN_FCGI_WRONG;
	return r->content == 0 ? TN_FCGI_WHOLE : TN_FCGI_HEAD;
}

enum tn_fcgi_arrival
tn_fcgi_look(struct tn_slice in, unsigned *request_id)
{
	struct look look = { .id = 0 };
	enum tn_fcgi_arrival seen = TN_FCGI_PARTIAL;
	struct record r;

	while (read_header(in, &r)) {
		bool is_cut = in.len < TN_FCGI_HEADER_BYTES + r.content +
		    r.padding;
		enum tn_fcgi_arrival now;

		in = tn_slice_after(in, TN_FCGI_HEADER_BYTES);
		now = on_record(&look, &r, tn_slice_first(in, r.content));
		if (now == TN_FCGI_WRONG || now == TN_FCGI_LARGE) {
			seen = now;
			break;
		}
		if (is_cut)
			break;	/* what it says counts when it is all here */
		seen = now;
		if (seen == TN_FCGI_WHOLE)
			break;
		in = tn_slice_after(in, r.content + r.padding);
	}
	*request_id = look.id;
	return seen;
}
