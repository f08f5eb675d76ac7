/* What tandemctl may ask of this worker. */
#include "config.h"

#include "control.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/loop.h"
#include "cluster/canary.h"
#include "redis/link.h"

void
control_begin(const struct site *site, struct tn_buf *out)
{
	tn_buf_init(out, TN_LIMIT_CONTROL_ANSWER);
	tn_buf_str(out, "{\"worker\":");
	tn_json_write_string(out, tn_slice_str(site->settings.name));
}

void
control_finish(struct tn_control_call *call, struct tn_buf *out)
{
	struct tn_slice json;

	tn_buf_char(out, '}');
	if (tn_buf_finish(out, &json, NULL) < 0)
		tn_control_refuse(call, "the answer is too long");
	else
		tn_control_answer(call, json);
	tn_buf_fini(out);
}

void
control_done(const struct question *q, int status)
{
	struct tn_buf out;

	if (status < 0) {
		tn_control_refuse(q->call, tn_err_name(status));
		return;
	}
	control_begin(q->site, &out);
	tn_buf_str(&out, ",\"done\":true");
	control_finish(q->call, &out);
}

/* ---- How is it ----------------------------------------------------------- */

static void
stats(const struct question *q)
{
	struct site *site = q->site;
	struct tn_buf out;

	control_begin(site, &out);
	tn_buf_printf(&out, ",\"pid\":%ld,\"sessions\":%zu,\"sockets\":%zu,"
	    "\"counts\":", (long)getpid(),
	    tn_engine_len(tn_io_engine(site->io)), tn_ns_len(site->ns));
	site_write_counts(site, &out);
	control_finish(q->call, &out);
}

/*
 * ok, degraded (it serves, but not all of it) or draining; and why.
 */
static void
health(const struct question *q)
{
	const struct site *site = q->site;
	const struct {
		bool is_so;
		const char *why;
	} reasons[] = {
		{ tn_host_io_is_draining(site->host), "told to stop" },
		{ !tn_link_is_up(site->link), "redis away" },
		{ tn_canary_is_deaf(site->canary), "redis tells nothing" },
	};
	const char *state = "ok", *comma = "";
	struct tn_buf out;

	if (reasons[0].is_so)
		state = "draining";
	else
		for (size_t i = 1; i < sizeof(reasons) / sizeof(*reasons); i++)
			if (reasons[i].is_so)
				state = "degraded";
	control_begin(site, &out);
	tn_buf_printf(&out, ",\"state\":\"%s\",\"reasons\":[", state);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (!reasons[i].is_so)
			continue;
		tn_buf_printf(&out, "%s\"%s\"", comma, reasons[i].why);
		comma = ",";
	}
	tn_buf_char(&out, ']');
	control_finish(q->call, &out);
}

/* ---- All of them --------------------------------------------------------- */

static const struct command {
	const char *name;
	control_fn *fn;
	size_t min_words, max_words;	/* behind the name */
} commands[] = {
	{ "health", health, 0, 0 },
	{ "stats", stats, 0, 0 },
	{ "nodes", control_nodes, 0, 0 },
	{ "clients", control_clients, 0, 1 },
	{ "client", control_client, 1, 1 },
	{ "rooms", control_rooms, 0, 0 },
	{ "disconnect", control_disconnect, 2, 2 },
	{ "join", control_join, 2, 2 },
	{ "leave", control_leave, 2, 2 },
	{ "emit", control_emit, 2, TN_LIMIT_CONTROL_WORDS - 1 },
};

static void
on_request(struct tn_control_call *call, const struct tn_slice *words,
    size_t n, void *arg)
{
	const struct question q = { arg, call, words, n };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];

		if (!tn_slice_is(words[0], c->name))
			continue;
		if (n - 1 < c->min_words || n - 1 > c->max_words)
			tn_control_refuse(call, "not as many words as that");
		else
			c->fn(&q);
		return;
	}
	tn_control_refuse(call, "no such command");
}

int
site_open_control(struct site *site, struct tn_err *err)
{
	const struct settings *cfg = &site->settings;
	char path[108];
	int n;

	if (cfg->ws.control_dir == NULL)
		return 0;
	n = snprintf(path, sizeof(path), "%s/%s.ctl", cfg->ws.control_dir,
	    cfg->name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return tn_err_set(err, TN_E_CONFIG,
		    "[ws] control_dir is too long a path");
	site->control = tn_control_new(tn_host_io_loop(site->host),
	    &site->log, path, on_request, site, err);
	return site->control == NULL ? err->code : 0;
}
