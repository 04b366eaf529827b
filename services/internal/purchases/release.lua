-- Cancels or expires a pending purchase: all its stock goes back.
-- own args: 1 the new status, cancelled or expired
-- codes: as in common.lua; 4 not due yet (expiry only)
-- Safe to run twice: for cancelling see the prelude; an expiry, whose outcome is
-- not remembered, finds the status changed the second time.
if purchase.status ~= 'pending' then return finish(3, { purchase.status }) end
if own[1] == 'expired' and tonumber(purchase.reserved) > now() then return finish(4) end

local values = move(own[1])
for _, line in ipairs(lines()) do give_back(line.product, line.pieces) end
return finish(0, values)
