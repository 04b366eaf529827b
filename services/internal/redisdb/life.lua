-- A sign of life of one API replica; answers how many replicas are alive, what the layout's
-- key holds (its number, '0' before there is one, or the mark of a restore), the history, and how many of
-- the replicas have a name that sorts before this one's.
-- KEYS[1] the replicas, scored by their last sign of life   KEYS[2] the layout   KEYS[3] the history
-- While a restore is under way nothing is written.
-- ARGV[1] this replica's name   ARGV[2] how long a sign counts, ms
-- Safe to run twice: it sets what it set before.
local layout, history = redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or ''
if not tonumber(layout) then return { 0, layout, history, 0 } end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
local names, before = redis.call('ZRANGE', KEYS[1], 0, -1), 0
for _, name in ipairs(names) do if name < ARGV[1] then before = before + 1 end end
return { #names, layout, history, before }
