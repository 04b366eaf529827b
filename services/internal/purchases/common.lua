-- What the scripts that move a purchase share; it stands between the prelude and
-- each of them.
-- keys: 1 the purchase, 2 the reservations; args: 1 id, 2 the caller whose
-- purchase it has to be ('' for admins and the shop itself), 3 version that
-- If-Match demands (0 any), 4 prefix of the products' keys, 5 prefix of the
-- lists of purchases by status
-- codes: 0 done {status, version, updated, reserved, reference, refunded} · 1 no such purchase
--        2 If-Match is stale · 3 wrong status {status}
local id = args[1]
local fields = redis.call('HMGET', keys[1], 'user', 'status', 'version', 'items', 'reserved', 'reference', 'refunded')
if not fields[1] or (args[2] ~= '' and args[2] ~= fields[1]) then return finish(1) end
if args[3] ~= '0' and args[3] ~= fields[3] then return finish(2) end
local purchase = { status = fields[2], version = fields[3], items = fields[4], reserved = fields[5] or '0',
  reference = fields[6] or '', refunded = fields[7] or '' }

-- move gives the purchase another status (or the same), a new version and more
-- fields, and answers its state. HSET comes first: Redis refuses it for want of
-- memory before anything else of the script has happened.
local function move(status, ...)
  local version, updated = int(tonumber(purchase.version) + 1), int(now())
  redis.call('HSET', keys[1], 'status', status, 'version', version, 'updated', updated, ...)
  if status ~= purchase.status then
    redis.call('ZREM', args[5] .. purchase.status, id)
    redis.call('ZADD', args[5] .. status, 0, id)
    if purchase.status == 'pending' then redis.call('ZREM', keys[2], id) end
  end
  emit('purchase.' .. (status == purchase.status and 'changed' or status), id, version)
  return { status, version, updated, purchase.reserved, purchase.reference, purchase.refunded }
end

-- give_back returns pieces of a product to its stock; a product that was deleted has none.
local function give_back(product, pieces)
  local key = args[4] .. product
  local p = redis.call('HMGET', key, 'stock', 'returned')
  if not p[1] then return end
  redis.call('HSET', key, 'stock', int(tonumber(p[1]) + pieces), 'returned', int(tonumber(p[2]) + pieces))
end

