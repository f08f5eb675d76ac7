/*
 * Files that are sent as they are, out of one folder.
 *
 * Confined by the folder's descriptor: nothing outside it is ever opened, no
 * symbolic link followed, nothing hidden (".name") shown unless asked, and
 * only regular files sent: whole or in the parts asked for (send_file.h).
 */
#ifndef TN_STATIC_H
#define TN_STATIC_H

#include "web/middleware.h"

struct tn_err;

/* What becomes of files and folders named ".something". */
enum tn_dotfiles {
	TN_DOTFILES_IGNORE,	/* as if they were not there */
	TN_DOTFILES_DENY,	/* 403 */
	TN_DOTFILES_ALLOW,
};

/* All but dir_fd may be set between opening it and the first request. */
struct tn_assets {
	int dir_fd;		/* -1: closed */
	int max_age_s;		/* Cache-Control; 0: "no-cache" */
	bool immutable;		/* in Cache-Control too */
	enum tn_dotfiles dotfiles;
	/*
	 * What tn_static sends for a folder with a '/' behind: "index.html".
	 * Without the '/', clients are sent there. Borrowed; NULL: nothing.
	 */
	const char *index;
	/* Send NAME.br or NAME.gz to clients that take it, if it is there. */
	bool precompressed;
	bool no_ranges;		/* always send all of a file */
	/*
	 * Let the web server send it: an internal location of nginx, with a
	 * '/' behind ("/protected/"), or Apache's mod_xsendfile and the
	 * folder's path, with a '/' too. Borrowed; NULL: send it ourselves.
	 */
	const char *accel;
	const char *sendfile;
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

/*
 * The same for a handler: what is not there is refused with 404. download
 * also says that it is to be saved, as name (NULL: the path's last part); its
 * type stays that of path.
 */
int tn_res_send_file(struct tn_res *res, const struct tn_assets *assets,
    struct tn_slice path);
int tn_res_download(struct tn_res *res, const struct tn_assets *assets,
    struct tn_slice path, const char *name);

#endif
