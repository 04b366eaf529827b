-- Puts a layout in force: the last step of finish-upgrade. Data that no program of this version has begun gets its history here.
-- keys: 1 the lease, 2 the layout, 3… keys that the layout does not have; they are small
-- args: 1 who has the lease, 2 how long it lasts from now on in ms, 3 the layout, 4 the id of a new history
-- codes: 0 done · 1 the lease is another's {its holder} · 2 a newer layout is in force {it}
-- Safe to run twice: it sets what it set before, and the first history stays.
if redis.call('GET', keys[1]) ~= args[1] then return answer(1, { redis.call('GET', keys[1]) or '' }) end
local now_in_force = redis.call('GET', keys[2]) or '1'
if tonumber(now_in_force) > tonumber(args[3]) then return answer(2, { now_in_force }) end
redis.call('SET', keys[2], args[3])
if not redis.call('GET', KEYS[4]) then redis.call('SET', KEYS[4], args[4]) end
for i = 3, #keys do redis.call('DEL', keys[i]) end
redis.call('SET', keys[1], args[1], 'PX', args[2])
return answer(0)
