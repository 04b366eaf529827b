-- Creates a product with its first stock.
-- keys: 1 the product, 2 the list of all products, 3 its SKU ('' in args[3]: unused),
--       4… the lists of its family, category and tags
-- args: 1 id, 2 rendered body, 3 SKU or '', 4 stock, 5 created_at, 6 the same in milliseconds
-- codes: 0 created {id, created_at} · 1 SKU taken {id of the product that has it}
-- Safe to run twice: see the prelude.
local id, body, sku, stock, created = args[1], args[2], args[3], args[4], args[5]
if sku ~= '' then
  local holder = redis.call('GET', keys[3])
  if holder then return finish(1, { holder }) end
end

redis.call('HSET', keys[1], 'body', body, 'version', 1, 'updated', args[6],
  'stock', stock, 'initial', stock, 'adjusted', 0, 'sold', 0, 'returned', 0)
if sku ~= '' then redis.call('SET', keys[3], id) end
redis.call('ZADD', keys[2], 0, id)
for i = 4, #keys do redis.call('ZADD', keys[i], 0, id) end
emit('product.created', id, 1)
return finish(0, { id, created })
