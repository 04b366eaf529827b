-- The quotas of a customer who buys; it stands before create.lua, which has the keys and what `asked` is. A refusal
-- here is no outcome and is not remembered: the same request may succeed later. docs/decisions/0087-quotas.md says why.

-- counted is what the purchase changes in the counts of held.lua; create.lua writes it.
local counted

-- cool gives how long the customer has to wait for these products, in ms.
local function cool(asked, setting)
  local fields, last = { 'all' }, 0
  for at = 13, #asked, 5 do fields[#fields + 1] = asked[at] end
  for _, ends in ipairs(call('HMGET', keys[9], unpack(fields))) do last = math.max(last, tonumber(ends or 0)) end
  return math.max(0, last - now() - setting)
end

-- opened gives the numbers of pending purchases, lines and pieces with this purchase, as held.lua keeps them, and the
-- name of the quota that they pass, or nil. text is the field open.
local function opened(asked, text)
  local pieces = 0
  for at = 12, #asked, 5 do pieces = pieces + asked[at] end
  local purchases, lines, all = string.match(text or '0 0 0', '^(%d+) (%d+) (%d+)$')
  purchases, lines, all = purchases + 1, lines + args[5], all + pieces
  local passed = purchases > asked[3] and 'quota-open-purchases' or lines > asked[4] and 'quota-open-lines'
    or all > asked[5] and 'quota-open-pieces' or nil
  return int(purchases) .. ' ' .. int(lines) .. ' ' .. int(all), passed
end

-- quota reads what is counted of the customer, and gives the name of the first quota that the purchase would
-- pass, with values for the caller; or nil.
local function quota(asked)
  local fields = { 'open', 'paid', 'struck' }
  for at = 13, #asked, 5 do fields[#fields + 1] = 'p' .. asked[at] end
  local products = #fields - 3
  for at = 13, #asked, 5 do
    if asked[at + 1] > 0 then fields[#fields + 1] = 'b' .. asked[at] end
  end
  local found = call('HMGET', keys[8], unpack(fields))
  local open, passed = opened(asked, found[1])
  local set, limited, bought = { 'open', open }, '', 3 + products
  for i = 1, products do
    local at = 8 + 5 * i
    local most, pending = asked[at + 1], tonumber(found[3 + i] or 0)
    if most > 0 then
      bought = bought + 1
      limited = limited .. asked[at]
      local left = math.max(0, most - pending - (found[bought] or 0))
      if asked[at - 1] > left then return 'max-per-customer', { int(i), int(left) } end
    end
    set[2 * i + 1] = fields[3 + i]
    set[2 * i + 2] = pending + asked[at - 1]
  end
  if passed then return passed end
  for i = 1, products do
    local asks, after = asked[7 + 5 * i], set[2 * i + 2]
    if after > asked[6] then return 'quota-product-pieces', { int(i), int(math.max(0, asked[6] - after + asks)) } end
  end
  if asked[7] > 0 and tonumber(found[3] or 0) > now() then
    local wait = cool(asked, asked[7])
    if wait > 0 then return 'cool-down', { int(wait) } end
  end
  local class, share = found[2] and 'known' or 'new', asked[8]
  local used = call('HMGET', keys[10], class, asked[10])
  local of_class, of_address = (used[1] or 0) + asked[2], (used[2] or 0) + asked[2]
  if share > 0 and of_class > share then return 'quota-share', { class } end
  if share > 0 and of_address > asked[9] then return 'quota-address', { class } end
  local kept = cmsgpack.pack({ class, asked[2], asked[10], limited })
  counted = { set = set, class = class, of_class = of_class, of_address = of_address, held = kept }
end
