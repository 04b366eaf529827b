-- Takes the lease, makes it last on, or gives it back.
-- keys: 1 the lease
-- args: 1 who wants it, 2 how long in ms, 0 gives it back, 3 '1' takes it from another holder
-- codes: 0 done · 1 it is another's {its holder}
-- Safe to run twice: it sets what it set before.
local holder = redis.call('GET', keys[1])
if holder and holder ~= args[1] and args[3] ~= '1' then return answer(1, { holder }) end
if args[2] == '0' then redis.call('DEL', keys[1]) else redis.call('SET', keys[1], args[1], 'PX', args[2]) end
return answer(0)
