-- Refunds a paid or fulfilled purchase, whole or in part; the pieces go back to
-- stock. It is `refunded` once nothing is left.
-- own args: 1 external_ref or '', then per product: id, pieces; none means all that is left
-- codes: as in common.lua, and after the state what was refunded before, per line;
--        4 more than is left {number of the product, from 1, left, …}
--        5 external_ref used {version that it made}
-- Safe to run twice: see the prelude.
-- The reference comes first: whoever asks again for the refund that was the last
-- one possible is told that it is done, not that there is nothing to refund.
local ref = own[1]
if ref ~= '' then
  local first = redis.call('HGET', keys[1], 'refund:' .. ref)
  if first then return finish(5, { first }) end
end
if purchase.status ~= 'paid' and purchase.status ~= 'fulfilled' then return finish(3, { purchase.status }) end
local bought, done = lines(), {}
for i in ipairs(bought) do done[i] = 0 end
local at = 0
for n in string.gmatch(purchase.refunded, '%d+') do at = at + 1; done[at] = tonumber(n) end

local back, over = {}, {} -- pieces per line; what was asked beyond what is left
if #own == 1 then
  for i, line in ipairs(bought) do back[i] = line.pieces - done[i] end
else
  for a = 2, #own, 2 do
    local wanted, left = tonumber(own[a + 1]), 0
    for i, line in ipairs(bought) do
      if line.product == own[a] then
        local free = line.pieces - done[i] - (back[i] or 0)
        local take = math.min(free, wanted)
        back[i] = (back[i] or 0) + take
        wanted, left = wanted - take, left + free
      end
    end
    if wanted > 0 then
      over[#over + 1] = int(a / 2)
      over[#over + 1] = int(left)
    end
  end
end
if #over > 0 then return finish(4, over) end

local all, counts = true, {}
for i, line in ipairs(bought) do
  local total = done[i] + (back[i] or 0)
  counts[i] = int(total)
  if total < line.pieces then all = false end
end
local before = purchase.refunded
purchase.refunded = table.concat(counts, ',')
local status = all and 'refunded' or purchase.status
local values = move(status, 'refunded', purchase.refunded)
values[#values + 1] = before
if ref ~= '' then redis.call('HSET', keys[1], 'refund:' .. ref, values[2]) end
held.refunded(args[6] .. purchase.user, purchase.held, bought, back)
for i, line in ipairs(bought) do
  if (back[i] or 0) > 0 then give_back(line.product, back[i]) end
end
return finish(0, values)
