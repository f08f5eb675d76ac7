#include "config.h"

#include "cluster/stream_scripts.h"

#include "cluster/relay.h"

const struct tn_script tn_stream_script_add = { "stream.add",
    TN_RELAY_KEEP
    "return redis.call(ARGV[2], ARGV[3], keep(KEYS[1], KEYS[2], ARGV[1],\n"
    "    ARGV[4], ARGV[5], ARGV[6], { unpack(ARGV, 7) }))\n" };

const struct tn_script tn_stream_script_hole = { "stream.hole",
    "local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',\n"
    "    'h', '')\n"
    "redis.call('SET', KEYS[2], id)\n"
    "return id\n" };

#define LAST \
    "local function last(stream)\n" \
    "  local e = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]\n" \
    "  return e and e[1] or '0-0'\n" \
    "end\n"

#define PART \
    "local function part(x)\n" \
    "  return struct.pack('>I4', #x) .. x\n" \
    "end\n"

const struct tn_script tn_stream_script_last = { "stream.last",
    LAST
    PART
    "return redis.call(ARGV[1], ARGV[2], part('L') .. part(last(KEYS[1])))\n"
};

const struct tn_script tn_stream_script_keep = { "stream.keep",
    LAST
    "local k, me, since = KEYS[1], ARGV[1], ARGV[3]\n"
    "local n = redis.call('HGET', k, 'n')\n"
    "if n and n ~= me then return 0 end\n"
    "if since == '' then since = last(KEYS[2]) end\n"
    "redis.call('HSET', k, 'n', me, 'i', ARGV[4], 'w', ARGV[5],\n"
    "    'd', ARGV[6])\n"
    "redis.call('HSETNX', k, 'o', since)\n"
    "local now = {}\n"
    "for i = 7, #ARGV do\n"
    "  now['r/' .. ARGV[i]] = true\n"
    "  redis.call('HSETNX', k, 'r/' .. ARGV[i], since)\n"
    "end\n"
    "for _, f in ipairs(redis.call('HKEYS', k)) do\n"
    "  if string.sub(f, 1, 2) == 'r/' and not now[f] then\n"
    "    redis.call('HDEL', k, f)\n"
    "  end\n"
    "end\n"
    "redis.call('PEXPIRE', k, ARGV[2])\n"
    "return 1\n" };

const struct tn_script tn_stream_script_forget = { "stream.forget",
    "if redis.call('HGET', KEYS[1], 'n') == ARGV[1] then\n"
    "  return redis.call('DEL', KEYS[1])\n"
    "end\n"
    "return 0\n" };

const struct tn_script tn_stream_script_refresh = { "stream.refresh",
    "local gone = {}\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "redis.call('PEXPIRE', KEYS[2], ARGV[2])\n"
    "for i = 3, #KEYS do\n"
    "  if redis.call('PEXPIRE', KEYS[i], ARGV[1]) == 0 then\n"
    "    gone[#gone + 1] = i - 2\n"
    "  end\n"
    "end\n"
    "return gone\n" };

/*
 * Nothing behind "from" has fallen off the stream's end if its entry is still
 * there. A client's own offset was one; that of a session that has received
 * nothing may also be that of an empty stream, or still the last.
 *
 * Looking through a stream takes Redis a microsecond or so an entry. Each
 * costs the session a millisecond, of which it may owe so many, so that who
 * comes back again and again with an old offset does not keep Redis busy.
 */
const struct tn_script tn_stream_script_restore = { "stream.restore",
    LAST
    PART
    "local k, s = KEYS[1], KEYS[2]\n"
    "local had, since = {}, {}\n"
    "local flat = redis.call('HGETALL', k)\n"
    "for i = 1, #flat, 2 do\n"
    "  if string.sub(flat[i], 1, 2) == 'r/' then\n"
    "    since[string.sub(flat[i], 3)] = flat[i + 1]\n"
    "  else\n"
    "    had[flat[i]] = flat[i + 1]\n"
    "  end\n"
    "end\n"
    "if not had.n or not had.i or not had.o or not had.d or\n"
    "    had.w ~= ARGV[2] then\n"
    "  return 0\n"
    "end\n"
    "local function before(a, b)\n"
    "  local ams, an = string.match(a, '^(%d+)-(%d+)$')\n"
    "  local bms, bn = string.match(b, '^(%d+)-(%d+)$')\n"
    "  ams, an, bms, bn = tonumber(ams), tonumber(an), tonumber(bms),\n"
    "      tonumber(bn)\n"
    "  return ams < bms or (ams == bms and an < bn)\n"
    "end\n"
    "local from = ARGV[3]\n"
    "if from == '' then from = had.o end\n"
    "if before(from, had.o) then return 0 end\n"
    "if #redis.call('XRANGE', s, from, from) == 0 then\n"
    "  if ARGV[3] ~= '' then return 0 end\n"
    "  local l = last(s)\n"
    "  if l == '0-0' then\n"
    "    if from ~= l then return 0 end\n"
    "  elseif from == '0-0' then\n"
    "    local info = redis.call('XINFO', 'STREAM', s)\n"
    "    local is = {}\n"
    "    for i = 1, #info, 2 do is[info[i]] = info[i + 1] end\n"
    "    if is['entries-added'] ~= is['length'] then return 0 end\n"
    "  elseif before(from, l) then\n"
    "    return 0\n"
    "  end\n"
    "end\n"
    "since[had.i] = had.o\n"
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000\n"
    "local owes = math.max((tonumber(had.q) or 0) - now, 0)\n"
    "local looked = 0\n"
    "local function no()\n"
    "  redis.call('HSET', k, 'q', string.format('%.0f', now + owes + looked))\n"
    "  return 0\n"
    "end\n"
    "local missed, bytes, at, most = {}, 0, from, tonumber(ARGV[8])\n"
    "repeat\n"
    "  local page = redis.call('XRANGE', s, '(' .. at, '+', 'COUNT', 200)\n"
    "  looked = looked + #page\n"
    "  if owes + looked > tonumber(ARGV[9]) then return no() end\n"
    "  for _, e in ipairs(page) do\n"
    "    local id, f = e[1], e[2]\n"
    "    if f[1] ~= 'm' then return no() end\n"
    "    local all, is_meant = true, false\n"
    "    for i = 5, #f, 2 do\n"
    "      local stood = since[f[i + 1]]\n"
    "      if f[i] == 'r' then\n"
    "        all = false\n"
    "        if stood and before(stood, id) then is_meant = true end\n"
    "      elseif stood then\n"
    "        all, is_meant = false, false\n"
    "        break\n"
    "      end\n"
    "    end\n"
    "    if all or is_meant then\n"
    "      bytes = bytes + #f[2]\n"
    "      if bytes > most then return no() end\n"
    "      missed[#missed + 1] = part(id) .. part(f[2])\n"
    "    end\n"
    "    at = id\n"
    "  end\n"
    "until #page < 200\n"
    "local rooms, n = {}, 0\n"
    "for room in pairs(since) do\n"
    "  if room ~= had.i then\n"
    "    n = n + 1\n"
    "    rooms[n] = part(room)\n"
    "  end\n"
    "end\n"
    "redis.call('HSET', k, 'n', ARGV[1], 'o', from,\n"
    "    'q', string.format('%.0f', now + owes + looked))\n"
    "redis.call('PEXPIRE', k, ARGV[4])\n"
    "if had.n ~= ARGV[1] then\n"
    "  redis.call(ARGV[5], ARGV[6] .. had.n, part('T') .. part(at) ..\n"
    "      part(had.i) .. part(string.match(k, '[^:]*$')))\n"
    "end\n"
    "redis.call(ARGV[5], ARGV[6] .. ARGV[1], part('R') .. part(at) ..\n"
    "    part(ARGV[7]) .. part(had.i) .. part(had.d) .. part(tostring(n)) ..\n"
    "    table.concat(rooms) .. table.concat(missed))\n"
    "return 1\n" };
