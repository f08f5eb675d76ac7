#include "config.h"

#include "host/peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void
tn_peer_address(int fd, char address[TN_ADDRESS_TEXT])
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char text[INET6_ADDRSTRLEN];
	const void *bytes;

	if (getpeername(fd, (struct sockaddr *)&addr, &len) < 0)
		return;
	if (addr.ss_family == AF_INET)
		bytes = &((struct sockaddr_in *)&addr)->sin_addr;
	else if (addr.ss_family == AF_INET6)
		bytes = &((struct sockaddr_in6 *)&addr)->sin6_addr;
	else
		return;
	if (inet_ntop(addr.ss_family, bytes, text, sizeof(text)) != NULL)
		tn_address_read(tn_slice_str(text), address);
}

/* ---- How many of one address --------------------------------------------- */

#define UNREAD_BYTES 65536

static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\n"
    "Connection: close\r\nContent-Length: 0\r\n\r\n";

/* A proxy speaks for many, a Unix socket's other end has no address. */
static bool
is_counted(const struct tn_peer *peer)
{
	const struct tn_host_io_options *o = &peer->host->options;

	return o->max_per_address > 0 && peer->address[0] != '\0' &&
	    !peer->is_forwarded && !tn_address_is_trusted(peer->address,
	    o->trusted_proxies, o->ntrusted);
}

/* Returns false if there are as many as may be. */
static bool
count_in(struct tn_peer *peer)
{
	struct tn_map *map = &peer->host->addresses;
	struct tn_slice key = tn_slice_str(peer->address);
	uintptr_t n;

	if (!is_counted(peer))
		return true;
	n = (uintptr_t)tn_map_get(map, key);
	if (n >= peer->host->options.max_per_address ||
	    tn_map_set(map, key, (void *)(n + 1), NULL) < 0)
		return false;
	peer->is_counted = true;
	return true;
}

static void
count_out(const struct tn_peer *peer)
{
	struct tn_map *map = &peer->host->addresses;
	struct tn_slice key = tn_slice_str(peer->address);
	uintptr_t n;

	if (!peer->is_counted)
		return;
	n = (uintptr_t)tn_map_get(map, key);
	if (n > 1)
		tn_map_set(map, key, (void *)(n - 1), NULL);
	else
		tn_map_remove(map, key);
}

static void
refuse_address(struct tn_peer *peer)
{
	struct tn_host_io *host = peer->host;

	host->counts.refused_address++;
	tn_log_event(host->log, TN_LOG_INFO, "ws.refused",
	    TN_F_STR("why", "max_per_address"),
	    TN_F_STR("address", peer->address));
	/* read it: to close what is unread is a reset, which may outrun 503 */
	recv(peer->fd, NULL, UNREAD_BYTES, MSG_TRUNC | MSG_DONTWAIT);
	send(peer->fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(peer->fd);
	free(peer);
}

/* ---- Life ---------------------------------------------------------------- */

void
tn_peer_set_up_socket(const struct tn_host_io *host, int fd)
{
	const int bytes = host->options.send_buffer;
	const int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Just as long as its address. */
static struct tn_peer *
make_peer(struct tn_host_io *host, int fd, const char *address)
{
	char found[TN_ADDRESS_TEXT] = "";
	struct tn_peer *peer;
	size_t len;

	if (address == NULL)
		tn_peer_address(fd, found);
	else
		snprintf(found, sizeof(found), "%s", address);
	len = strlen(found) + 1;
	peer = calloc(1, offsetof(struct tn_peer, address) + len);
	if (peer == NULL)
		return NULL;
	peer->host = host;
	peer->fd = fd;
	tn_list_init(&peer->link);
	peer->is_forwarded = address != NULL;
	memcpy(peer->address, found, len);
	return peer;
}

void
tn_peer_new(struct tn_host_io *host, int fd, const char *address)
{
	const lws_adopt_desc_t what = {
		.vh = tn_host_lws_for(host, fd),
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
		.fd = { .sockfd = fd },
	};
	struct tn_peer *peer = what.vh == NULL ? NULL :
	    make_peer(host, fd, address);

	if (peer == NULL) {
		close(fd);
		return;
	}
	if (!count_in(peer)) {
		refuse_address(peer);
		return;
	}
	if (peer->address[0] == '\0')		/* a Unix socket inherits nothing */
		tn_peer_set_up_socket(host, fd);
	/* closes fd when it fails; serves nothing before it returns */
	peer->wsi = lws_adopt_descriptor_vhost_via_info(&what);
	if (peer->wsi == NULL) {
		count_out(peer);
		free(peer);
		return;
	}
	lws_set_opaque_user_data(peer->wsi, peer);
	tn_list_append(&host->peers, &peer->link);
	tn_peer_set_deadline(peer, PEER_HEAD_MS);
}

void
tn_peer_free(struct tn_peer *peer)
{
	tn_exchange_abandon(peer);
	tn_wire_abandon(peer);
	tn_peer_clear_deadline(peer);
	count_out(peer);
	tn_list_remove(&peer->link);
	free(peer);
}

void
tn_peer_doom(struct tn_peer *peer)
{
	if (peer->is_doomed)
		return;
	peer->is_doomed = true;
	tn_list_remove(&peer->link);
	tn_list_append(&peer->host->doomed, &peer->link);
}

static void
on_deadline(void *arg)
{
	tn_peer_doom(arg);
}

void
tn_peer_set_deadline(struct tn_peer *peer, int ms)
{
	struct tn_wheel *wheel = &peer->host->loop.base.wheel;

	tn_wheel_set(wheel, &peer->deadline, wheel->now_ms + ms, on_deadline,
	    peer);
}

void
tn_peer_clear_deadline(struct tn_peer *peer)
{
	tn_wheel_cancel(&peer->host->loop.base.wheel, &peer->deadline);
}

/* Shut down first, or libwebsockets would go on with what it has buffered. */
static void
take_down(struct tn_peer *peer)
{
	tn_exchange_abandon(peer);
	tn_wire_abandon(peer);
	tn_peer_clear_deadline(peer);
	shutdown(peer->fd, SHUT_RDWR);
	lws_set_timeout(peer->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

bool
tn_peers_reap(struct tn_host_io *host)
{
	const bool any = !tn_list_empty(&host->doomed);

	while (!tn_list_empty(&host->doomed)) {
		struct tn_peer *peer = TN_CONTAINER(host->doomed.next,
		    struct tn_peer, link);

		peer->is_doomed = false;
		tn_list_remove(&peer->link);
		tn_list_append(&host->peers, &peer->link);
		take_down(peer);
	}
	return any;
}

static bool
is_idle(const struct tn_peer *peer)
{
	return peer->exchange == NULL && peer->wire == NULL &&
	    !lws_partial_buffered(peer->wsi);
}

void
tn_peers_cut(struct tn_host_io *host, bool idle_only)
{
	struct tn_list *it, *following;

	TN_LIST_EACH(it, following, &host->peers) {
		struct tn_peer *peer = TN_CONTAINER(it, struct tn_peer, link);

		if (!idle_only || is_idle(peer))
			tn_peer_doom(peer);
	}
}
