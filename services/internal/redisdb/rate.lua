-- Counts one call in a token bucket that holds a period's worth (GCRA, the
-- "virtual scheduling" form of ITU-T I.371): the key holds the time at which
-- the bucket will be full again. Answers how long to wait, ms; 0 = go on.
-- KEYS[1] the subject's bucket   KEYS[2] the layout, or the mark of a restore: then nothing is counted
-- ARGV[1] calls per period   ARGV[2] period, ms
-- Running it twice counts twice, which errs on the safe side.
if not tonumber(redis.call('GET', KEYS[2]) or '1') then return redis.error_reply('RESTORING the data is being replaced') end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local period = tonumber(ARGV[2])
local each = period / tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
if full - now > period then return math.ceil(full - now - period) end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil(full - now))
return 0
