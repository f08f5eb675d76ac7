/*
 * One HTTP request as handlers see it.
 *
 * All slices are views that live until the exchange ends. Text that was
 * decoded (path, query, fields, params) is valid UTF-8 without NUL. What is
 * asked for by name and is not there comes back as an empty slice whose ptr
 * is NULL.
 */
#ifndef TN_REQUEST_H
#define TN_REQUEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/url.h"

struct tn_app;
struct tn_res;
struct tn_session;
struct tn_session_ahead;
struct tn_session_source;
struct tn_router;
struct tn_param_step;
struct tn_range;
struct tn_signer;
struct tn_qs;
struct tn_file;
struct tn_log;
struct tn_redis;
struct tn_redis_batch;

/* The methods that routes know; any other is TN_METHOD_OTHER. */
#define TN_METHODS(X)	\
	X(GET)		\
	X(HEAD)		\
	X(POST)		\
	X(PUT)		\
	X(PATCH)	\
	X(DELETE)	\
	X(OPTIONS)

enum tn_method {
	TN_METHOD_OTHER,
#define TN_METHOD_ENUM(name) TN_METHOD_##name,
	TN_METHODS(TN_METHOD_ENUM)
#undef TN_METHOD_ENUM
	TN_METHOD_COUNT
};

/*
 * The bytes of the body, from whoever reads the connection. It ends where the
 * stream ends, whatever Content-Length says.
 */
struct tn_body {
	/*
	 * Put 1..cap bytes in to. Returns how many; 0 at the end of the body;
	 * TN_E_IO, TN_E_TIMEOUT. May wait unless is_complete.
	 */
	int64_t (*read)(struct tn_body *body, char *to, size_t cap,
	    struct tn_err *err);
	bool is_complete;	/* all of it has come: reading never waits */
};

/* Where the chain of handlers stands; the router's own. */
struct tn_walk {
	struct tn_walk_frame {
		const struct tn_router *router;
		size_t layer;
		size_t step;
		size_t param;		/* param callbacks of the layer done */
		bool entered;		/* the layer is one for this request */
		size_t base_len;	/* of the path, used up by mounts */
		size_t inner_len;	/* ... and by the layer itself */
		size_t nparams;		/* of the mounts above */
		size_t first_param;	/* of those, the first that is seen */
		size_t ncalled;		/* param callbacks of those above */
	} frames[TN_LIMIT_MOUNTS];
	size_t depth;
	struct tn_param_call {
		const struct tn_param_step *step;
		struct tn_slice value;
	} called[TN_LIMIT_PARAM_CALLS];
	size_t ncalled;
	unsigned allowed;		/* methods seen on this path: 1 << m */
	bool failed;			/* looking for an error handler */
	bool ending;			/* ... of the app, at the end of all */
	int stopped;			/* TN_SLOW, TN_QUICK, TN_ASK, or 0 */
};

struct tn_local {
	const void *key;
	void *value;
};

struct tn_req {
	struct tn_arena *arena;
	struct tn_app *app;
	struct tn_res *res;
	struct tn_err err;		/* for "return fn(..., &req->err)" */
	int err_status;			/* HTTP status of err; 0: by its code */
	char id[17];			/* random; stands in every log line */
	int64_t start_ms;		/* monotonic */

	enum tn_method method;
	struct tn_slice method_name;	/* as sent */
	struct tn_slice target;		/* raw path and query, as sent */
	struct tn_slice path;		/* decoded once, no dot segments */
	struct tn_slice base_url;	/* the part that mounts have used up */
	struct tn_slice base_path;	/* of the site: "" or "/app" */
	struct tn_slice query_text;	/* raw, without '?' */
	struct tn_slice origin;		/* the site's; ask tn_req_origin */
	struct tn_slice host;		/* as sent, with a port; may be empty */
	struct tn_slice address;	/* of the client, checked */
	struct tn_slice *addresses;	/* peer to client, of trusted proxies */
	size_t naddresses;
	bool secure;			/* the client came over TLS */
	bool is_slow;			/* in the helper pool: it may wait */

	struct tn_pair headers[TN_LIMIT_HEADER_COUNT]; /* "USER_AGENT" form */
	size_t nheaders;
	struct tn_slice cookies;	/* all Cookie headers, joined by "; " */
	struct tn_slice content_type;
	struct tn_slice content_length;

	struct tn_pair params[TN_LIMIT_PARAMS];
	size_t nparams;
	size_t first_param;		/* those before are of outer routers */
	struct tn_pair *query;		/* parsed when first asked for */
	size_t nquery;
	struct tn_pair *fields;		/* of a form, by tn_form_body */
	size_t nfields;
	struct tn_body *body;		/* NULL: none, or it has been read */
	struct tn_slice data;		/* by tn_json_body and its kin */
	const struct tn_qs *form;	/* by tn_form_body, with nested fields */
	struct tn_file *files;		/* by tn_multipart_body */
	size_t nfiles;
	const struct tn_signer *signer;	/* by tn_cookie_parser */

	struct tn_session *session;	/* NULL until tn_req_session */
	struct tn_session_source *session_source;
	const struct tn_session_ahead *session_ahead;	/* NULL: ask */
	bool session_optional;		/* tn_session_optional */
	int session_err;		/* why it could not be loaded */
	struct tn_slice csp_nonce;
	struct tn_redis_batch *batch;	/* by tn_req_batch; NULL: none */
	struct tn_local locals[TN_LIMIT_LOCALS];
	size_t nlocals;
	struct tn_walk walk;
};

/* The name of a method of ours: "GET"; "" for TN_METHOD_OTHER. */
const char *tn_method_name(enum tn_method method);
enum tn_method tn_method_find(struct tn_slice name);

/* GET, HEAD and OPTIONS change nothing (RFC 9110, 9.2.1). */
bool tn_req_is_safe(const struct tn_req *req);

/*
 * The value of a header, by its name in any case: "user-agent". If it was
 * sent several times, all values with ", " between, of Cookie with "; "; but
 * only the first of Authorization, From, Host, If-(Un)modified-Since,
 * Max-Forwards, Proxy-Authorization, Referer and User-Agent, as in Node.
 */
struct tn_slice tn_req_header(const struct tn_req *req, const char *name);

/*
 * A variable of the query string; the last if given several times. A query
 * that cannot be decoded, or has too many, is refused before any handler.
 */
struct tn_slice tn_req_query(struct tn_req *req, const char *name);

/*
 * A part of the path: "id" of the route "/user/:id". Those of the routers
 * above are seen too where the router merges parameters.
 */
struct tn_slice tn_req_param(const struct tn_req *req, const char *name);

/* The path below base_url, as Express's req.path: "/" at the mount itself. */
struct tn_slice tn_req_path(const struct tn_req *req);

/* A field of the form in the body (after tn_form_body); the last of a name. */
struct tn_slice tn_req_field(const struct tn_req *req, const char *name);

/* A cookie, decoded; the first of a name. */
struct tn_slice tn_req_cookie(struct tn_req *req, const char *name);

/*
 * A cookie that was signed (tn_res_signed_cookie, or by Express), with its
 * signature checked and off. Needs tn_cookie_parser() before it.
 * Returns 1; 0: no such cookie, or not signed; TN_E_DENIED: forged.
 */
int tn_req_signed_cookie(struct tn_req *req, const char *name,
    struct tn_slice *value);

/* Is a cookie's value JSON ("j:{...}"), as Express writes objects? */
bool tn_cookie_json(struct tn_slice value, struct tn_slice *json);

/*
 * Is the Content-Type this one, whatever its charset? Also an extension
 * ("json"), "text/" with '*' behind, "+json", "urlencoded", "multipart".
 */
bool tn_req_is(const struct tn_req *req, const char *type);

/*
 * Which of our offers the client likes best; NULL if it takes none:
 *
 *	tn_req_accepts(req, "html", "json")
 *	tn_req_accepts_languages(req, "en", "de")
 */
#define TN_OFFERS(...)	((const char *const[]){ __VA_ARGS__, NULL })
#define tn_req_accepts(req, ...) \
	tn_req_accepts_one((req), TN_OFFERS(__VA_ARGS__))
#define tn_req_accepts_encodings(req, ...) \
	tn_req_accepts_encodings_one((req), TN_OFFERS(__VA_ARGS__))
#define tn_req_accepts_languages(req, ...) \
	tn_req_accepts_languages_one((req), TN_OFFERS(__VA_ARGS__))
#define tn_req_accepts_charsets(req, ...) \
	tn_req_accepts_charsets_one((req), TN_OFFERS(__VA_ARGS__))
const char *tn_req_accepts_one(const struct tn_req *req,
    const char *const *offers);
const char *tn_req_accepts_encodings_one(const struct tn_req *req,
    const char *const *offers);
const char *tn_req_accepts_languages_one(const struct tn_req *req,
    const char *const *offers);
const char *tn_req_accepts_charsets_one(const struct tn_req *req,
    const char *const *offers);

/* Has the client, by its request, what the ETag set says? See response.h. */
bool tn_req_fresh(const struct tn_req *req);
#define tn_req_stale(req)	(!tn_req_fresh(req))

/* Did a script send it, by X-Requested-With? */
bool tn_req_xhr(const struct tn_req *req);

/* The Range header; see tn_range_parse (range.h) for out and the result. */
int tn_req_range(const struct tn_req *req, uint64_t size, bool combine,
    struct tn_range *out, size_t *n);

/*
 * "http" or "https"; the host without its port; the client's address and
 * those between it and us. Of what proxies say, only what trusted ones do
 * (tn_cgi_options).
 */
const char *tn_req_protocol(const struct tn_req *req);
struct tn_slice tn_req_hostname(const struct tn_req *req);
#define tn_req_ip(req)	((req)->address)
/* The client first, without the one connected to us. Returns how many. */
size_t tn_req_ips(const struct tn_req *req, struct tn_slice *out, size_t cap);

/*
 * Data of the application that goes with the request. The key is an address
 * that only its owner knows (that of a static variable).
 * Setting returns 0, or TN_E_LIMIT past TN_LIMIT_LOCALS keys.
 */
void *tn_req_local(const struct tn_req *req, const void *key);
int tn_req_set_local(struct tn_req *req, const void *key, void *value);

/*
 * The request's own batch, emptied: filled by one handler, who answers
 * TN_ASK, and read by the next. It is freed at the answer's end.
 * Returns NULL with req->err filled: TN_E_NOMEM.
 */
struct tn_redis_batch *tn_req_batch(struct tn_req *req,
    struct tn_redis *redis);

/*
 * The site's own origin as browsers write it, without a default port:
 * "https://host:8443". As configured, else from the Host header; empty if
 * neither is there.
 */
struct tn_slice tn_req_origin(struct tn_req *req);

/*
 * The session of this client, loaded when first asked for; a fresh one if it
 * has none. Needs tn_session() before it in the chain.
 *
 * Returns NULL with req->err filled (TN_E_AWAY, TN_E_TIMEOUT: the store is
 * away, and nobody can be told apart from a stranger): return
 * req->err.code, which is answered as 503 with Retry-After.
 */
struct tn_session *tn_req_session(struct tn_req *req);

/* The CSP nonce of this answer, for <script nonce=...>. */
struct tn_slice tn_req_nonce(struct tn_req *req);

/*
 * The proof for a hidden field "_csrf"; masked anew at each call. An empty
 * slice, with req->err filled, if there is no session to bind it to.
 */
struct tn_slice tn_req_csrf(struct tn_req *req);

/*
 * Refuse: fill req->err with a sentence for the log and an HTTP status for
 * the client. Returns a negative code, for "return tn_req_refuse(...)".
 */
int tn_req_refuse(struct tn_req *req, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
