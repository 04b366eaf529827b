-- Migration 2: gives purchases the field count, and puts them into the lists of layout 3.
-- keys: 3 the list of all purchases, 4 the list of the ended ones, 5… the purchases
-- args: from 6 on, for each purchase its id and how many lines it has
local ended, changed = { cancelled = true, expired = true }, 0
for i = 5, #keys do
  local id, count = args[2 * i - 4], args[2 * i - 3]
  local p = redis.call('HMGET', keys[i], 'status', 'updated')
  if p[1] then
    redis.call('HSET', keys[i], 'count', count)
    redis.call('ZADD', keys[3], 0, id)
    if ended[p[1]] then redis.call('ZADD', keys[4], p[2], id) else redis.call('ZREM', keys[4], id) end
    changed = changed + 1
  end
end
return record(changed)
