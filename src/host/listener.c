#include "config.h"

#include "host/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/slice.h"

#define BACKLOG		511	/* as nginx; the kernel's somaxconn bounds it */
#define SYSTEMD_FD	3	/* the first that LISTEN_FDS speaks of */

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static int
take(struct tn_listener *l, int fd, struct tn_err *err)
{
	if (!is_listening(fd))
		return tn_err_set(err, TN_E_CONFIG,
		    "descriptor %d is no listening socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	l->fd = fd;
	l->was_given = true;
	return 0;
}

static bool
is_ours(const char *pid)
{
	uint64_t n;

	return pid != NULL && tn_slice_u64(tn_slice_str(pid), &n) &&
	    n == (uint64_t)getpid();
}

/* ---- Unix sockets -------------------------------------------------------- */

/* A file that is a socket and that nobody answers on is in the way. */
static int
remove_stale(const struct sockaddr_un *addr, struct tn_err *err)
{
	struct stat st;
	int fd, result;

	if (lstat(addr->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return tn_err_set(err, TN_E_STATE, "%s is there and no socket",
		    addr->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot make a socket");
	result = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	close(fd);
	if (result == 0 || errno != ECONNREFUSED)
		return tn_err_set(err, TN_E_STATE,
		    "somebody listens on %s already", addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

static int
bind_unix(struct tn_listener *l, const char *path, mode_t hidden,
    struct tn_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int result;

	if (strlen(path) == 0 || strlen(path) >= sizeof(addr.sun_path))
		return tn_err_set(err, TN_E_CONFIG,
		    "a socket's path has 1 to %zu bytes: \"%s\"",
		    sizeof(addr.sun_path) - 1, path);
	strcpy(addr.sun_path, path);
	result = remove_stale(&addr, err);
	if (result < 0)
		return result;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(hidden);
	result = l->fd < 0 ? -1 : bind(l->fd, (struct sockaddr *)&addr,
	    sizeof(addr));
	umask(mask);
	if (result < 0 || stat(path, &st) < 0)
		return tn_err_errno(err, TN_E_SYSTEM, "cannot bind %s", path);
	strcpy(l->path, path);
	l->device = st.st_dev;
	l->inode = st.st_ino;
	return 0;
}

/* ---- TCP ----------------------------------------------------------------- */

static int
bind_address(struct tn_listener *l, const struct addrinfo *a)
{
	int on = 1;

	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (l->fd < 0)
		return -1;
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(l->fd, a->ai_addr, a->ai_addrlen);
}

static int
bind_tcp(struct tn_listener *l, const char *where, struct tn_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(where, ':');
	char host[256];
	size_t len = (size_t)(colon - where);
	int why;

	if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return tn_err_set(err, TN_E_CONFIG, "the host's name is long");
	memcpy(host, where, len);
	host[len] = '\0';
	why = getaddrinfo(len == 0 ? "127.0.0.1" : host, colon + 1, &hints,
	    &found);
	if (why != 0)
		return tn_err_set(err, TN_E_CONFIG, "cannot listen on %s: %s",
		    where, gai_strerror(why));
	why = bind_address(l, found);
	freeaddrinfo(found);
	if (why < 0)
		return tn_err_errno(err, errno == EADDRINUSE ? TN_E_STATE :
		    TN_E_SYSTEM, "cannot listen on %s", where);
	return 0;
}

/* ---- All of them --------------------------------------------------------- */

/* What is bound listens, or is closed again. */
static int
begin_listening(struct tn_listener *l, const char *where, int result,
    struct tn_err *err)
{
	if (result == 0 && listen(l->fd, BACKLOG) < 0)
		result = tn_err_errno(err, TN_E_SYSTEM, "cannot listen on %s",
		    where);
	if (result < 0)
		tn_listener_close(l, true);
	return result;
}

static int
bind_here(struct tn_listener *l, const char *where, struct tn_err *err)
{
	int result;

	if (strncmp(where, "unix:", 5) == 0)
		result = bind_unix(l, where + 5, 0117, err);
	else if (strchr(where, ':') != NULL)
		result = bind_tcp(l, where, err);
	else
		return tn_err_set(err, TN_E_CONFIG, "\"%s\" is neither "
		    "unix:/path nor host:port nor fd:number", where);
	return begin_listening(l, where, result, err);
}

int
tn_listener_open(struct tn_listener *l, const char *where, bool take_stdin,
    struct tn_err *err)
{
	uint64_t fd;

	*l = (struct tn_listener){ .fd = -1 };
	if (getenv("LISTEN_FDS") != NULL && is_ours(getenv("LISTEN_PID")))
		return take(l, SYSTEMD_FD, err);
	if (take_stdin && is_listening(0))
		return take(l, 0, err);
	if (where == NULL)
		return tn_err_set(err, TN_E_CONFIG, "nothing to listen on");
	if (strncmp(where, "fd:", 3) == 0 &&
	    tn_slice_u64(tn_slice_str(where + 3), &fd) && fd < 65536)
		return take(l, (int)fd, err);
	return bind_here(l, where, err);
}

int
tn_listener_bind(struct tn_listener *l, const char *where,
    struct tn_err *err)
{
	*l = (struct tn_listener){ .fd = -1 };
	return bind_here(l, where, err);
}

int
tn_listener_open_private(struct tn_listener *l, const char *path,
    struct tn_err *err)
{
	*l = (struct tn_listener){ .fd = -1 };
	return begin_listening(l, path, bind_unix(l, path, 0177, err), err);
}

void
tn_listener_close(struct tn_listener *l, bool unlink_path)
{
	struct stat st;

	if (unlink_path && l->path[0] != '\0' && stat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode)
		unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
