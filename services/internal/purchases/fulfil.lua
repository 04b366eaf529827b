-- Says that a paid purchase was handed over.
-- codes: as in common.lua
-- Safe to run twice: see the prelude.
if purchase.status ~= 'paid' then return finish(3, { purchase.status }) end
return finish(0, move('fulfilled'))
