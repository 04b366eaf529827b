-- What the scripts that move a purchase share; it stands between the prelude and
-- each of them.
-- keys: 1 the purchase, 2 the reservations, 3 bytes of unpaid purchases; args: 1 id, 2 the caller whose
-- purchase it has to be ('' for admins and the shop itself), 3 version that
-- If-Match demands (0 any), 4 prefix of the products' keys, 5 prefix of the
-- lists of purchases by status, of which one is called ended, 6 prefix of customers' counts,
-- 7 prefix of their cool-downs, 8 the cool-down, ms, 9 what the move adds to it, ms (0 nothing), 10 name of the share of a day
-- that is used up, as in create.lua, or ''; the script's own follow, from 1, in own
-- codes: 0 done {status, version, updated, reserved, reference, refunded} · 1 no such purchase
--        2 If-Match is stale · 3 wrong status {status}
if args[10] ~= '' and not sparing then sparing = args[10] end
local id = args[1]
local fields = redis.call('HMGET', keys[1], 'user', 'status', 'version', 'items', 'reserved', 'reference', 'refunded', 'lines', 'held')
if not fields[1] or (args[2] ~= '' and args[2] ~= fields[1]) then return finish(1) end
if args[3] ~= '0' and args[3] ~= fields[3] then return finish(2) end
local own = {}
for i = 11, #args do own[i - 10] = args[i] end
local purchase = { user = fields[1], held = fields[9] or '', status = fields[2], version = fields[3], items = fields[4], lines = fields[8], reserved = fields[5] or '0',
  reference = fields[6] or '', refunded = fields[7] or '' }

-- Purchases that are open have a list for each status; before layout 3 each status has one.
-- Those that ended without a sale are listed by the time of their last change, in ms.
local LISTED, ENDED = { pending = true, paid = true }, { cancelled = true, expired = true }

-- bytes16 gives the 16 bytes of an id in its text form.
local function bytes16(text)
  return (string.gsub(string.gsub(text, '-', ''), '%x%x', function(digits) return string.char(tonumber(digits, 16)) end))
end

-- lines reads the purchase's lines in either form: packed, as packed.go describes it, or
-- items, which is JSON. A line has the product's id as text and in 16 bytes, and the pieces.
-- A purchase with items may have the field held: a replica writes items until it has learned that layout 3 is in
-- force, and create.lua counts from the moment at which it is.
local function lines()
  local list = {}
  if not purchase.lines then
    for i, item in ipairs(cjson.decode(purchase.items)) do
      list[i] = { id = bytes16(item.product_id), product = item.product_id, pieces = item.quantity }
    end
    return list
  end
  local packed = cmsgpack.unpack(purchase.lines)
  for i = 2, #packed, packed[1] do
    list[#list + 1] = { id = packed[i], product = value({ packed[i] }), pieces = packed[i + 1] }
  end
  return list
end

-- count notes what a new status means for the customer's quotas; it gives the fields of the purchase to set for it.
local function count(status)
  if purchase.held == '' and status ~= 'paid' then return {} end
  local at = { held = args[6] .. purchase.user, strikes = args[7] .. purchase.user, unpaid = keys[3],
    cool = tonumber(args[8]), add = tonumber(args[9]) }
  local packed = held.moved(at, purchase.held, lines, purchase.status, status)
  if packed == purchase.held then return {} end
  return { 'held', packed }
end

-- move gives the purchase another status (or the same), a new version and more
-- fields, and answers its state. HSET comes first: Redis refuses it for want of
-- memory before anything else of the script has happened.
local function move(status, ...)
  local version, updated = int(tonumber(purchase.version) + 1), int(now())
  local more = { ... }
  if status ~= purchase.status and status ~= 'fulfilled' and status ~= 'refunded' then
    for _, field in ipairs(count(status)) do more[#more + 1] = field end
  end
  redis.call('HSET', keys[1], 'status', status, 'version', version, 'updated', updated, unpack(more))
  if status ~= purchase.status then
    if LISTED[purchase.status] or layout() < 3 then redis.call('ZREM', args[5] .. purchase.status, id) end
    if LISTED[status] or layout() < 3 then redis.call('ZADD', args[5] .. status, 0, id) end
    if ENDED[purchase.status] then redis.call('ZREM', args[5] .. 'ended', id) end
    if ENDED[status] then redis.call('ZADD', args[5] .. 'ended', updated, id) end
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

