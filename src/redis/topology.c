#include "config.h"

#include "redis/topology.h"

#include "base/map.h"

/* ---- slots ----------------------------------------------------------------*/

/* XMODEM's. Source: the cluster specification, appendix A. */
static unsigned
crc16(struct tn_slice s)
{
	unsigned crc = 0;

	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned)(unsigned char)s.ptr[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff :
			    crc << 1 & 0xffff;
	}
	return crc;
}

unsigned
tn_redis_slot(struct tn_slice key)
{
	ptrdiff_t open = tn_slice_find(key, '{'), close;
	struct tn_slice rest;

	if (open >= 0) {
		rest = tn_slice_after(key, (size_t)open + 1);
		close = tn_slice_find(rest, '}');
		if (close > 0)
			key = tn_slice_first(rest, (size_t)close);
	}
	return crc16(key) % TN_REDIS_SLOTS;
}

/* Commands whose first key is not their second word. */
static const struct {
	const char *name;
	size_t at;		/* 0: it has none */
} odd_keys[] = {
	{ "PING", 0 }, { "ECHO", 0 }, { "PUBLISH", 0 }, { "PUBSUB", 0 },
	{ "SCRIPT", 0 }, { "CLIENT", 0 }, { "CLUSTER", 0 }, { "TIME", 0 },
	{ "INFO", 0 }, { "ROLE", 0 }, { "CONFIG", 0 }, { "WAIT", 0 },
	{ "EVAL", 3 }, { "EVALSHA", 3 }, { "XGROUP", 2 }, { "XINFO", 2 },
	{ "OBJECT", 2 }, { "MEMORY", 2 },
};

struct tn_slice
tn_redis_key_of(const struct tn_slice *argv, size_t argc)
{
	size_t at = 1;

	if (argc < 2)
		return TN_SLICE_NONE;
	for (size_t i = 0; i < sizeof(odd_keys) / sizeof(odd_keys[0]); i++) {
		if (!tn_slice_ieq(argv[0], tn_slice_str(odd_keys[i].name)))
			continue;
		at = odd_keys[i].at;
		if (at == 3 && tn_slice_is(argv[2], "0"))
			at = 0;
	}
	if (tn_slice_ieq(argv[0], TN_SLICE("XREAD")) ||
	    tn_slice_ieq(argv[0], TN_SLICE("XREADGROUP"))) {
		while (at < argc && !tn_slice_ieq(argv[at],
		    TN_SLICE("STREAMS")))
			at++;
		at++;
	}
	return at == 0 || at >= argc ? TN_SLICE_NONE : argv[at];
}

/* ---- addresses ------------------------------------------------------------*/

static bool
keep_host(struct tn_slice host, struct tn_redis_address *out)
{
	if (host.len >= sizeof(out->host) ||
	    (host.len > 0 && memchr(host.ptr, '\0', host.len) != NULL))
		return false;
	if (host.len > 0)
		memcpy(out->host, host.ptr, host.len);
	out->host[host.len] = '\0';
	return true;
}

static bool
keep_port(struct tn_slice text, struct tn_redis_address *out)
{
	uint64_t port;

	if (!tn_slice_u64(text, &port) || port == 0 || port > 65535)
		return false;
	out->port = (int)port;
	return true;
}

bool
tn_redis_address_read(struct tn_slice text, struct tn_redis_address *out)
{
	ptrdiff_t colon = tn_slice_rfind(text, ':');
	struct tn_slice host;

	if (colon < 0 ||
	    !keep_port(tn_slice_after(text, (size_t)colon + 1), out))
		return false;
	host = tn_slice_first(text, (size_t)colon);
	if (host.len > 2 && host.ptr[0] == '[' &&
	    host.ptr[host.len - 1] == ']')
		host = tn_slice(host.ptr + 1, host.len - 2);
	return keep_host(host, out);
}

bool
tn_redis_master_read(const struct tn_reply *reply,
    struct tn_redis_address *out)
{
	struct tn_slice host = tn_reply_text(tn_reply_at(reply, 0));

	return tn_reply_len(reply) == 2 && host.len > 0 &&
	    keep_host(host, out) &&
	    keep_port(tn_reply_text(tn_reply_at(reply, 1)), out);
}

bool
tn_redis_is_master(const struct tn_reply *role)
{
	return tn_slice_is(tn_reply_text(tn_reply_at(role, 0)), "master");
}

/* "MOVED 3999 127.0.0.1:6381", as it came or as an error tells it. */
bool
tn_redirect_read(struct tn_slice error, struct tn_redirect *out)
{
	uint64_t slot;

	if (tn_slice_starts(error, TN_SLICE("redis: ")))
		error = tn_slice_after(error, 7);
	out->is_ask = tn_slice_starts(error, TN_SLICE("ASK "));
	if (!out->is_ask && !tn_slice_starts(error, TN_SLICE("MOVED ")))
		return false;
	tn_slice_cut(&error, ' ');
	if (!tn_slice_u64(tn_slice_cut(&error, ' '), &slot) ||
	    slot >= TN_REDIS_SLOTS)
		return false;
	out->slot = (unsigned)slot;
	return tn_redis_address_read(error, &out->to);
}

/* ---- the map --------------------------------------------------------------*/

void
tn_cluster_map_init(struct tn_cluster_map *map)
{
	memset(map, 0, sizeof(*map));
	memset(map->slots, TN_REDIS_NODES, sizeof(map->slots));
}

int
tn_cluster_map_node(struct tn_cluster_map *map,
    const struct tn_redis_address *address)
{
	for (size_t i = 0; i < map->n; i++) {
		if (map->nodes[i].port == address->port &&
		    strcmp(map->nodes[i].host, address->host) == 0)
			return (int)i;
	}
	if (map->n == TN_REDIS_NODES)
		return -1;
	map->nodes[map->n] = *address;
	return (int)map->n++;
}

/* [from, to, [host, port, id, ...], replica...] */
static bool
read_range(struct tn_cluster_map *map, const struct tn_reply *range,
    const struct tn_redis_address *asked)
{
	const struct tn_reply *node = tn_reply_at(range, 2);
	int64_t from = tn_reply_integer(tn_reply_at(range, 0)),
	    to = tn_reply_integer(tn_reply_at(range, 1)),
	    port = tn_reply_integer(tn_reply_at(node, 1));
	struct tn_slice host = tn_reply_text(tn_reply_at(node, 0));
	struct tn_redis_address address;
	int index;

	if (tn_reply_len(range) < 3 || from < 0 || to < from ||
	    to >= TN_REDIS_SLOTS || port < 1 || port > 65535)
		return false;
	if (host.len == 0)	/* not known to itself: as it was reached */
		host = tn_slice_str(asked->host);
	if (!keep_host(host, &address))
		return false;
	address.port = (int)port;
	index = tn_cluster_map_node(map, &address);
	if (index < 0)
		return false;
	map->is_master[index] = true;
	for (int64_t i = from; i <= to; i++)
		map->slots[i] = (uint8_t)index;
	return true;
}

bool
tn_cluster_map_read(struct tn_cluster_map *map, const struct tn_reply *reply,
    const struct tn_redis_address *asked)
{
	struct tn_cluster_map next = *map;

	if (tn_reply_len(reply) == 0)
		return false;
	memset(next.is_master, 0, sizeof(next.is_master));
	memset(next.slots, TN_REDIS_NODES, sizeof(next.slots));
	for (size_t i = 0; i < tn_reply_len(reply); i++) {
		if (!read_range(&next, tn_reply_at(reply, i), asked))
			return false;
	}
	*map = next;
	return true;
}

struct tn_redis_options
tn_redis_options_at(const struct tn_redis_options *options,
    const struct tn_redis_address *address)
{
	struct tn_redis_options at = *options;

	at.topology = TN_REDIS_SINGLE;
	at.path = NULL;
	at.host = address->host;
	at.port = address->port;
	return at;
}
