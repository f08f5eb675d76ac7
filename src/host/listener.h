/* A listening socket: handed over by whoever started us, or bound here. */
#ifndef TN_LISTENER_H
#define TN_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

struct tn_err;

struct tn_listener {
	int fd;			/* nonblocking, closed on exec; -1: none */
	bool was_given;		/* not bound here */
	char path[108];		/* of a Unix socket bound here, else "" */
	dev_t device;		/* of that file, to know it again */
	ino_t inode;
};

/*
 * Take the socket that LISTEN_FDS and LISTEN_PID hand over (systemd); else,
 * if take_stdin, descriptor 0 where that listens (spawn-fcgi, mod_fcgid);
 * else where:
 *
 *	unix:/path	mode 0660; a stale file of nobody's is replaced
 *	host:port	[::1]:80 and 127.0.0.1:80 alike; ":80" is loopback
 *	fd:3		an inherited descriptor
 *
 * Returns 0; TN_E_CONFIG for text that is none of these; TN_E_STATE when
 * somebody listens there already; TN_E_SYSTEM.
 */
int tn_listener_open(struct tn_listener *l, const char *where,
    bool take_stdin, struct tn_err *err);

/* The last of these three alone: nothing is handed over. */
int tn_listener_bind(struct tn_listener *l, const char *where,
    struct tn_err *err);

/*
 * Listen on a Unix socket that nobody but this user may connect to (mode
 * 0600); else as tn_listener_open, without what is handed over.
 */
int tn_listener_open_private(struct tn_listener *l, const char *path,
    struct tn_err *err);

/*
 * Close it, in each process that has it; one of them, with unlink_path,
 * removes the socket's file, unless another process has put its own there.
 */
void tn_listener_close(struct tn_listener *l, bool unlink_path);

#endif
