/*
 * What sessions read from others: a record of the store, a Cookie header, a
 * name as somebody typed it. Each input is all three.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "session/session.h"
#include "session/signature.h"
#include "session/username.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 8 << 20 };

static const struct tn_signer *
signer(void)
{
	static const struct tn_slice secrets[] = { TN_SLICE("a secret") };
	static struct tn_signer *made;

	if (made == NULL)
		made = tn_signer_new(secrets, 1, NULL);
	return made;
}

/* What was taken is written, and taken again as the same. */
static void
read_record(struct tn_slice text)
{
	struct tn_session s, again;
	struct tn_arena arena;
	struct tn_buf first, second;

	tn_arena_init(&arena, ARENA_BYTES);
	tn_buf_init(&first, ARENA_BYTES);
	tn_buf_init(&second, ARENA_BYTES);
	if (tn_session_read(&s, &arena, TN_SLICE("a"), text, NULL) == 0) {
		tn_session_write(&s, &first);
		assert(first.failed == 0);
		assert(tn_session_read(&again, &arena, TN_SLICE("a"),
		    tn_buf_view(&first), NULL) == 0);
		tn_session_write(&again, &second);
		assert(tn_slice_eq(tn_buf_view(&first), tn_buf_view(&second)));
	}
	tn_buf_fini(&second);
	tn_buf_fini(&first);
	tn_arena_fini(&arena);
}

static void
read_cookie(struct tn_slice header)
{
	const struct tn_session_options options = {
		.name = TN_SLICE("connect.sid"), .signer = signer(),
	};
	struct tn_arena arena;
	struct tn_slice sid;

	tn_arena_init(&arena, ARENA_BYTES);
	if (tn_session_sid(header, &options, &arena, &sid, NULL) > 0)
		assert(sid.len > 0 && sid.len <= TN_LIMIT_SESSION_ID);
	tn_arena_fini(&arena);
}

/* The canonical form of a name is its own, and looks like it. */
static void
read_name(struct tn_slice typed)
{
	struct tn_username user, again;

	if (tn_username_read(&user, typed, NULL) < 0)
		return;
	assert(tn_username_read(&again, tn_slice_str(user.name), NULL) == 0);
	assert(strcmp(again.name, user.name) == 0);
	assert(strcmp(again.look, user.look) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tn_slice text = tn_slice((const char *)data, size);

	read_record(text);
	read_cookie(text);
	read_name(text);
	return 0;
}
