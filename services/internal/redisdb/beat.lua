-- A sign of the primary's life, by its own clock, which travels with the
-- replication: what a replica has of it tells how old its data is.
-- KEYS[1] the heartbeat   KEYS[2] the layout, or the mark of a restore   KEYS[3] the history
-- ARGV[1] the time after which it is void, ms   ARGV[2] the replica's history, '' = any
-- Answers 1 for a heartbeat that was written, 0 for one that is void, 2 while a restore is under way
-- or after one: data that is not complete, or not the caller's, has no heartbeat.
-- Safe to run twice: the later time counts.
local known = redis.call('MGET', KEYS[2], KEYS[3])
if not tonumber(known[1] or '1') or ARGV[2] ~= '' and known[2] ~= ARGV[2] then return 2 end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if now > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', now))
return 1
