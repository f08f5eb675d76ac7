#include "config.h"

#include "host/owner.h"

#include "base/err.h"
#include "base/limits.h"

static bool
is_plain(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return s.len > 0;
}

bool
tn_owner_is_name(struct tn_slice name)
{
	return name.len <= TN_LIMIT_WORKER_NAME && is_plain(name);
}

/* "random.worker"; anything else is nobody's. */
static struct tn_slice
owner_of(struct tn_slice sid)
{
	ptrdiff_t dot = tn_slice_rfind(sid, '.');
	struct tn_slice name;

	if (dot < 0 || !is_plain(tn_slice_first(sid, (size_t)dot)))
		return TN_SLICE_NONE;
	name = tn_slice_after(sid, (size_t)dot + 1);
	return tn_owner_is_name(name) ? name : TN_SLICE_NONE;
}

/* Sent twice, it means one thing to the proxy and another to the engine. */
static struct tn_slice
find_sid(struct tn_slice query)
{
	struct tn_slice sid = TN_SLICE_NONE;

	while (query.ptr != NULL) {
		struct tn_slice pair = tn_slice_cut(&query, '&');

		if (!tn_slice_starts(pair, TN_SLICE("sid=")))
			continue;
		if (sid.ptr != NULL)
			return TN_SLICE_NONE;
		sid = tn_slice_after(pair, 4);
	}
	return sid;
}

int
tn_owner_read(struct tn_slice head, struct tn_slice *owner)
{
	ptrdiff_t end = tn_slice_find(head, '\n');
	struct tn_slice rest, target;

	*owner = TN_SLICE_NONE;
	if (end < 0 && head.len < TN_LIMIT_OWNER_LINE)
		return 0;
	if (end < 0 || end >= TN_LIMIT_OWNER_LINE)
		return TN_E_LIMIT;
	rest = tn_slice_first(head, (size_t)end);
	tn_slice_cut(&rest, ' ');		/* the method */
	target = tn_slice_cut(&rest, ' ');
	tn_slice_cut(&target, '?');
	*owner = owner_of(find_sid(target));
	return (int)end + 1;
}
