/*
 * A broadcast as somebody who is no node sends it, for a script to publish.
 *
 * What a script both keeps and publishes is known to all nodes exactly if it
 * is kept, and in the order in which it was; every node delivers it, the one
 * that gave the script too. Nodes of the reference take it for an emitter's.
 */
#ifndef TN_RELAY_H
#define TN_RELAY_H

#include "base/buf.h"
#include "io/adapter.h"

/* What a script is to publish. */
struct tn_relay {
	struct tn_buf channel, payload;
	/*
	 * Where nodes keep events for those who come back: two keys, to be
	 * given to TN_RELAY_KEEP. Empty if events is 0.
	 */
	struct tn_buf stream, last;
	int events;		/* how many */
};

void tn_relay_init(struct tn_relay *relay);
void tn_relay_fini(struct tn_relay *relay);

/*
 * Append a packet to exactly one room, for the plain form of the adapter.
 *
 * prefix  of the adapter's channels: "socket.io"
 * events  as tn_redis_adapter_options.recovery_events
 *
 * Returns 0, or what is wrong with one of the buffers.
 */
int tn_relay_write(struct tn_relay *relay, struct tn_slice prefix,
    struct tn_slice nsp, const struct tn_broadcast_packet *packet,
    int events);

/*
 * In a script: keep(stream, last, events, payload, before, number, fields)
 * keeps a payload and gives what is to be published in its place. For a
 * relay, before is '', number eight zero bytes, and fields { 'r', room }.
 * SET reads what it replaces, so that CLIENT TRACKING watches no key.
 */
#define TN_RELAY_KEEP							\
	"local function keep(stream, last, events, payload, before,\n"	\
	"    number, fields)\n"						\
	"  local function pack(id)\n"					\
	"    local ms, n = string.match(id, '^(%d+)-(%d+)$')\n"		\
	"    return struct.pack('>I8I8', tonumber(ms), tonumber(n))\n"	\
	"  end\n"							\
	"  local id = redis.call('XADD', stream, 'MAXLEN', '~', events,\n" \
	"      '*', 'm', payload, 's', number, unpack(fields))\n"	\
	"  local had = redis.call('SET', last, id, 'GET') or '0-0'\n"	\
	"  return string.char(string.byte(payload) + 1) ..\n"		\
	"      string.sub(payload, 2) .. before .. '\\196\\040' ..\n"	\
	"      pack(id) .. pack(had) .. number\n"			\
	"end\n"

/*
 * The number that stands for one that only the script knows, and how it is
 * written: nothing else in a payload has these bytes, for no UTF-8 has. The
 * script puts the eight bytes of its own, most significant first, behind the
 * 0xcf in front of them.
 */
#define TN_RELAY_NUMBER	"9007199254740991"
#define TN_RELAY_HEAD	"\xcf"
#define TN_RELAY_BYTES	"\x00\x1f\xff\xff\xff\xff\xff\xff"

/*
 * Split a payload at that number: before ends in the 0xcf, after begins
 * behind the eight bytes. Returns false if it is not there.
 */
bool tn_relay_split(struct tn_slice payload, struct tn_slice *before,
    struct tn_slice *after);

#endif
