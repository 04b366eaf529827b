-- Opens a session, if the password that was checked is still the user's.
-- keys: 1 the session, 2 the user, 3 the user's sessions
-- args: 1 hash of the token, 2 user id, 3 hash of the password that was checked,
--       4 how long the session lasts, ms, 5 how many sessions a user may have, 6 prefix of the sessions' keys
-- codes: 0 opened {role, expires, email, first, last, version, created_at, updated_at} · 1 password changed meanwhile
-- Safe to run twice: the same token's hash writes the same session again. Nothing
-- is remembered, for the answer holds a secret that Redis must not see.
local u = redis.call('HMGET', keys[2], 'password', 'role', 'email', 'first_name', 'last_name', 'version', 'created_at', 'updated_at')
if not u[1] or u[1] ~= args[3] then return answer(1) end

local expires = now() + tonumber(args[4])
redis.call('HSET', keys[1], 'user', args[2], 'role', u[2], 'expires', int(expires))
redis.call('PEXPIRE', keys[1], args[4])
redis.call('ZADD', keys[3], int(expires), args[1])
redis.call('ZREMRANGEBYSCORE', keys[3], '-inf', int(now()))
local surplus = redis.call('ZCARD', keys[3]) - tonumber(args[5])
if surplus > 0 then
  for _, s in ipairs(redis.call('ZRANGE', keys[3], 0, surplus - 1)) do redis.call('DEL', args[6] .. s) end
  redis.call('ZREMRANGEBYRANK', keys[3], 0, surplus - 1)
end
emit('session.opened', args[2], 0)
return answer(0, { u[2], int(expires), u[3], u[4], u[5], u[6], u[7], u[8] })
