/*
 * The answer to one request.
 *
 * A handler sets what it wants and ends with one of send, json, redirect,
 * render or end, whose result it returns: TN_DONE, or the error that kept
 * the answer from being sent, for the error handler.
 */
#ifndef TN_RESPONSE_H
#define TN_RESPONSE_H

#include "base/buf.h"
#include "base/limits.h"

struct tn_err;
struct tn_req;
struct tn_res;
struct tn_var;
struct tn_cookie_options;

/* Where the bytes of an answer go: head and body as a CGI response. */
struct tn_sink {
	/* Returns 0; TN_E_IO when the other side has gone. Takes no views. */
	int (*write)(struct tn_sink *sink, struct tn_slice bytes);
	/* Push what was written to the client now; may be NULL. */
	int (*flush)(struct tn_sink *sink);
	/*
	 * The last of the answer is this part of a file, to be read when there
	 * is room for it; fd is the caller's still. Returns as write. NULL: it
	 * is written piece by piece.
	 */
	int (*send_file)(struct tn_sink *sink, int fd, uint64_t first,
	    uint64_t length);
};

struct tn_res_header {
	struct tn_slice name;
	struct tn_slice value;
};

/*
 * Called once before the head leaves, the last added first: may still set
 * headers. A negative result keeps the answer back; the error handler then
 * answers in its place.
 */
typedef int tn_before_head(struct tn_req *req, struct tn_res *res, void *arg);

/* Called once when all has been said. */
typedef void tn_after_end(struct tn_req *req, struct tn_res *res, void *arg);

enum tn_res_state {
	TN_RES_OPEN,		/* nothing has left */
	TN_RES_STREAMING,	/* the head has */
	TN_RES_ENDED,
};

struct tn_res {
	struct tn_req *req;
	struct tn_sink *sink;
	struct tn_arena *arena;
	enum tn_res_state state;
	int status;
	bool is_broken;		/* cut short: the connection cannot be kept */
	bool no_etag;		/* the page holds something made for it alone */
	uint64_t body_bytes;	/* sent so far, without the head */
	struct tn_res_header headers[TN_LIMIT_RES_HEADERS +
	    TN_LIMIT_RES_OWN_HEADERS];
	size_t nheaders;
	bool bad_header;	/* one was refused: the answer becomes a 500 */
	struct {
		tn_before_head *fn;
		void *arg;
	} before[TN_LIMIT_RES_HOOKS];
	size_t nbefore;
	struct {
		tn_after_end *fn;
		void *arg;
	} after[TN_LIMIT_RES_HOOKS];
	size_t nafter;
	struct tn_buf out;	/* head, and small bodies; kept */
	struct tn_buf page;	/* a rendered view; kept */
};

/* The reason phrase of a status: "Not Found"; "Unknown" if it has none. */
const char *tn_status_text(int status);

/* 200 unless set. A number outside 200..599 counts as 500. */
void tn_res_status(struct tn_res *res, int status);

/*
 * Set a header, in place of all of that name; add one more (Set-Cookie); add
 * names to Vary, with ',' between; set Content-Type. A name that is no token,
 * a value with a control character, one header too many: it is refused, and
 * the answer becomes a 500, so that nothing half-made leaves. Values are
 * copied; names and types are borrowed for the exchange, as literals are. A
 * type may be an extension, "json"; text is given its charset, UTF-8, unless
 * it says one.
 */
void tn_res_set(struct tn_res *res, const char *name, struct tn_slice value);
void tn_res_append(struct tn_res *res, const char *name,
    struct tn_slice value);
void tn_res_vary(struct tn_res *res, const char *names);
void tn_res_type(struct tn_res *res, const char *type);
void tn_res_remove(struct tn_res *res, const char *name);

/*
 * Set a cookie (path "/" unless given), with a signature, or take it back:
 * then with the path and domain that it was set with.
 *
 * options  session/cookie.h; NULL: none. max_age sets Expires too.
 *
 * Signing needs tn_cookie_parser(). What cannot be written becomes a 500.
 */
void tn_res_cookie(struct tn_res *res, const char *name,
    struct tn_slice value, const struct tn_cookie_options *options);
void tn_res_signed_cookie(struct tn_res *res, const char *name,
    struct tn_slice value, const struct tn_cookie_options *options);
void tn_res_clear_cookie(struct tn_res *res, const char *name,
    const struct tn_cookie_options *options);

/*
 * Content-Disposition: save it under this name (UTF-8). Unless a type was
 * set, it is that of the name's ending.
 */
void tn_res_attachment(struct tn_res *res, struct tn_slice name);

/* One more link in Link: rel "next". */
void tn_res_links(struct tn_res *res, const char *rel, struct tn_slice url);

/* Location, a path of this site, base_path put in front; no redirect. */
void tn_res_location(struct tn_res *res, struct tn_slice path);

/*
 * Answer by what the client accepts:
 *
 *	static const struct tn_format formats[] = {
 *		{ "html", as_page }, { "json", as_json }, { NULL, NULL }
 *	};
 *
 *	return tn_res_format(res, formats, arg);
 *
 * formats  ended by a handler of NULL; at most TN_LIMIT_FORMATS; a type of
 *          NULL takes what is left. The Content-Type is set before.
 *
 * Without any that will do, 406.
 */
struct tn_format {
	const char *type;
	int (*fn)(struct tn_req *req, struct tn_res *res, void *arg);
};
int tn_res_format(struct tn_res *res, const struct tn_format *formats,
    void *arg);

/* The value set so far; ptr NULL if there is none. */
struct tn_slice tn_res_get(const struct tn_res *res, const char *name);

/* 0, or TN_E_LIMIT past TN_LIMIT_RES_HOOKS. */
int tn_res_before_head(struct tn_res *res, tn_before_head *fn, void *arg);
int tn_res_after_end(struct tn_res *res, tn_after_end *fn, void *arg);

/*
 * Send the whole answer: text/html unless a type was set. A 200 to GET or
 * HEAD gets an ETag unless it has one, and becomes a 304 when the client
 * has it already; HEAD gets no body.
 */
int tn_res_send(struct tn_res *res, struct tn_slice body);

/* The same for JSON text that is already written: application/json. */
int tn_res_json(struct tn_res *res, struct tn_slice json);

/* Only the reason phrase, as text: for small answers. */
int tn_res_send_status(struct tn_res *res, int status);

/*
 * Send the client to a path of this site: "/chat?room=1". 302 after GET, 303
 * after other methods, unless a 3xx was set. base_path is put in front.
 * Anything a browser could take for another site ("//evil", "/\evil",
 * "https:...") is refused with TN_E_DENIED.
 */
int tn_res_redirect(struct tn_res *res, const char *path);
int tn_res_redirect_slice(struct tn_res *res, struct tn_slice path);

/* May tn_res_redirect go there? */
bool tn_is_local_path(struct tn_slice path);

/*
 * Send the client to another site.
 *
 * allowed  origins, "https://pay.example"; n of them
 *
 * Returns TN_DONE; TN_E_DENIED if the url's origin is none of them.
 */
int tn_res_redirect_to(struct tn_res *res, struct tn_slice url,
    const char *const *allowed, size_t n);

/* Keep a line for the next page (the view's "flash"), then redirect. */
int tn_res_flash_redirect(struct tn_res *res, const char *kind,
    const char *text, const char *path);

/* Keep it, without a redirect. Returns 0 or a negative error. */
int tn_res_flash(struct tn_res *res, const char *kind, struct tn_slice text);

/*
 * Fill a view of the app and send it.
 *
 * name  of the view: "account/login"
 * vars  ended by a name of NULL, see tn_vars(); may be NULL
 *
 * Views see besides: csrf, nonce, base (the base_path), path, and flash, a
 * list of {kind, text}.
 */
int tn_res_render(struct tn_res *res, const char *name,
    const struct tn_var *vars);

/*
 * Send piece by piece: the first call sends the head. Returns 0 or the
 * error (TN_E_IO: the client has gone). tn_res_flush pushes it on to the
 * client; tn_res_end says that this was all.
 */
int tn_res_write(struct tn_res *res, struct tn_slice bytes);
int tn_res_flush(struct tn_res *res);
int tn_res_end(struct tn_res *res);

/*
 * Does the client have this already (If-None-Match, If-Modified-Since), by
 * the ETag and Last-Modified that are set? Source: RFC 9110, 13.1.
 */
bool tn_res_is_fresh(const struct tn_res *res);

/*
 * May the request be carried out (If-Match, If-Unmodified-Since), by the
 * ETag and Last-Modified that are set? If not, 412 is the answer.
 */
bool tn_res_precondition(const struct tn_res *res);

/*
 * Forget what described an answer that will not be sent. Cookies stay, as in
 * Express: what they stand for has been done.
 */
void tn_res_clear(struct tn_res *res);

/*
 * For the app: begin the answer to req->err instead, with the HTTP status
 * that goes with it and, where coming back later may help, Retry-After.
 */
void tn_res_fail(struct tn_res *res);

/* For the app: all has been said; call the hooks of tn_res_after_end. */
void tn_res_finish(struct tn_res *res);

#endif
