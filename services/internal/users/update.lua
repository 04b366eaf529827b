-- Changes a user, if it is still the version that the change was made from.
-- keys: 1 the user, 2 the email's owner until now, 3 the new email's owner, 4 the user's sessions
-- args: 1 id, 2 version that the change was made from, 3 version that If-Match demands (0 any),
--       4 email, 5 first name, 6 last name, 7 role, 8 hash of the new password ('?': still to be made) or '', 9 updated_at,
--       10 prefix of the sessions' keys, 11 hash of the ADMIN_PASSWORD applied or ''
-- codes: 0 changed {email, first, last, role, version, created_at, updated_at} · 1 email taken {id}
--        2 no such user · 3 If-Match is stale · 4 changed meanwhile (not remembered) · 5 only the hash is missing (not remembered)
-- A new password ends every session; a new role is written into them, so that it holds at once.
-- Safe to run twice: see the prelude.
local id, updated = args[1], args[9]
local u = redis.call('HMGET', keys[1], 'version', 'email', 'role', 'created_at')
if not u[2] or u[2] == '' then return finish(2) end
if args[3] ~= '0' and args[3] ~= u[1] then return finish(3) end
if args[2] ~= u[1] then return answer(4) end
if keys[3] ~= keys[2] then
  local owner = redis.call('GET', keys[3])
  if owner then return finish(1, { owner }) end
end
if args[8] == '?' then return answer(5) end

local version = int(tonumber(u[1]) + 1)
redis.call('HSET', keys[1], 'email', args[4], 'first_name', args[5], 'last_name', args[6], 'role', args[7],
  'version', version, 'updated_at', updated)
if args[11] ~= '' then redis.call('HSET', keys[1], 'seed', args[11]) end
if keys[3] ~= keys[2] then
  redis.call('DEL', keys[2])
  redis.call('SET', keys[3], id)
end
local sessions = redis.call('ZRANGE', keys[4], 0, -1)
if args[8] ~= '' then
  redis.call('HSET', keys[1], 'password', args[8])
  for _, s in ipairs(sessions) do redis.call('DEL', args[10] .. s) end
  redis.call('DEL', keys[4])
elseif args[7] ~= u[3] then
  for _, s in ipairs(sessions) do
    if redis.call('EXISTS', args[10] .. s) == 1 then redis.call('HSET', args[10] .. s, 'role', args[7]) end
  end
end
emit('user.changed', id, version)
return finish(0, { args[4], args[5], args[6], args[7], version, u[4], updated })
