-- Makes a purchase: takes the stock for all lines, or for none.
-- keys: 1 the purchase, 2 the reservations, 3 the list of pending purchases, 4 the buyer's purchases,
--       5 the external_ref's purchase, 6 the buyer, 7 the list of all purchases, 8 counts of the buyer,
--       9 the buyer's cool-downs, 10 bytes of unpaid purchases, 11… the products, each once
-- args: 1 id, 2 buyer's id, 3 lines as packed.go packs them, '' before layout 3, 4 people to these;
--       before layout 3 items (JSON), 5 how many lines, 6 total, 7 currency, 8 external_ref or '',
--       9 how long the stock is held, ms, 10 refusal that the maker of the lines found (0 none),
--       11 bytes that the purchase takes (0: an admin makes it, and no quota counts it), most that a customer may have
--       pending of 12 purchases, 13 lines, 14 pieces, 15 pieces of a product, 16 the cool-down, ms, bytes that unpaid
--       purchases may take 17 of the buyer's kind of customer (0 any), 18 of an address, 19 the address's name;
--       then per product: version that the lines were made from ('0' it was not found), pieces, its id in 16 bytes,
--       its max_per_customer (0 none)
-- codes: 0 made {id, created, status, version, updated, reserved, reference, refunded, products sold out by it}
--        1 external_ref used {id of the purchase} · 2 no such buyer
--        3 no such product {its number, from 1…} · 4 too few {its number, available, …}
--        5 a product changed meanwhile: make the lines anew (not remembered)
--        6 prices of several currencies · 7 the total is too large
--        'max-per-customer' {number of the product, pieces left} · and, not remembered, the names of quota.lua
-- Remembered in form 2: {id, products sold out by it}. The rest of what it answered is in the
-- purchase and never changes; the caller reads it there.
-- Safe to run twice: see the prelude.
local id, buyer, ref = args[1], args[2], args[8]
local before = { keys = 10, args = 19 } -- how many come before those of the products
local email = redis.call('HGET', keys[6], 'email')
if not email or email == '' then return finish(2) end
if ref ~= '' then
  local first = redis.call('GET', keys[5])
  if first then return finish(1, { first }) end
end
local stocks, missing, short, changed = {}, {}, {}, false
for i = 1, #keys - before.keys do
  local p = redis.call('HMGET', keys[before.keys + i], 'version', 'stock', 'sold')
  local base, pieces = args[before.args + 4 * i - 3], tonumber(args[before.args + 4 * i - 2])
  if not p[1] then
    missing[#missing + 1] = int(i)
  elseif p[1] ~= base then
    changed = true
  elseif tonumber(p[2]) < pieces then
    short[#short + 1] = int(i)
    short[#short + 1] = p[2]
  end
  stocks[i] = p
end
if #missing > 0 then return finish(3, missing) end
if changed then return answer(5) end
if args[10] ~= '0' then return finish(tonumber(args[10])) end
if #short > 0 then return finish(4, short) end

local want
if args[11] ~= '0' and layout() >= 3 then
  want = { key = keys[8], strikes = keys[9], unpaid = keys[10], bytes = tonumber(args[11]), lines_asked = tonumber(args[5]),
    purchases = tonumber(args[12]), lines = tonumber(args[13]), pieces = tonumber(args[14]), product = tonumber(args[15]),
    cool = tonumber(args[16]), share = tonumber(args[17]), address_share = tonumber(args[18]), address = args[19], products = {} }
  for i = 1, #keys - before.keys do
    local last = before.args + 4 * i
    want.products[i] = { id = args[last - 1], pieces = tonumber(args[last - 2]), most = tonumber(args[last]) }
  end
  local refusal, values = quota.look(want)
  if refusal == 'max-per-customer' then return finish(refusal, values) end
  if refusal then return decline(refusal, values) end
end

local created = now()
local reserved = int(created + tonumber(args[9]))
created = int(created)
local fields = { 'user', buyer, 'status', 'pending', 'version', 1, 'count', args[5],
  'total', args[6], 'currency', args[7], 'created', created, 'updated', created, 'reserved', reserved }
local function add(field, text) fields[#fields + 1] = field; fields[#fields + 1] = text end
if args[3] == '' then
  add('items', args[4])
else
  add('lines', args[3])
  add('people', args[4])
end
if ref ~= '' then add('external_ref', ref) end
if want then add('held', quota.take(want)) end
redis.call('HSET', keys[1], unpack(fields))
local outs = 0
for i = 1, #keys - before.keys do
  local pieces = tonumber(args[before.args + 4 * i - 2])
  if tonumber(stocks[i][2]) == pieces then outs = outs + 1 end
  redis.call('HSET', keys[before.keys + i], 'stock', int(tonumber(stocks[i][2]) - pieces), 'sold', int(tonumber(stocks[i][3]) + pieces))
end
if ref ~= '' then redis.call('SET', keys[5], id) end
redis.call('ZADD', keys[2], reserved, id)
redis.call('ZADD', keys[3], 0, id)
redis.call('ZADD', keys[4], 0, id)
redis.call('ZADD', keys[7], 0, id)
emit('purchase.pending', id, 1)
return finish(0, { id, created, 'pending', '1', created, reserved, '', '', int(outs) }, { id, int(outs) })
