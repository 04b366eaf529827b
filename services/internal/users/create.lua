-- Creates a user.
-- keys: 1 the user, 2 the email's owner, 3 the list of all users
-- args: 1 id, 2 email, 3 first name, 4 last name, 5 role, 6 hash of the password, or '?' if it is still to be made,
--       7 created_at, 8 hash of the ADMIN_PASSWORD applied, or ''
-- codes: 0 created {id, created_at} · 1 email taken {id of its owner} · 5 only the hash is missing (not remembered)
-- Safe to run twice: see the prelude.
local owner = redis.call('GET', keys[2])
if owner then return finish(1, { owner }) end
if args[6] == '?' then return answer(5) end

redis.call('HSET', keys[1], 'email', args[2], 'first_name', args[3], 'last_name', args[4], 'role', args[5],
  'password', args[6], 'version', 1, 'created_at', args[7], 'updated_at', args[7], 'seed', args[8])
redis.call('SET', keys[2], args[1])
redis.call('ZADD', keys[3], 0, args[1])
emit('user.created', args[1], 1)
return finish(0, { args[1], args[7] })
