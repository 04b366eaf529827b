-- What the unpaid purchases of customers take, and what of it the scripts count. It stands
-- between the prelude and the other parts of each script that makes or moves a purchase.
--
-- The hash evg:held:USER counts for one customer. Fields: open, "purchases lines pieces" of those that
-- are pending; p with a product's id of 16 bytes, the pieces of that product in them; b with it, the pieces
-- bought of a product that has max_per_customer; paid, 1 once the customer has paid for a purchase;
-- struck, when the customer's last cool-down ends in ms. What is 0 has no field.
-- The hash evg:strikes:USER has the cool-downs of one customer: for each product's id of 16 bytes, and for `all`
-- products, the time until which strikes last, in ms; n counts its fields. It expires with the last of them, at
-- the time until.
-- The hash evg:unpaid has bytes of pending, cancelled and expired purchases: of customers that had paid for a
-- purchase before (`known`), of all others (`new`), and of each address that they came from.
--
-- A purchase's own field held says where it is counted, as a MessagePack array: {`new` or `known`, its bytes,
-- address, ids of its products that have max_per_customer, one after the other}. A purchase without the
-- field is not counted anywhere: an admin has made it, or it was made before layout 3.
local held = {}

-- amounts reads the field open.
function held.amounts(text)
  local purchases, lines, pieces = string.match(text or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(purchases or 0), tonumber(lines or 0), tonumber(pieces or 0)
end

-- write sets the fields of a hash that are not 0 or '', and deletes the others.
function held.write(key, fields)
  local set, gone = {}, {}
  for name, value in pairs(fields) do
    if value == 0 or value == '' or value == '0 0 0' then
      gone[#gone + 1] = name
    else
      set[#set + 1] = name
      set[#set + 1] = type(value) == 'number' and int(value) or value
    end
  end
  if #set > 0 then redis.call('HSET', key, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end

-- limited calls visit with each id in the list of a purchase's limited products.
function held.limited(ids, visit)
  for at = 1, #ids, 16 do visit(string.sub(ids, at, at + 15)) end
end

-- bytes adds to what unpaid purchases take, or takes off it.
function held.bytes(unpaid, counted, sign)
  local fields = { counted[1], counted[3] }
  local before = redis.call('HMGET', unpaid, unpack(fields))
  local after = {}
  for i, name in ipairs(fields) do after[name] = math.max(0, tonumber(before[i] or 0) + sign * counted[2]) end
  held.write(unpaid, after)
end

-- The strikes of one customer are of at most so many products; then they are of all products.
local MOST_STRIKES, STRIKES_AT_ONCE = 500, 100

-- strike lengthens the cool-downs of a customer for products by add ms, and gives the time at which the last one
-- of all ends. names are the fields. A cool-down is at most four times as long as the setting.
function held.strike(key, names, add, cool)
  local time = now()
  local found = #names <= STRIKES_AT_ONCE and redis.call('HMGET', key, 'n', 'until', unpack(names))
  if not found or tonumber(found[1] or 0) + #names > MOST_STRIKES then
    names = { 'all' }
    found = redis.call('HMGET', key, 'n', 'until', 'all')
  end
  local set, count, last = {}, tonumber(found[1] or 0), math.max(tonumber(found[2] or 0), time)
  for i, name in ipairs(names) do
    local ends = math.min(math.max(tonumber(found[i + 2] or 0), time) + add, time + 4 * cool)
    if not found[i + 2] then count = count + 1 end
    set[#set + 1] = name
    set[#set + 1] = int(ends)
    last = math.max(last, ends)
  end
  redis.call('HSET', key, 'n', int(count), 'until', int(last), unpack(set))
  redis.call('PEXPIRE', key, int(last - time))
  return last
end

-- sums adds the pieces of lines up, by product. common.lua has their form.
function held.sums(lines)
  local sums = {}
  for _, line in ipairs(lines) do sums[line.id] = (sums[line.id] or 0) + line.pieces end
  return sums
end

-- change adds to a customer's counts: to the field open {purchases, lines, pieces}, and to the others by their
-- names. The values of fixed are written as they are.
function held.change(key, open, others, fixed)
  local names = {}
  for name in pairs(others) do names[#names + 1] = name end
  local found = redis.call('HMGET', key, 'open', unpack(names))
  if open then
    local purchases, lines, pieces = held.amounts(found[1])
    fixed.open = table.concat({ int(math.max(0, purchases + open[1])), int(math.max(0, lines + open[2])),
      int(math.max(0, pieces + open[3])) }, ' ')
  end
  for i, name in ipairs(names) do fixed[name] = math.max(0, tonumber(found[i + 1] or 0) + others[name]) end
  held.write(key, fixed)
end

-- moved counts that a purchase comes from one status into another, and gives its field held from then on.
-- at: held, strikes, unpaid (keys), add (to the cool-down, ms), cool (the setting, ms); lines() gives the lines
function held.moved(at, packed, lines, from, to)
  if packed == '' then
    if to == 'paid' and not redis.call('HGET', at.held, 'paid') then redis.call('HSET', at.held, 'paid', 1) end
    return packed
  end
  lines = lines()
  local counted, sums, open, others, fixed = cmsgpack.unpack(packed), held.sums(lines), nil, {}, {}
  if from == 'pending' then
    local pieces = 0
    for id, n in pairs(sums) do
      others['p' .. id] = -n
      pieces = pieces + n
    end
    open = { -1, -#lines, -pieces }
  end
  if to == 'paid' then
    fixed.paid = 1
    held.limited(counted[4], function(id) others['b' .. id] = sums[id] end)
    held.bytes(at.unpaid, counted, -1)
    packed = counted[4] == '' and '' or cmsgpack.pack({ '', 0, '', counted[4] })
  elseif at.add > 0 then
    local names = {}
    for id in pairs(sums) do names[#names + 1] = id end
    fixed.struck = held.strike(at.strikes, names, at.add, at.cool)
  end
  held.change(at.held, open, others, fixed)
  return packed
end

-- refunded takes pieces off those that a customer has bought. back: pieces by the number of the line
function held.refunded(key, packed, lines, back)
  if packed == '' then return end
  local limited, others, any = {}, {}, false
  held.limited(cmsgpack.unpack(packed)[4], function(id) limited[id] = true end)
  for i, line in ipairs(lines) do
    if limited[line.id] and (back[i] or 0) > 0 then
      others['b' .. line.id] = (others['b' .. line.id] or 0) - back[i]
      any = true
    end
  end
  if any then held.change(key, nil, others, {}) end
end
