-- Lets a session that was used last on.
-- keys: 1 the session, 2 the user's sessions
-- args: 1 hash of the token, 2 how long the session lasts from now, ms
-- codes: 0 extended {expires} · 1 no such session
-- Safe to run twice: it sets the same end again.
if redis.call('EXISTS', keys[1]) == 0 then return answer(1) end

local expires = int(now() + tonumber(args[2]))
redis.call('HSET', keys[1], 'expires', expires)
redis.call('PEXPIRE', keys[1], args[2])
redis.call('ZADD', keys[2], expires, args[1])
return answer(0, { expires })
