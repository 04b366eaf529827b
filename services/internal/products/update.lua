-- Replaces a product's body, if it is still the version that the new body was made from.
-- keys: 1 the product, 2 its SKU until now, 3 its new SKU, then the lists to leave, then the lists to join
-- args: 1 id, 2 version that the body was made from, 3 version that If-Match demands (0 any),
--       4 rendered body, 5 SKU until now or '', 6 new SKU or '', 7 how many lists to leave,
--       8 when the body was changed, in milliseconds
-- codes: 0 changed {body, stock} · 1 SKU taken {id} · 2 no such product · 3 If-Match is stale
--        4 changed meanwhile: make the body anew (not remembered)
-- Safe to run twice: see the prelude.
local id, base, wanted, body = args[1], args[2], args[3], args[4]
local old_sku, new_sku, leave = args[5], args[6], tonumber(args[7])
local current = redis.call('HMGET', keys[1], 'version', 'stock')
if not current[1] then return finish(2) end
if wanted ~= '0' and wanted ~= current[1] then return finish(3) end
if base ~= current[1] then return answer(4) end
if new_sku ~= '' and new_sku ~= old_sku then
  local holder = redis.call('GET', keys[3])
  if holder then return finish(1, { holder }) end
end

local version = int(tonumber(current[1]) + 1)
redis.call('HSET', keys[1], 'body', body, 'version', version, 'updated', args[8])
if old_sku ~= new_sku then
  if old_sku ~= '' then redis.call('DEL', keys[2]) end
  if new_sku ~= '' then redis.call('SET', keys[3], id) end
end
for i = 4, 3 + leave do redis.call('ZREM', keys[i], id) end
for i = 4 + leave, #keys do redis.call('ZADD', keys[i], 0, id) end
emit('product.changed', id, version)
return finish(0, { body, current[2] })
