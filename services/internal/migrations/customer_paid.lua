-- Migration 3: notes of customers that they have paid for a purchase.
-- keys: 3… their counts
for i = 3, #keys do redis.call('HSET', keys[i], 'paid', 1) end
return record(#keys - 2)
