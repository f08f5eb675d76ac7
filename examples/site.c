/*
 * Notes and files behind a FastCGI web server:
 *
 *	site unix:/run/site.sock /srv/files
 *
 *	POST /notes		a note, as JSON {"text": ..} or as a form
 *	GET /notes/:id		it, as JSON
 *	GET /notes/events	each note as it comes, as server-sent events;
 *				?count=N ends them after so many
 *	POST /files		a form with a "file", which is kept
 *	GET /files/:name	it, or the parts of it that are asked for
 *
 * The notes are in the memory of this one process; the last of them are kept.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "host/host_app.h"
#include "web/middleware.h"
#include "web/sse.h"
#include "web/static.h"

enum { KEPT = 64, TEXT_BYTES = 200, STREAMS = 8 };

struct site {
	pthread_mutex_t lock;		/* guards the notes */
	pthread_cond_t more;
	uint64_t n;			/* the last one's id; the first is 1 */
	char notes[KEPT][TEXT_BYTES + 1];
	struct tn_assets files;
	const char *dir;		/* of the files */
};

/* A note into text, waiting a second for one to come. */
static bool
read_note(struct site *site, uint64_t id, bool wait, char *text)
{
	struct timespec end;
	bool found;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 1;
	pthread_mutex_lock(&site->lock);
	while (wait && id > site->n && pthread_cond_timedwait(&site->more,
	    &site->lock, &end) == 0)
		continue;
	found = id > 0 && id <= site->n && site->n - id < KEPT;
	if (found)
		strcpy(text, site->notes[id % KEPT]);
	pthread_mutex_unlock(&site->lock);
	return found;
}

static int
add_note(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct site *site = arg;
	struct tn_slice text = tn_req_field(req, "text"), raw;
	char path[32];

	if (tn_json_get(req->data, "text", &raw) &&
	    tn_json_string(raw, req->arena, &text, &req->err) < 0)
		return tn_req_refuse(req, 400, "a note that is no text");
	if (text.len == 0 || text.len > TEXT_BYTES)
		return tn_req_refuse(req, 400,
		    "a note of %zu bytes, not of 1 to %d", text.len,
		    TEXT_BYTES);
	pthread_mutex_lock(&site->lock);
	site->n++;
	snprintf(site->notes[site->n % KEPT], TEXT_BYTES + 1, "%.*s",
	    (int)text.len, text.ptr);
	snprintf(path, sizeof(path), "/notes/%llu",
	    (unsigned long long)site->n);
	pthread_cond_broadcast(&site->more);
	pthread_mutex_unlock(&site->lock);
	tn_res_location(res, tn_slice_str(path));
	return tn_res_send_status(res, 201);
}

static int
show_note(struct tn_req *req, struct tn_res *res, void *arg)
{
	char text[TEXT_BYTES + 1];
	struct tn_slice json;
	struct tn_buf out;
	uint64_t id;
	int rc;

	if (!tn_slice_u64(tn_req_param(req, "id"), &id) ||
	    !read_note(arg, id, false, text))
		return tn_req_refuse(req, 404, "no such note");
	tn_buf_init(&out, TN_LIMIT_PAGE_BYTES);
	tn_buf_str(&out, "{\"id\":");
	tn_buf_u64(&out, id);
	tn_buf_str(&out, ",\"text\":");
	tn_json_write_string(&out, tn_slice_str(text));
	tn_buf_char(&out, '}');
	rc = tn_buf_finish(&out, &json, &req->err);
	if (rc == 0)
		rc = tn_res_json(res, json);
	tn_buf_fini(&out);
	return rc;
}

/* A client that comes back says which note it saw last. */
static int
stream_notes(struct tn_req *req, struct tn_res *res, void *arg)
{
	uint64_t seen = 0, count = UINT64_MAX;
	char text[TEXT_BYTES + 1], id[24];
	struct tn_sse_event event = { .retry_ms = 1000 };
	int rc = tn_sse_start(res);

	tn_slice_u64(tn_req_header(req, "last-event-id"), &seen);
	tn_slice_u64(tn_req_query(req, "count"), &count);
	while (rc == 0 && count > 0) {
		if (!read_note(arg, seen + 1, true, text)) {
			rc = tn_sse_ping(res);	/* is anybody there? */
			continue;
		}
		seen++;
		count--;
		snprintf(id, sizeof(id), "%llu", (unsigned long long)seen);
		event.id = tn_slice_str(id);
		event.data = tn_slice_str(text);
		rc = tn_sse_send(res, &event);
	}
	return rc != 0 ? rc : tn_res_end(res);
}

/* Kept under a name of ours: what it is called proves nothing. */
static int
add_file(struct tn_req *req, struct tn_res *res, void *arg)
{
	struct tn_file *file = tn_req_file(req, "file");
	const struct site *site = arg;
	char path[512];

	if (file == NULL)
		return tn_req_refuse(req, 400, "a form without a file");
	snprintf(path, sizeof(path), "%s/%s", site->dir, req->id);
	if (tn_file_keep(req, file, path) < 0)
		return req->err.code;
	snprintf(path, sizeof(path), "/files/%s", req->id);
	tn_res_location(res, tn_slice_str(path));
	return tn_res_send_status(res, 201);
}

static int
show_file(struct tn_req *req, struct tn_res *res, void *arg)
{
	const struct site *site = arg;

	return tn_res_send_file(res, &site->files, tn_req_param(req, "name"));
}

static void
add_routes(struct tn_app *app, struct site *site, struct tn_log *log)
{
	struct tn_router *notes = tn_router_new(site);
	struct tn_router *files = tn_router_new(site);
	const struct tn_multipart_limits upload = {
		.dir = site->dir, .max_file = 256 << 10,
	};

	tn_router_use(notes, tn_json_body(NULL));
	tn_router_use(notes, tn_form_body(NULL));
	tn_router_post(notes, "/", add_note);
	tn_router_get(notes, "/events", tn_slow, stream_notes);
	tn_router_get(notes, "/:id", show_note);
	tn_router_use(files, tn_multipart_body(&upload));
	tn_router_post(files, "/", add_file);
	tn_router_get(files, "/:name", show_file);
	tn_app_use(app, tn_request_log(log));
	tn_app_mount(app, "/notes", notes);
	tn_app_mount(app, "/files", files);
}

int
main(int argc, char **argv)
{
	static struct site site = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.more = PTHREAD_COND_INITIALIZER,
	};
	/* each stream has a thread; the notes are one process' own */
	struct tn_host_app_options host = {
		.workers = 1, .slow_threads = STREAMS, .drain_ms = 1000,
	};
	struct tn_app *app = NULL;
	struct tn_err err = { 0 };
	struct tn_log log;

	if (argc != 3) {
		fprintf(stderr, "usage: site LISTEN FOLDER\n");
		return EXIT_FAILURE;
	}
	host.listen = argv[1];
	site.dir = argv[2];
	if (tn_log_open(&log, "site", TN_LOG_STDERR, NULL, TN_LOG_INFO,
	    &err) == 0 && tn_random_start(&err) == 0 &&
	    tn_assets_open(&site.files, site.dir, 0, &err) == 0 &&
	    (app = tn_app_new(&site, &log, &err)) != NULL) {
		add_routes(app, &site, &log);
		if (tn_app_check(app, &err) == 0)
			tn_host_run_app(app, &host, &log, &err);
	}
	if (err.code < 0)
		fprintf(stderr, "site: %s\n", err.text);
	tn_app_free(&app);
	return err.code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
