#include "config.h"

#include "web/middleware.h"

#include "base/clock.h"
#include "base/log.h"

static void
write_line(struct tn_req *req, struct tn_res *res, void *arg)
{
	tn_log_event((struct tn_log *)arg, TN_LOG_INFO, "web.request",
	    TN_F_STR("id", req->id),
	    TN_F_SLICE("address", req->address),
	    TN_F_SLICE("method", req->method_name),
	    TN_F_SLICE("path", req->path),
	    TN_F_NUM("status", res->status),
	    TN_F_NUM("bytes", res->body_bytes),
	    TN_F_NUM("ms", tn_clock_mono_ms() - req->start_ms));
}

static int
plan_line(struct tn_req *req, struct tn_res *res, void *arg)
{
	(void)req;
	return tn_res_after_end(res, write_line, arg);
}

struct tn_step
tn_request_log(struct tn_log *log)
{
	return (struct tn_step){ .fn = plan_line, .arg = log };
}
