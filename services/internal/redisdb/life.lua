-- A sign of life of one API replica; answers how many replicas are alive, and the
-- layout that is in force (0: none was written yet).
-- KEYS[1] the replicas, scored by their last sign of life   KEYS[2] the layout
-- ARGV[1] this replica's name   ARGV[2] how long a sign counts, ms
-- Safe to run twice: it sets what it set before.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return { redis.call('ZCARD', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or '0') }
