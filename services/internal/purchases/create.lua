-- Makes a purchase: takes the stock for all lines, or for none.
-- keys: 1 the purchase, 2 the reservations, 3 the list of pending purchases, 4 the buyer's purchases,
--       5 the external_ref's purchase, 6 the buyer, 7 the list of all purchases, 8 counts of the buyer,
--       9 the buyer's cool-downs, 10 bytes of unpaid purchases, 11… the products, each once
-- args: 1 id, 2 buyer's id, 3 lines as packed.go packs them, '' before layout 3, 4 people to these;
--       before layout 3 items (JSON), 5 how many lines, 6 total, 7 currency, 8 external_ref or '',
--       9 how long the stock is held, ms, 10 refusal that the maker of the lines found (0 none), 11 asked,
--       12 name of the share of a day that is used up: the purchase may be made, and no refusal is remembered; or ''
-- asked: a MessagePack array, see asked.go: 1 the purchase's id in 16 bytes, 2 bytes that the purchase takes (0: an
--       admin makes it, and no quota counts it), most that a customer may have pending of 3 purchases, 4 lines, 5 pieces,
--       6 pieces of a product, 7 the cool-down, ms, bytes that unpaid purchases may take 8 of the buyer's kind of
--       customer (0 any), 9 of an address, 10 the address's name; then per product, from 11: version that the lines were
--       made from ('0' it was not found), pieces, its id in 16 bytes, its max_per_customer (0 none), when it
--       was last changed, ms
-- codes: 0 made {id, created, reserved, products sold out by it}; in layout 1, which remembers all of an answer,
--          {id, created, status, version, updated, reserved, reference, refunded, products sold out by it}
--        1 external_ref used {id of the purchase} · 2 no such buyer
--        3 no such product {its number, from 1…} · 4 too few {its number, available, …}
--        5 a product changed meanwhile: make the lines anew (not remembered)
--        6 prices of several currencies · 7 the total is too large
--        'max-per-customer' {number of the product, pieces left} · and, not remembered, the names of quota.lua
-- Remembered in form 2: {id, products sold out by it}. The rest of what it answered is in the
-- purchase and never changes; the caller reads it there.
-- Safe to run twice: see the prelude.
local id, buyer, ref = args[1], args[2], args[8]
if args[12] ~= '' then sparing = args[12] end
local asked = cmsgpack.unpack(args[11])
local email = call('HGET', keys[6], 'email')
if not email or email == '' then return finish(2) end
if ref ~= '' then
  local first = call('GET', keys[5])
  if first then return finish(1, { first }) end
end
-- A large purchase that the open ones leave no room for costs no look at its products.
local counts = asked[2] > 0 and layout() >= 3
if counts and #keys > 30 then
  local _, passed = opened(asked, call('HGET', keys[8], 'open'))
  if passed then return decline(passed) end
end
local stocks, missing, short, changed = {}, nil, nil, false
for i = 1, #keys - 10 do
  local p = call('HMGET', keys[10 + i], 'version', 'stock', 'sold', 'updated')
  if not p[1] then
    missing = missing or {}
    missing[#missing + 1] = int(i)
  elseif p[1] ~= asked[6 + 5 * i] or p[4] and layout() >= 2 and p[4] ~= asked[10 + 5 * i] then
    changed = true
  elseif tonumber(p[2]) < asked[7 + 5 * i] then
    short = short or {}
    short[#short + 1] = int(i)
    short[#short + 1] = p[2]
  end
  stocks[i] = p
end
if missing then return finish(3, missing) end
if changed then return answer(5) end
if args[10] ~= '0' then return finish(tonumber(args[10])) end
if short then return finish(4, short) end

if counts then
  local refusal, values = quota(asked)
  if refusal == 'max-per-customer' then return finish(refusal, values) end
  if refusal then return decline(refusal, values) end
end

local packed, created, reserved = args[3] ~= '', int(now()), int(now() + args[9])
local fields = { 'user', buyer, 'status', 'pending', 'version', '1', 'count', args[5], 'total', args[6], 'currency', args[7],
  'created', created, 'updated', created, 'reserved', reserved, packed and 'people' or 'items', args[4], false, false, false, false, false, false }
local last = 20
local function add(name, text)
  fields[last + 1], fields[last + 2] = name, text
  last = last + 2
end
if packed then add('lines', args[3]) end
if ref ~= '' then add('external_ref', ref) end
if counted then add('held', counted.held) end
call('HSET', keys[1], unpack(fields, 1, last))
if counted then
  call('HSET', keys[8], unpack(counted.set))
  call('HSET', keys[10], counted.class, int(counted.of_class), asked[10], int(counted.of_address))
end
local outs = 0
for i, p in ipairs(stocks) do
  local left = p[2] - asked[7 + 5 * i]
  if left == 0 then outs = outs + 1 end
  call('HSET', keys[10 + i], 'stock', int(left), 'sold', int(p[3] + asked[7 + 5 * i]))
end
if ref ~= '' then call('SET', keys[5], id) end
call('ZADD', keys[2], reserved, id)
call('ZADD', keys[3], '0', id)
call('ZADD', keys[4], '0', id)
call('ZADD', keys[7], '0', id)
emit('purchase.pending', id, '1')
local reply = { id, created, reserved, int(outs) }
if layout() < 2 then reply = { id, created, 'pending', '1', created, reserved, '', '', reply[4] } end
return finish(0, reply, { { asked[1] }, outs })
