-- Ends a session.
-- keys: 1 the session, 2 the user's sessions
-- args: 1 hash of the token, 2 user id
-- codes: 0 ended {1}, or it had ended already {0}
-- Safe to run twice: what is gone stays gone.
local ended = redis.call('DEL', keys[1])
if ended == 1 then
  redis.call('ZREM', keys[2], args[1])
  emit('session.ended', args[2], 0)
end
return answer(0, { int(ended) })
