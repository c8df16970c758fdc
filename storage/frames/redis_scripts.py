"""Lua scripts of the frame store in Redis: what must not be interrupted by another writer.

Bytes are charged in a hash, key → bytes and ``total`` → their sum. Keys that have expired stay charged until `RECOUNT`.
"""

from __future__ import annotations

OTHER_WRITER, FULL = -1, -2

PUT = r"""
-- KEYS: list of frames, sizes. ARGV: magic, seq, writer, rest of the value, slots, lifetime ms, idle ms, allowed bytes
-- Returns {seq, bytes}, {-1, their seq} or {-2, bytes of the others}.
local seq, slots, lifetime_ms, allowed = tonumber(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local head = redis.call('LINDEX', KEYS[1], 0)
if head and #head >= 24 and string.sub(head, 1, 8) == ARGV[1] then
  local last, writer = struct.unpack('>I8', head, 9), string.sub(head, 17, 24)
  local is_theirs = writer ~= ARGV[3] and writer ~= string.rep('\0', 8)
  local idle_ms = lifetime_ms - redis.call('PTTL', KEYS[1])
  if seq <= last and is_theirs and idle_ms < tonumber(ARGV[7]) then return {-1, last} end
  seq = math.max(seq, last + 1)
end
local value = ARGV[1] .. struct.pack('>I8', seq) .. ARGV[3] .. ARGV[4]
local count = redis.call('LLEN', KEYS[1])
local charged = tonumber(redis.call('HGET', KEYS[2], KEYS[1]) or 0)
local size = (count > 0 and charged or 0) + #value
if count >= slots then size = size - #redis.call('LINDEX', KEYS[1], -1) end
local others = tonumber(redis.call('HGET', KEYS[2], 'total') or 0) - charged
-- The last twentieth is for pictures that grow: a full store refuses new cameras rather than known ones by turns.
if charged == 0 then allowed = allowed * 0.95 end
if others + size > allowed then return {-2, others} end
redis.call('LPUSH', KEYS[1], value)
if count >= slots then redis.call('RPOP', KEYS[1]) end
redis.call('PEXPIRE', KEYS[1], lifetime_ms)
redis.call('HSET', KEYS[2], KEYS[1], size, 'total', others + size)
return {seq, size}
"""

NEWEST_UNLESS = r"""
-- KEYS: list of frames. ARGV: seq that the caller has seen
local head = redis.call('LINDEX', KEYS[1], 0)
if head and #head >= 16 and struct.unpack('>I8', head, 9) == tonumber(ARGV[1]) then return false end
return head
"""

RELEASE = r"""
-- KEYS: list of frames. ARGV: magic, writer
local head = redis.call('LINDEX', KEYS[1], 0)
if head and string.sub(head, 1, 8) == ARGV[1] and string.sub(head, 17, 24) == ARGV[2] then
  redis.call('LSET', KEYS[1], 0, string.sub(head, 1, 16) .. string.rep('\0', 8) .. string.sub(head, 25))
end
"""

KEEP_EVIDENCE = r"""
-- KEYS: hash of pictures, sizes. ARGV: seq, JPEG, most and least pictures of a camera, allowed bytes, lifetime ms
local charged = tonumber(redis.call('HGET', KEYS[2], KEYS[1]) or 0)
local held = redis.call('EXISTS', KEYS[1]) == 1 and charged or 0
local size = held - redis.call('HSTRLEN', KEYS[1], ARGV[1]) + #ARGV[2]
local others = tonumber(redis.call('HGET', KEYS[2], 'total') or 0) - charged
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
local most = tonumber(others + size > tonumber(ARGV[5]) and ARGV[4] or ARGV[3])
local seqs = redis.call('HKEYS', KEYS[1])
table.sort(seqs)
for i = 1, #seqs - most do
  size = size - redis.call('HSTRLEN', KEYS[1], seqs[i])
  redis.call('HDEL', KEYS[1], seqs[i])
end
redis.call('HSET', KEYS[2], KEYS[1], size, 'total', others + size)
"""

RECOUNT = r"""
-- KEYS: sizes
local total, sizes = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #sizes, 2 do
  if sizes[i] ~= 'total' then
    if redis.call('EXISTS', sizes[i]) == 1 then total = total + tonumber(sizes[i + 1])
    else redis.call('HDEL', KEYS[1], sizes[i]) end
  end
end
redis.call('HSET', KEYS[1], 'total', total)
"""
