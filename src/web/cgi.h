/* Reads a request from the variables of CGI and FastCGI (RFC 3875). */
#ifndef TN_CGI_H
#define TN_CGI_H

#include "web/request.h"

struct tn_trust;

/* The zero value: the site stands at "/", no proxy is believed. */
struct tn_cgi_options {
	struct tn_slice origin;		/* "https://host"; empty: from Host */
	struct tn_slice base_path;	/* cut off: "/app"; empty: none */
	/*
	 * Name of the header that names the client ("x-forwarded-for"), and
	 * the addresses allowed to send it; NULL: REMOTE_ADDR counts.
	 */
	const char *address_header;
	const char *const *trusted_proxies;
	size_t ntrusted;
	/*
	 * Express's "trust proxy" (trust_proxy.h): whom X-Forwarded-For,
	 * -Proto and -Host are believed from. Borrowed; NULL: from nobody.
	 * With it, the two above do not count.
	 */
	const struct tn_trust *trust;
};

/*
 * Fill req from "NAME=value" words.
 *
 * envp     ended by NULL; borrowed for the exchange
 * options  NULL for the zero value
 *
 * Returns 0; or, also kept in req->err for tn_app_handle to answer,
 * TN_E_SYNTAX (path, method, query: 400), TN_E_LIMIT (400, 414, 431),
 * TN_E_DENIED (not below base_path: 404), TN_E_NOMEM.
 */
int tn_cgi_read(struct tn_req *req, char *const *envp,
    const struct tn_cgi_options *options);

/*
 * The canonical path of a request target: query cut off, scheme and host of
 * an absolute form cut off, decoded once.
 *
 * target  as sent: "/a%20b?x=1" or "http://host/a%20b?x=1"
 * path    set to the decoded path, in the arena
 * query   set to the raw query
 *
 * Returns 0, or TN_E_SYNTAX: not absolute, a bad escape, not UTF-8, a
 * control character, a "." or ".." part; TN_E_LIMIT, TN_E_NOMEM.
 */
int tn_cgi_path(struct tn_slice target, struct tn_arena *arena,
    struct tn_slice *path, struct tn_slice *query, struct tn_err *err);

#endif
