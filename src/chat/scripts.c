#include "config.h"

#include "chat/scripts.h"

/*
 * The counter may be lost while the stream is not (a key evicted, say): then
 * it goes on behind the stream's last entry.
 */
const struct tn_script chat_script_add = { "chat.add",
    "if KEYS[3] then\n"
    "  local had = redis.call('GET', KEYS[3])\n"
    "  if had then\n"
    "    local id = had .. '-0'\n"
    "    local entry = redis.call('XRANGE', KEYS[2], id, id)[1]\n"
    "    return { had, 0, entry and entry[2][2] or '' }\n"
    "  end\n"
    "end\n"
    "local id = redis.call('INCR', KEYS[1])\n"
    "if id == 1 then\n"
    "  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]\n"
    "  if last then\n"
    "    id = tonumber(string.match(last[1], '^%d+')) + 1\n"
    "    redis.call('SET', KEYS[1], string.format('%.0f', id))\n"
    "  end\n"
    "end\n"
    "id = string.format('%.0f', id)\n"
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], id .. '-0',\n"
    "    'chat', ARGV[1])\n"
    "if KEYS[3] then redis.call('SET', KEYS[3], id, 'PX', ARGV[3]) end\n"
    "return { id, 1, '' }\n" };
