#include "config.h"

#include "chat/scripts.h"

#include "cluster/relay.h"

/*
 * The counter may be lost while the stream is not (a key evicted, say): then
 * it goes on behind the stream's last entry.
 */
const struct tn_script chat_script_add = { "chat.add",
    TN_RELAY_KEEP
    "local seen = KEYS[3] ~= KEYS[1] and KEYS[3]\n"
    "if seen then\n"
    "  local had = redis.call('GET', seen)\n"
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
    "if ARGV[4] then\n"
    "  local event = ARGV[5] .. struct.pack('>I8', tonumber(id)) .. ARGV[6]\n"
    "  if KEYS[4] then\n"
    "    event = keep(KEYS[4], KEYS[5], ARGV[7], event, '',\n"
    "        string.rep('\\0', 8), { 'r', ARGV[8] })\n"
    "  end\n"
    "  redis.call('PUBLISH', ARGV[4], event)\n"
    "end\n"
    "if seen then redis.call('SET', seen, id, 'PX', ARGV[3]) end\n"
    "return { id, 1, '' }\n" };

const struct tn_script chat_script_enter = { "chat.enter",
    "local k, user = KEYS[1], ARGV[2]\n"
    "local first = 0\n"
    "if redis.call('HSETNX', k, ARGV[1] .. '/' .. user, '') == 1 and\n"
    "    redis.call('HINCRBY', k, 'n/' .. user, 1) == 1 then\n"
    "  redis.call('HINCRBY', k, '#', 1)\n"
    "  first = 1\n"
    "end\n"
    "redis.call('HSET', k, 'u/' .. user, ARGV[3])\n"
    "redis.call('PEXPIRE', k, ARGV[4])\n"
    "return first\n" };

#define FORGET \
    "local function forget(k, user)\n" \
    "  if redis.call('HINCRBY', k, 'n/' .. user, -1) > 0 then\n" \
    "    return false\n" \
    "  end\n" \
    "  local json = redis.call('HGET', k, 'u/' .. user)\n" \
    "  redis.call('HDEL', k, 'u/' .. user, 'n/' .. user)\n" \
    "  if redis.call('HINCRBY', k, '#', -1) <= 0 then\n" \
    "    redis.call('HDEL', k, '#')\n" \
    "  end\n" \
    "  return json or ''\n" \
    "end\n"

const struct tn_script chat_script_leave = { "chat.leave",
    FORGET
    "if redis.call('HDEL', KEYS[1], ARGV[1] .. '/' .. ARGV[2]) == 0 then\n"
    "  return -1\n"
    "end\n"
    "return forget(KEYS[1], ARGV[2]) and 1 or 0\n" };

const struct tn_script chat_script_reap = { "chat.reap",
    FORGET
    "local gone, prefix = {}, ARGV[1] .. '/'\n"
    "for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do\n"
    "  if string.sub(field, 1, #prefix) == prefix then\n"
    "    redis.call('HDEL', KEYS[1], field)\n"
    "    local json = forget(KEYS[1], string.sub(field, #prefix + 1))\n"
    "    if json then gone[#gone + 1] = json end\n"
    "  end\n"
    "end\n"
    "return gone\n" };
