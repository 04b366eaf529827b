-- What every script of a migration begins with; it stands between the prelude and
-- each of them. It holds that the caller has the lease, and that the migration's
-- record is still what the caller has read: so of two callers, or of one caller's
-- script that comes late, one alone has an effect.
-- keys: 1 the lease, 2 the migrations' records
-- args: 1 who has the lease, 2 how long it lasts from now on in ms, 3 the migration's
--       number, 4 its record as the caller has read it ('' none), 5 its record afterwards
-- codes: 0 done {changed} · 1 the lease is another's {its holder} · 2 the record is another one
--        3 some object was changed meanwhile: plan the batch anew (nothing is recorded)
-- Safe to run twice: the record says that it has run.
if redis.call('GET', keys[1]) ~= args[1] then return answer(1, { redis.call('GET', keys[1]) or '' }) end
local recorded = redis.call('HGET', keys[2], args[3]) or ''
if recorded == args[5] then return answer(0, { '0' }) end
if recorded ~= args[4] then return answer(2) end

-- record ends a script: it notes the new record and makes the lease last on.
local function record(changed)
  redis.call('HSET', keys[2], args[3], args[5])
  redis.call('SET', keys[1], args[1], 'PX', args[2])
  return answer(0, { int(changed) })
end

