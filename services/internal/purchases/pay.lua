-- Pays a purchase. One that expired before the payment came takes its stock
-- again, for all lines or for none.
-- own args: 1 the payment's reference
-- codes: as in common.lua, and after the state how many products it sold out;
--        4 too few {product's id, available, …}
-- Safe to run twice: see the prelude.
if purchase.status ~= 'pending' and purchase.status ~= 'expired' then return finish(3, { purchase.status }) end
local need, order = {}, {}
if purchase.status == 'expired' then
  for _, line in ipairs(lines()) do
    if not need[line.product] then order[#order + 1] = line.product end
    need[line.product] = (need[line.product] or 0) + line.pieces
  end
end
local short, stocks = {}, {}
for _, product in ipairs(order) do
  local p = redis.call('HMGET', args[4] .. product, 'stock', 'sold')
  if tonumber(p[1] or 0) < need[product] then
    short[#short + 1] = product
    short[#short + 1] = p[1] or '0'
  end
  stocks[product] = p
end
if #short > 0 then return finish(4, short) end

purchase.reference = own[1]
local values, outs = move('paid', 'reference', own[1]), 0
for _, product in ipairs(order) do
  local p = stocks[product]
  if tonumber(p[1]) == need[product] then outs = outs + 1 end
  redis.call('HSET', args[4] .. product, 'stock', int(tonumber(p[1]) - need[product]), 'sold', int(tonumber(p[2]) + need[product]))
end
values[#values + 1] = int(outs)
return finish(0, values)
