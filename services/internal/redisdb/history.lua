-- Begins the history of data that has none, and answers which one the data has.
-- args: 1 the id of a new one
-- codes: 0 {id}
-- Safe to run twice: the first id stays.
local id = call('GET', KEYS[4])
if not id then
  id = args[1]
  call('SET', KEYS[4], id)
end
return answer(0, { id })
