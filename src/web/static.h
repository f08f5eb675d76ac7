/*
 * Files that are sent as they are, out of one folder.
 *
 * Confined by the folder's descriptor: nothing outside it is ever opened, no
 * symbolic link followed, nothing hidden (".name") shown, and only regular
 * files sent.
 */
#ifndef TN_STATIC_H
#define TN_STATIC_H

#include "web/middleware.h"

struct tn_err;

struct tn_assets {
	int dir_fd;		/* -1: closed */
	int max_age_s;		/* Cache-Control; 0: "no-cache" */
	bool no_openat2;	/* the kernel or a sandbox refuses it */
};

/*
 * max_age_s  how long clients may keep a file without asking; 0: ask always
 * Returns 0, or TN_E_SYSTEM naming the folder.
 */
int tn_assets_open(struct tn_assets *assets, const char *dir, int max_age_s,
    struct tn_err *err);
void tn_assets_close(struct tn_assets *assets);

/*
 * Send one file.
 *
 * path  below the folder, decoded, no leading '/': "js/chat.js"
 *
 * Returns TN_DONE; TN_NEXT if there is no such file to be shown; or the
 * error that kept it from being sent.
 */
int tn_assets_send(const struct tn_assets *assets, struct tn_req *req,
    struct tn_res *res, struct tn_slice path);

/* Content-Type by the name's ending; "application/octet-stream" if unknown. */
const char *tn_static_type(struct tn_slice path);

#endif
