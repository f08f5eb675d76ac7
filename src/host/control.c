#include "config.h"

#include "host/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "host/listener.h"

enum {
	REQUEST_MS = 5000,	/* to ask, and to take the answer */
	ANSWER_MS = 60000,	/* for us to find it */
	READ_BYTES = 4096,
};

struct tn_control {
	struct tn_loop *loop;
	struct tn_log *log;
	tn_control_fn *fn;
	void *arg;
	struct tn_listener listener;
	struct tn_watch accept;
	struct tn_list calls;
	size_t ncalls;
};

enum call_state {
	CALL_ASKING,		/* the request comes */
	CALL_WAITING,		/* for its answer */
	CALL_ANSWERING,
};

struct tn_control_call {
	struct tn_control *control;	/* NULL: it went first */
	struct tn_list link;		/* in its calls */
	struct tn_watch watch;
	struct tn_timer deadline;
	struct tn_buf text;		/* the request, then the answer */
	size_t sent;
	enum call_state state;
};

/* ---- The request --------------------------------------------------------- */

int
tn_control_words(struct tn_slice text, struct tn_arena *arena,
    struct tn_slice *words, size_t cap, size_t *n, struct tn_err *err)
{
	struct tn_slice value;
	int r = tn_json_scan(text, NULL, err);

	*n = 0;
	if (r < 0)
		return r;
	if (tn_json_type(text) != TN_JSON_ARRAY)
		return tn_err_set(err, TN_E_TYPE, "a request is an array");
	while (tn_json_element(&text, &value)) {
		if (*n == cap)
			return tn_err_set(err, TN_E_LIMIT,
			    "more than %zu words", cap);
		r = tn_json_string(value, arena, &words[*n], err);
		if (r < 0)
			return r;
		++*n;
	}
	if (*n == 0)
		return tn_err_set(err, TN_E_SYNTAX, "no words");
	return 0;
}

/* ---- One call ------------------------------------------------------------ */

/* Nobody is there any more; whoever owes the answer still has the call. */
static void
hang_up(struct tn_control_call *call)
{
	struct tn_control *control = call->control;

	if (control == NULL)
		return;
	tn_loop_unwatch(control->loop, &call->watch);
	tn_wheel_cancel(&control->loop->wheel, &call->deadline);
	close(call->watch.fd);
	tn_list_remove(&call->link);
	control->ncalls--;
	call->control = NULL;
}

static void
dispose(struct tn_control_call *call)
{
	hang_up(call);
	tn_buf_fini(&call->text);
	free(call);
}

static void
on_deadline(void *arg)
{
	struct tn_control_call *call = arg;

	if (call->state == CALL_WAITING)
		hang_up(call);
	else
		dispose(call);
}

static void
set_deadline(struct tn_control_call *call, int ms)
{
	struct tn_wheel *wheel = &call->control->loop->wheel;

	tn_wheel_set(wheel, &call->deadline, wheel->now_ms + ms, on_deadline,
	    call);
}

static void
send_some(struct tn_control_call *call)
{
	struct tn_buf *b = &call->text;

	while (call->sent < b->len) {
		ssize_t n = send(call->watch.fd, b->ptr + call->sent,
		    b->len - call->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			call->sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && tn_loop_watch(
		    call->control->loop, &call->watch, TN_WRITE) == 0)
			return;
		break;
	}
	dispose(call);
}

void
tn_control_answer(struct tn_control_call *call, struct tn_slice json)
{
	if (call->control == NULL) {
		dispose(call);
		return;
	}
	if (json.len >= TN_LIMIT_CONTROL_ANSWER) {
		tn_control_refuse(call, "the answer is too long");
		return;
	}
	call->state = CALL_ANSWERING;
	tn_buf_fini(&call->text);
	tn_buf_init(&call->text, TN_LIMIT_CONTROL_ANSWER);
	tn_buf_slice(&call->text, json);
	tn_buf_char(&call->text, '\n');
	if (call->text.failed != 0) {
		dispose(call);
		return;
	}
	set_deadline(call, REQUEST_MS);
	send_some(call);
}

void
tn_control_refuse(struct tn_control_call *call, const char *text)
{
	struct tn_buf b;

	tn_buf_init(&b, 4096);
	tn_buf_str(&b, "{\"error\":");
	tn_json_write_string(&b, tn_slice_str(text));
	tn_buf_char(&b, '}');
	tn_control_answer(call, tn_buf_view(&b));
	tn_buf_fini(&b);
}

/* The line is there, its end stands at len. */
static void
ask(struct tn_control_call *call, size_t len)
{
	const struct tn_control *control = call->control;
	struct tn_slice words[TN_LIMIT_CONTROL_WORDS];
	struct tn_arena arena;
	struct tn_err err;
	size_t n;

	call->state = CALL_WAITING;
	set_deadline(call, ANSWER_MS);
	tn_loop_watch(control->loop, &call->watch, 0);
	tn_arena_init(&arena, 2 * TN_LIMIT_CONTROL_REQUEST);
	if (tn_control_words(tn_slice(call->text.ptr, len), &arena, words,
	    TN_LIMIT_CONTROL_WORDS, &n, &err) < 0)
		tn_control_refuse(call, err.text);
	else
		control->fn(call, words, n, control->arg);
	tn_arena_fini(&arena);
}

static void
read_some(struct tn_control_call *call)
{
	struct tn_buf *b = &call->text;
	char *room = tn_buf_room(b, READ_BYTES);
	ptrdiff_t end;
	ssize_t n;

	n = room == NULL ? 0 :
	    recv(call->watch.fd, room, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		dispose(call);
		return;
	}
	b->len += (size_t)n;
	end = tn_slice_find(tn_buf_view(b), '\n');
	if (end >= 0)
		ask(call, (size_t)end);
	else if (b->len > TN_LIMIT_CONTROL_REQUEST)
		tn_control_refuse(call, "the request is too long");
}

static void
on_ready(struct tn_watch *w, unsigned events)
{
	struct tn_control_call *call = w->arg;

	(void)events;
	if (call->state == CALL_ASKING)
		read_some(call);
	else if (call->state == CALL_ANSWERING)
		send_some(call);
}

/* ---- Who may call -------------------------------------------------------- */

static bool
may_call(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	    (who.uid == 0 || who.uid == geteuid());
}

static int
begin(struct tn_control *control, int fd)
{
	struct tn_control_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return TN_E_NOMEM;
	call->watch = (struct tn_watch){ .fd = fd, .fn = on_ready,
	    .arg = call };
	if (tn_loop_watch(control->loop, &call->watch, TN_READ) < 0) {
		free(call);
		return TN_E_NOMEM;
	}
	call->control = control;
	tn_buf_init(&call->text, TN_LIMIT_CONTROL_REQUEST + READ_BYTES);
	tn_list_append(&control->calls, &call->link);
	control->ncalls++;
	set_deadline(call, REQUEST_MS);
	return 0;
}

static void
on_acceptable(struct tn_watch *w, unsigned events)
{
	struct tn_control *control = w->arg;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (!may_call(fd)) {
		tn_log_event(control->log, TN_LOG_WARN, "control.refused",
		    TN_F_STR("why", "another user"));
		close(fd);
	} else if (control->ncalls >= TN_LIMIT_CONTROL_CALLS ||
	    begin(control, fd) < 0) {
		close(fd);
	}
}

/* ---- The socket ---------------------------------------------------------- */

/* A stranger who may write there could put a socket of his own in its place. */
static int
check_folder(const char *path, struct tn_err *err)
{
	ptrdiff_t slash = tn_slice_rfind(tn_slice_str(path), '/');
	char folder[108];
	struct stat st;

	if (slash <= 0 || (size_t)slash >= sizeof(folder))
		return tn_err_set(err, TN_E_CONFIG,
		    "\"%s\" is no path of a control socket", path);
	memcpy(folder, path, (size_t)slash);
	folder[slash] = '\0';
	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot make %s", folder);
	if (stat(folder, &st) < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "%s", folder);
	if (!S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		return tn_err_set(err, TN_E_CONFIG, "%s must be this user's "
		    "own folder, and others must not write to it", folder);
	return 0;
}

struct tn_control *
tn_control_new(struct tn_loop *loop, struct tn_log *log, const char *path,
    tn_control_fn *fn, void *arg, struct tn_err *err)
{
	struct tn_control *control = calloc(1, sizeof(*control));

	if (control == NULL) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the control");
		return NULL;
	}
	*control = (struct tn_control){ .loop = loop, .log = log, .fn = fn,
	    .arg = arg, .listener = { .fd = -1 } };
	tn_list_init(&control->calls);
	if (check_folder(path, err) < 0 ||
	    tn_listener_open_private(&control->listener, path, err) < 0) {
		tn_control_free(&control);
		return NULL;
	}
	control->accept = (struct tn_watch){ .fd = control->listener.fd,
	    .fn = on_acceptable, .arg = control };
	if (tn_loop_watch(loop, &control->accept, TN_READ) < 0) {
		tn_err_set(err, TN_E_NOMEM, "no memory for the control");
		tn_control_free(&control);
	}
	return control;
}

void
tn_control_free(struct tn_control **control)
{
	struct tn_control *old = *control;
	struct tn_list *it, *following;

	*control = NULL;
	if (old == NULL)
		return;
	TN_LIST_EACH(it, following, &old->calls) {
		struct tn_control_call *call = TN_CONTAINER(it,
		    struct tn_control_call, link);

		if (call->state == CALL_WAITING)
			hang_up(call);
		else
			dispose(call);
	}
	tn_loop_unwatch(old->loop, &old->accept);
	tn_listener_close(&old->listener, true);
	free(old);
}
