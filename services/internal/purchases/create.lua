-- Makes a purchase: takes the stock for all lines, or for none.
-- keys: 1 the purchase, 2 the reservations, 3 the list of pending purchases, 4 the buyer's purchases,
--       5 the external_ref's purchase, 6 the buyer, 7… the products, each once
-- args: 1 id, 2 buyer's id, 3 items (JSON), 4 total, 5 currency, 6 external_ref or '',
--       7 how long the stock is held, ms, 8 refusal that the maker of the items found (0 none);
--       then per product: version that the items were made from ('0' it was not found), pieces
-- codes: 0 made {id, created, status, version, updated, reserved, reference, refunded, products sold out by it}
--        1 external_ref used {id of the purchase} · 2 no such buyer
--        3 no such product {its number, from 1…} · 4 too few {its number, available, …}
--        5 a product changed meanwhile: make the items anew (not remembered)
--        6 prices of several currencies · 7 the total is too large
-- Remembered in form 2: {id, products sold out by it}. The rest of what it answered is in the
-- purchase and never changes; the caller reads it there.
-- Safe to run twice: see the prelude.
local id, buyer, ref = args[1], args[2], args[6]
local email = redis.call('HGET', keys[6], 'email')
if not email or email == '' then return finish(2) end
if ref ~= '' then
  local first = redis.call('GET', keys[5])
  if first then return finish(1, { first }) end
end
local stocks, missing, short, changed = {}, {}, {}, false
for i = 1, #keys - 6 do
  local p = redis.call('HMGET', keys[6 + i], 'version', 'stock', 'sold')
  local base, pieces = args[7 + 2 * i], tonumber(args[8 + 2 * i])
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
if args[8] ~= '0' then return finish(tonumber(args[8])) end
if #short > 0 then return finish(4, short) end

local created = now()
local reserved = int(created + tonumber(args[7]))
created = int(created)
redis.call('HSET', keys[1], 'user', buyer, 'status', 'pending', 'version', 1, 'items', args[3],
  'total', args[4], 'currency', args[5], 'created', created, 'updated', created, 'reserved', reserved)
local outs = 0
for i = 1, #keys - 6 do
  local pieces = tonumber(args[8 + 2 * i])
  if tonumber(stocks[i][2]) == pieces then outs = outs + 1 end
  redis.call('HSET', keys[6 + i], 'stock', int(tonumber(stocks[i][2]) - pieces), 'sold', int(tonumber(stocks[i][3]) + pieces))
end
if ref ~= '' then
  redis.call('HSET', keys[1], 'external_ref', ref)
  redis.call('SET', keys[5], id)
end
redis.call('ZADD', keys[2], reserved, id)
redis.call('ZADD', keys[3], 0, id)
redis.call('ZADD', keys[4], 0, id)
emit('purchase.pending', id, 1)
return finish(0, { id, created, 'pending', '1', created, reserved, '', '', int(outs) }, { id, int(outs) })
