/* Who are you? The cookie of the site's session, and what Redis knows of it. */
#include "config.h"

#include "site.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "redis/keys.h"
#include "redis/link.h"
#include "session/session.h"

#define MEMBER_BYTES	8192			/* sid, or user */
#define SESSION_BYTES	(4 * TN_LIMIT_SESSION_BYTES)

static void
user_free(struct chat_user *user)
{
	free((char *)(uintptr_t)user->id.ptr);
}

static void
member_free(void *data)
{
	struct member *member = data;

	tn_revocation_unwatch(&member->watched);
	user_free(&member->user);
	free(member);
}

static bool
member_keep(struct member *member, const struct chat_user *user)
{
	char *text = malloc(user->id.len + user->json.len);

	if (text == NULL)
		return false;
	memcpy(text, user->id.ptr, user->id.len);
	memcpy(text + user->id.len, user->json.ptr, user->json.len);
	user_free(&member->user);
	member->user.id = tn_slice(text, user->id.len);
	member->user.json = tn_slice(text + user->id.len, user->json.len);
	return true;
}

static void
not_authenticated(struct site *site, struct tn_socket *socket,
    struct tn_next *next, const char *why)
{
	tn_log_event(&site->log, TN_LOG_INFO, "socket.refused",
	    TN_F_STR("reason", why),
	    TN_F_SLICE("address", tn_socket_address(socket)));
	tn_next_refuse(next, "Not Authenticated", TN_SLICE_NONE);
}

/* Redis is away: not the client's fault, so it may come again. */
static void
try_again(struct tn_next *next)
{
	tn_next_refuse(next, "Try Again", TN_SLICE("{\"retry\":true}"));
}

/*
 * The user of a session that has logged in, copied into keep.
 * Returns false for any other: gone, null, broken, without log-in.
 */
static bool
read_user(struct tn_slice sid, struct tn_slice record, struct tn_arena *keep,
    struct chat_user *user)
{
	struct tn_session session;
	struct tn_arena arena;
	struct tn_slice value;
	bool found;

	tn_arena_init(&arena, SESSION_BYTES);
	found = record.len <= TN_LIMIT_SESSION_BYTES &&
	    tn_session_read(&session, &arena, sid, record, NULL) == 0 &&
	    tn_session_get_bool(&session, "isAuthenticated") &&
	    tn_session_get(&session, "user", &value) &&
	    chat_user_read(user, value, keep, NULL) == 0;
	tn_arena_fini(&arena);
	return found;
}

/* Who may find this socket's session again: this user in this log-in. */
static int
set_owner(struct tn_socket *socket, const struct member *member)
{
	struct tn_slice owner;
	struct tn_buf text;
	int status;

	if (settings_recovery_events(&member->site->settings) == 0)
		return 0;
	tn_buf_init(&text, TN_LIMIT_RECOVERY_OWNER);
	tn_buf_slice(&text, member->user.id);
	tn_buf_char(&text, ' ');
	tn_buf_slice(&text, tn_revocation_sid(&member->watched));
	status = tn_buf_finish(&text, &owner, NULL);
	if (status == 0)
		status = tn_socket_set_owner(socket, owner);
	tn_buf_fini(&text);
	return status;
}

static void
session_read(const struct tn_reply *reply, const struct tn_err *err, void *arg)
{
	struct tn_next *next = arg;
	struct tn_socket *socket = tn_next_socket(next);
	struct tn_arena arena;
	struct chat_user user;
	struct member *member;
	bool found, kept;

	if (socket == NULL || err != NULL)
		return try_again(next);
	member = tn_socket_data(socket);
	tn_arena_init(&arena, MEMBER_BYTES);
	found = read_user(tn_revocation_sid(&member->watched),
	    tn_reply_text(reply), &arena, &user);
	kept = found && member_keep(member, &user);
	tn_arena_fini(&arena);
	if (!found)
		not_authenticated(member->site, socket, next,
		    "no session that has logged in");
	else if (!kept || set_owner(socket, member) < 0)
		try_again(next);
	else
		tn_next_ok(next);
}

/* GET sess:<sid>; from now on Redis tells when it changes. */
static int
ask_session(struct site *site, const struct member *member,
    struct tn_next *next)
{
	struct tn_buf key;
	int status;

	tn_buf_init(&key, 2048);
	tn_key_session(&key, tn_slice_str(site->settings.session.prefix),
	    tn_revocation_sid(&member->watched));
	status = key.failed != 0 ? key.failed : tn_link_call(site->link,
	    (struct tn_slice[]){ TN_SLICE("GET"), tn_buf_view(&key) }, 2,
	    session_read, next);
	tn_buf_fini(&key);
	return status;
}

/* Its session is watched from here on, before it is read. */
static struct member *
member_new(struct site *site, struct tn_socket *socket, struct tn_slice sid)
{
	struct member *member = calloc(1, sizeof(*member));

	if (member == NULL)
		return NULL;
	member->site = site;
	if (tn_revocation_watch(site->revocation, &member->watched, sid,
	    socket) < 0) {
		free(member);
		return NULL;
	}
	tn_socket_set_data(socket, member, member_free);
	return member;
}

/*
 * The session id that a signed cookie names; nothing that Redis must be
 * asked. Returns 1 with the socket's member made, 0 without such a cookie, or
 * TN_E_NOMEM.
 */
static int
read_cookie(struct site *site, struct tn_socket *socket,
    struct member **member)
{
	struct tn_arena arena;
	struct tn_slice sid;
	bool found;

	tn_arena_init(&arena, MEMBER_BYTES);
	found = tn_session_sid(tn_socket_header(socket, "cookie"),
	    &site->session, &arena, &sid, NULL) > 0;
	*member = found ? member_new(site, socket, sid) : NULL;
	tn_arena_fini(&arena);
	return !found ? 0 : *member == NULL ? TN_E_NOMEM : 1;
}

void
socket_auth(struct tn_socket *socket, struct tn_next *next, void *arg)
{
	struct site *site = arg;
	struct member *member;
	int found = read_cookie(site, socket, &member);

	if (found == 0)
		return not_authenticated(site, socket, next,
		    "no cookie with a good signature");
	if (found < 0 || ask_session(site, member, next) < 0)
		return try_again(next);
}

/* Another name, say: whoever sees the user is told. */
static void
take_user(struct tn_socket *socket, struct member *member,
    const struct chat_user *user)
{
	struct tn_slice room;

	if (!member_keep(member, user))
		return;
	tn_socket_emit(socket, "GetMe", member->user.json);
	for (size_t i = 0; (room = tn_socket_room(socket, i)).ptr != NULL; i++)
		chat_user_changed(&member->site->chat, room, &member->user);
}

/* The session has changed: is it still the log-in of the same user? */
bool
socket_may_stay(struct tn_socket *socket, struct tn_slice record, void *arg)
{
	struct member *member = tn_socket_data(socket);
	struct tn_arena arena;
	struct chat_user user;
	bool may;

	(void)arg;
	tn_arena_init(&arena, MEMBER_BYTES);
	may = read_user(tn_revocation_sid(&member->watched), record, &arena,
	    &user) &&
	    (member->user.id.len == 0 ||	/* not yet let in */
	    tn_slice_eq(user.id, member->user.id));
	if (may && member->user.id.len > 0 &&
	    !tn_slice_eq(user.json, member->user.json))
		take_user(socket, member, &user);
	tn_arena_fini(&arena);
	return may;
}
