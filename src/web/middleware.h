/*
 * Middleware: each function makes a step for tn_app_use.
 *
 * A sensible order: log, headers, static, session, form, csrf, routes. Limits
 * and texts' addresses are copied; stores, assets, the session's options and
 * the texts themselves are borrowed for the life of the app.
 */
#ifndef TN_MIDDLEWARE_H
#define TN_MIDDLEWARE_H

#include "session/session.h"
#include "web/router.h"

struct tn_assets;

/* One line a request, when it has been answered; never the query. */
struct tn_step tn_request_log(struct tn_log *log);

/* The zero value is the strict default. */
struct tn_headers_options {
	/*
	 * The whole Content-Security-Policy; "{nonce}" becomes
	 * " 'nonce-...'" if a view asked for it, "{ws}" the site's
	 * WebSocket origin. NULL: own scripts and styles, no inline ones
	 * without the nonce, connections to the site and its WebSocket, no
	 * framing.
	 */
	const char *csp;
	const char *referrer_policy;	/* NULL: "same-origin" */
	int hsts_s;			/* max-age; 0: one year; < 0: none */
};
struct tn_step tn_security_headers(const struct tn_headers_options *options);

/*
 * Files of assets below a prefix ("/assets"), which begins where the mounts
 * above end; see static.h. What is not there goes on to the routes.
 */
struct tn_step tn_static(const char *prefix, const struct tn_assets *assets);

/*
 * Sessions: loaded by the first tn_req_session, saved before the head of the
 * answer leaves. When they cannot be saved, the answer is a 503 instead. An
 * answer made with a session is not to be kept by caches, unless a handler
 * has set Cache-Control.
 */
struct tn_step tn_session(struct tn_store *store,
    const struct tn_session_options *options);

/*
 * A handler in front of one that anybody may see: while the store is away, tn_req_session
 * gives a stranger's session (is_detached) that is not saved, and no cookie
 * is sent, in place of the 503 of other routes.
 */
tn_handler tn_session_optional;

/* Lets handlers read and set signed cookies; signer is borrowed. */
struct tn_signer;
struct tn_step tn_cookie_parser(const struct tn_signer *signer);

struct tn_form_limits {
	size_t max_bytes;	/* of a body; 0: TN_LIMIT_FORM_BYTES */
	size_t max_fields;	/* 0: TN_LIMIT_FORM_PAIRS */
	bool extended;		/* nested fields too: req->form (qs.h) */
};

/*
 * Read forms (application/x-www-form-urlencoded) into req->fields. A body of
 * another type or charset to an unsafe method is 415, too large 413,
 * malformed 400.
 */
struct tn_step tn_form_body(const struct tn_form_limits *limits);

/*
 * Bodies of one type, read into req->data: JSON that was scanned (walk it
 * with base/json.h), text in UTF-8, or any bytes. Another type goes on to the
 * next. Compressed ones are inflated. Malformed 400, too large 413, another
 * encoding or charset 415. A byte order mark is left out.
 */
struct tn_body_options {
	size_t max_bytes;	/* inflated; 0: TN_LIMIT_BODY_BYTES */
	const char *type;	/* as in tn_req_is; NULL: json, text/plain, .. */
	bool any_value;		/* JSON that is no object or array, too */
};
struct tn_step tn_json_body(const struct tn_body_options *options);
struct tn_step tn_text_body(const struct tn_body_options *options);
struct tn_step tn_raw_body(const struct tn_body_options *options);

/*
 * Forms with files (multipart/form-data): fields into req->fields, files on
 * disk, named at random, in req->files; deleted at the end of the request
 * unless tn_file_keep moved them. Too much of anything is 413.
 */
struct tn_multipart_limits {
	const char *dir;	/* of the files; NULL: "/tmp" */
	uint64_t max_bytes;	/* of all; 0: TN_LIMIT_UPLOAD_BYTES */
	uint64_t max_file;	/* of one file; 0: as all */
	size_t max_field;	/* bytes of a field; 0: TN_LIMIT_FORM_BYTES */
	size_t max_files;	/* 0: TN_LIMIT_UPLOAD_FILES */
	size_t max_fields;	/* 0: TN_LIMIT_FORM_PAIRS */
};
struct tn_file {
	struct tn_slice name;		/* of the field */
	struct tn_slice filename;	/* the client's, without folders */
	struct tn_slice type;		/* what the client says it is */
	const char *path;		/* ours */
	uint64_t size;
	bool is_kept;
};
struct tn_step tn_multipart_body(const struct tn_multipart_limits *limits);

/* The first file of a field; NULL if there is none. */
struct tn_file *tn_req_file(const struct tn_req *req, const char *name);

/*
 * Move it, within its filesystem. Returns 0, or TN_E_SYSTEM in req->err.
 */
int tn_file_keep(struct tn_req *req, struct tn_file *file, const char *to);

/*
 * Lets scripts of other sites read our answers (CORS), and answers their
 * preflight requests. The zero value allows nobody.
 */
struct tn_cors_options {
	const char *const *origins;	/* "https://a.example"; n of them */
	size_t norigins;
	bool any_origin;		/* all; never with credentials */
	bool credentials;		/* cookies too */
	const char *methods;		/* NULL: GET,HEAD,PUT,PATCH,POST,DELETE */
	const char *headers;		/* NULL: those that are asked for */
	const char *exposed;		/* NULL: none */
	int max_age_s;			/* of a preflight; 0: not said */
};
struct tn_step tn_cors(const struct tn_cors_options *options);

/*
 * Unsafe methods need the session's proof, field "_csrf" or the header
 * X-CSRF-Token, and an Origin that is the site's own; else 403.
 */
struct tn_step tn_csrf(void);

#endif
