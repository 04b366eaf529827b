-- The quotas of a customer who buys; it stands before create.lua. A refusal here is no outcome and is not
-- remembered: the same request may succeed later. docs/decisions/0087-quotas.md says why.
local quota = {}

-- look reads what is counted of the customer, and gives the name of the first quota that the purchase
-- would pass, with values for the caller; or nil.
-- want: key, strikes, unpaid (keys); purchases, lines, pieces, product, cool (ms), share, address_share (bounds);
-- bytes, address, lines_asked; products, each {id of 16 bytes, pieces, max_per_customer or 0}
function quota.look(want)
  local fields, pieces = { 'open', 'paid', 'struck' }, 0
  for _, p in ipairs(want.products) do
    fields[#fields + 1] = 'p' .. p.id
    pieces = pieces + p.pieces
  end
  for _, p in ipairs(want.products) do
    if p.most > 0 then fields[#fields + 1] = 'b' .. p.id end
  end
  local found = redis.call('HMGET', want.key, unpack(fields))
  local open, lines, all = held.amounts(found[1])
  want.class = found[2] and 'known' or 'new'
  want.after = { open + 1, lines + want.lines_asked, all + pieces }
  local bought = 3 + #want.products
  for i, p in ipairs(want.products) do
    p.pending = tonumber(found[3 + i] or 0)
    if p.most > 0 then
      bought = bought + 1
      local left = math.max(0, p.most - p.pending - tonumber(found[bought] or 0))
      if p.pieces > left then return 'max-per-customer', { int(i), int(left) } end
    end
  end
  if want.after[1] > want.purchases then return 'quota-open-purchases' end
  if want.after[2] > want.lines then return 'quota-open-lines' end
  if want.after[3] > want.pieces then return 'quota-open-pieces' end
  for i, p in ipairs(want.products) do
    if p.pending + p.pieces > want.product then return 'quota-product-pieces', { int(i), int(math.max(0, want.product - p.pending)) } end
  end
  local wait = quota.cool(want, tonumber(found[3] or 0))
  if wait > 0 then return 'cool-down', { int(wait) } end
  return quota.room(want)
end

-- cool gives how long the customer has to wait for these products, in ms; struck is when the last cool-down ends.
function quota.cool(want, struck)
  local time = now()
  if want.cool == 0 or struck <= time then return 0 end
  local fields = { 'all' }
  for _, p in ipairs(want.products) do fields[#fields + 1] = p.id end
  local last = 0
  for _, v in ipairs(redis.call('HMGET', want.strikes, unpack(fields))) do last = math.max(last, tonumber(v or 0)) end
  return math.max(0, last - time - want.cool)
end

-- room refuses what does not fit into the share of the customer's class, or of the address.
function quota.room(want)
  local used = redis.call('HMGET', want.unpaid, want.class, want.address)
  want.used = { tonumber(used[1] or 0) + want.bytes, tonumber(used[2] or 0) + want.bytes }
  if want.share > 0 and want.used[1] > want.share then return 'quota-share', { want.class } end
  if want.share > 0 and want.used[2] > want.address_share then return 'quota-address', { want.class } end
end

-- take counts the purchase, and gives its field held.
function quota.take(want)
  local fields, limited = { open = table.concat({ int(want.after[1]), int(want.after[2]), int(want.after[3]) }, ' ') }, {}
  for _, p in ipairs(want.products) do
    fields['p' .. p.id] = p.pending + p.pieces
    if p.most > 0 then limited[#limited + 1] = p.id end
  end
  held.write(want.key, fields)
  held.write(want.unpaid, { [want.class] = want.used[1], [want.address] = want.used[2] })
  return cmsgpack.pack({ want.class, want.bytes, want.address, table.concat(limited) })
end
