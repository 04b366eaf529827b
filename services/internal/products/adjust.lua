-- Adjusts a product's stock by hand; it never goes below zero.
-- keys: 1 the product, 2 its adjustments by external_ref
-- args: 1 id, 2 delta, 3 reason, 4 external_ref or '', 5 most stock
-- codes: 0 adjusted {initial, adjusted, sold, returned, stock} · 2 no such product
--        5 too few {stock} · 6 external_ref used {id of the request that used it} · 7 too many {stock}
-- Safe to run twice: see the prelude.
local id, delta, reason, ref = args[1], tonumber(args[2]), args[3], args[4]
local p = redis.call('HMGET', keys[1], 'initial', 'adjusted', 'sold', 'returned', 'stock', 'version')
if not p[5] then return finish(2) end
if ref ~= '' then
  local first = redis.call('HGET', keys[2], ref)
  if first then return finish(6, { first }) end
end
local stock = tonumber(p[5]) + delta
if stock < 0 then return finish(5, { p[5] }) end
if stock > tonumber(args[5]) then return finish(7, { p[5] }) end

local adjusted = int(tonumber(p[2]) + delta)
redis.call('HSET', keys[1], 'adjusted', adjusted, 'stock', int(stock))
if ref ~= '' then redis.call('HSET', keys[2], ref, request.id) end
emit('product.adjusted', id, p[6], 'delta', args[2], 'reason', reason)
return finish(0, { p[1], adjusted, p[3], p[4], int(stock) })
