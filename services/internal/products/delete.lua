-- Deletes a product. Purchases keep the name and price that they froze.
-- keys: 1 the product, 2 the list of all products, 3 its SKU, 4 its adjustments,
--       5… the lists of its family, category and tags
-- args: 1 id, 2 version that keys were made from, 3 version that If-Match demands (0 any), 4 SKU or ''
-- codes: 0 deleted · 2 no such product · 3 If-Match is stale · 4 changed meanwhile (not remembered)
-- Safe to run twice: see the prelude.
local id, base, wanted, sku = args[1], args[2], args[3], args[4]
local version = redis.call('HGET', keys[1], 'version')
if not version then return finish(2) end
if wanted ~= '0' and wanted ~= version then return finish(3) end
if base ~= version then return answer(4) end

redis.call('DEL', keys[1], keys[4])
if sku ~= '' then redis.call('DEL', keys[3]) end
redis.call('ZREM', keys[2], id)
for i = 5, #keys do redis.call('ZREM', keys[i], id) end
emit('product.deleted', id, version)
return finish(0)
