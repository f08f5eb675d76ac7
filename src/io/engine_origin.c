/*
 * Whose pages may connect. A browser names the page's origin, which decides;
 * clients that name none are no browsers, or ask for their own site.
 */
#include "config.h"

#include "io/engine_conn.h"

/* "example.org:443" without the port that the scheme has anyway. */
static struct tn_slice
without_default_port(struct tn_slice host, bool https)
{
	struct tn_slice port = https ? TN_SLICE(":443") : TN_SLICE(":80");

	if (!tn_slice_ends(host, port))
		return host;
	return tn_slice_first(host, host.len - port.len);
}

/* The page and this server are one site: same host, port, and https kept. */
static bool
is_own_site(const struct tn_io_request *request, struct tn_slice origin)
{
	struct tn_slice host = tn_io_request_header(request, "host");
	const bool https = tn_slice_starts(origin, TN_SLICE("https://"));

	if (!https && !tn_slice_starts(origin, TN_SLICE("http://")))
		return false;
	if (request->secure && !https)
		return false;
	tn_slice_cut(&origin, '/');
	tn_slice_cut(&origin, '/');
	return host.len > 0 && tn_slice_ieq(without_default_port(origin, https),
	    without_default_port(host, https));
}

bool
tn_engine_has_cors(const struct tn_engine *engine)
{
	return engine->options.norigins > 0;
}

const char *
tn_engine_cors_origin(const struct tn_engine *engine,
    const struct tn_io_request *request)
{
	const struct tn_engine_options *o = &engine->options;
	struct tn_slice origin = tn_io_request_header(request, "origin");

	if (origin.len == 0)
		return NULL;
	for (size_t i = 0; i < o->norigins; i++) {
		if (tn_slice_is(origin, o->origins[i]) ||
		    strcmp(o->origins[i], "*") == 0)
			return o->origins[i];
	}
	return NULL;
}

bool
tn_engine_origin_ok(const struct tn_engine *engine,
    const struct tn_io_request *request)
{
	struct tn_slice origin = tn_io_request_header(request, "origin");
	struct tn_slice site = tn_io_request_header(request, "sec-fetch-site");

	if (origin.len == 0)
		return !engine->options.require_origin &&
		    !tn_slice_ieq(site, TN_SLICE("cross-site"));
	if (engine->options.norigins > 0)
		return tn_engine_cors_origin(engine, request) != NULL;
	return is_own_site(request, origin);
}
