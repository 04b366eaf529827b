-- Migration 1: gives products the field updated, in milliseconds, as their body says it.
-- keys: 3… the products; args: from 6 on, for each product its version and updated
for i = 3, #keys do
  local version = redis.call('HGET', keys[i], 'version')
  -- A product that was deleted meanwhile needs nothing.
  if version and version ~= args[2 * i] then return answer(3) end
end
local changed = 0
for i = 3, #keys do
  if redis.call('EXISTS', keys[i]) == 1 then
    redis.call('HSET', keys[i], 'updated', args[2 * i + 1])
    changed = changed + 1
  end
end
return record(changed)
