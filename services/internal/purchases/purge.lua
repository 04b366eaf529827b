-- Deletes cancelled and expired purchases that have not changed for a time. Their external_ref stays taken. A purchase
-- with a payment's reference stays: a payment came for it, and somebody has to look at it.
-- keys: 1 the list of all purchases, 2 the list of those that were cancelled or expired, 3 bytes of unpaid purchases
-- args: 1 the time without a change, ms, 2 prefix of the purchases' keys, 3 pattern of the key of a user's
--       purchases, 4 prefix of the users' keys, 5 prefix of customers' counts, 6 prefix of their cool-downs;
--       then the purchases' ids
-- codes: 0 done {purged}
-- Safe to run twice: a purchase that is gone is left out.
local latest, purged = now() - tonumber(args[1]), 0

-- forget deletes what is left of a deleted user with the last purchase, and a customer's counts that say nothing.
local function forget(user)
  if redis.call('EXISTS', string.format(args[3], user)) == 1 then return end
  if redis.call('HGET', args[4] .. user, 'email') == '' then
    redis.call('DEL', args[4] .. user, args[5] .. user, args[6] .. user)
  end
end

local function purge(id, user, version, packed)
  redis.call('DEL', args[2] .. id)
  redis.call('ZREM', keys[1], id)
  redis.call('ZREM', keys[2], id)
  redis.call('ZREM', string.format(args[3], user), id)
  if packed ~= '' then held.bytes(keys[3], cmsgpack.unpack(packed), -1) end
  forget(user)
  emit('purchase.purged', id, int(tonumber(version) + 1))
  purged = purged + 1
end

for i = 7, #args do
  local id = args[i]
  local f = redis.call('HMGET', args[2] .. id, 'user', 'status', 'version', 'updated', 'reference', 'held')
  local ended = f[2] == 'cancelled' or f[2] == 'expired'
  if not ended or (f[5] or '') ~= '' then
    redis.call('ZREM', keys[2], id)
  elseif tonumber(f[4]) <= latest then
    purge(id, f[1], f[3], f[6] or '')
  end
end
return answer(0, { int(purged) })
