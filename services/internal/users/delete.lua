-- Deletes a user. One that has purchases is made anonymous instead: the
-- purchases stay and go on pointing to the id. Of the user only the role, the version
-- and the times are kept: a field that this version does not know may be personal, too.
-- keys: 1 the user, 2 the email's owner, 3 the list of all users, 4 the user's sessions, 5 the user's purchases,
--       6 counts of the user as a customer, 7 the user's cool-downs
-- args: 1 id, 2 version that keys were made from, 3 version that If-Match demands (0 any),
--       4 prefix of the sessions' keys, 5 name of the quota that is used up, or ''
-- codes: 0 deleted · 2 no such user · 3 If-Match is stale · 4 changed meanwhile (not remembered)
-- Beyond a quota an account can still be deleted, but no refusal is remembered.
-- Safe to run twice: see the prelude.
local id = args[1]
local function refused(code)
  if args[5] ~= '' then return refuse(args[5]) end
  return finish(code)
end
local u = redis.call('HMGET', keys[1], 'version', 'email')
if not u[2] or u[2] == '' then return refused(2) end
if args[3] ~= '0' and args[3] ~= u[1] then return refused(3) end
if args[2] ~= u[1] then return answer(4) end

local sessions = redis.call('ZRANGE', keys[4], 0, -1)
if redis.call('EXISTS', keys[5]) == 1 then
  local kept = redis.call('HMGET', keys[1], 'role', 'created_at', 'updated_at')
  redis.call('DEL', keys[1])
  redis.call('HSET', keys[1], 'email', '', 'first_name', '', 'last_name', '', 'version', int(tonumber(u[1]) + 1),
    'role', kept[1] or '', 'created_at', kept[2] or '', 'updated_at', kept[3] or '')
else
  redis.call('DEL', keys[1], keys[6], keys[7])
end
redis.call('DEL', keys[2], keys[4])
redis.call('ZREM', keys[3], id)
for _, s in ipairs(sessions) do redis.call('DEL', args[4] .. s) end
emit('user.deleted', id, int(tonumber(u[1]) + 1))
return finish(0)
