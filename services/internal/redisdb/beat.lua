-- A sign of the primary's life, by its own clock, which travels with the
-- replication: what a replica has of it tells how old its data is.
-- KEYS[1] the heartbeat
-- Safe to run twice: the later time counts.
local t = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)))
return 0
