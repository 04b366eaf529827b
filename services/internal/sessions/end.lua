-- Ends a session.
-- keys: 1 the session, 2 the user's sessions
-- args: 1 hash of the token, 2 user id
-- codes: 0 ended, or it had ended already
-- Safe to run twice: what is gone stays gone.
if redis.call('DEL', keys[1]) == 1 then
  redis.call('ZREM', keys[2], args[1])
  emit('session.ended', args[2], 0)
end
return answer(0)
