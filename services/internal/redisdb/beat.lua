-- A sign of the primary's life, by its own clock, which travels with the
-- replication: what a replica has of it tells how old its data is.
-- KEYS[1] the heartbeat   ARGV[1] the time after which it is void, ms
-- Answers 1 for a heartbeat that was written, 0 for one that is void.
-- Safe to run twice: the later time counts.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if now > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return 1
