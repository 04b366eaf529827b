-- Stands before every write script; see script.go for how the two are joined.
--
-- KEYS[1] the remembered outcome of this request    KEYS[2] the stream of events
-- KEYS[3] the number of the layout that is in force, or the mark of a restore    KEYS[4] the id of the history
-- ARGV[1] fingerprint of the request's body         ARGV[2] how long to remember it, ms; 0 = not at all
-- ARGV[3] id of the HTTP request                    ARGV[4] who makes it (user id, or a part of the shop)
-- ARGV[5] stamp: 8 bytes made from the fingerprint, then 4 made from the id
-- ARGV[6] prefix of the keys of the caller's buckets; '' = this outcome has a key of its own
-- ARGV[7] this outcome's field in a bucket
-- ARGV[8] name of the refusal that the API replica has found already; '' = it has found no reason to refuse
-- ARGV[9] id of the history that the API replica works in; '' = it knows none yet, and works in any
-- The rest is the script's own, from 1, in keys and args. script.go sets sparing before
-- this line: true in the form of a freeing script that runs while memory is short.
--
-- Why every script is safe to run twice: if this request has an outcome, that
-- outcome is the answer and nothing else happens; it was written by the same
-- script run as the effect, so the two are kept or lost together. Scripts with
-- ttl 0 say in their own header why running again does no harm.
--
-- A reply is {how, code, value...}: how is 0 first run, 1 remembered, 2 the
-- request id was used with another body, 3 remembered from an earlier try of this
-- very HTTP request, by the committer or by nginx, 4 remembered in a form that is
-- not known here {4, number of the form}, 5 and 6
-- refused for now. Scripts check everything first and
-- write afterwards; the shebang line makes Redis refuse a script as a whole
-- when it may not write (no memory, too few replicas), never in its middle.
--
-- A record is a MessagePack array. Two forms of it are read; the layout says which is written.
-- Form 1, layout 1: {fingerprint, code, {value...}, last 8 characters of the request's id}, in KEYS[1].
-- Form 2, layout 2: {2, stamp, code, value...}. The first element is the number of
--   the form. In a value, a whole number of up to 15 digits is an integer, a UUID is
--   an array of one string of 16 bytes, and everything else is a string. The code is a
--   number, or the name of a refusal. With ARGV[6], and of up to 64 bytes, it is
--   the field ARGV[7] of the caller's bucket of the day: one hash per caller and
--   day (UTC, by Redis's clock), which ends 48 hours after the day's begin. Else it is in KEYS[1].
--   Redis packs a hash of up to 512 fields. From layout 3 on a bucket has 511 records and the
--   field '+', which says that there are more: those are in 32 parts of the bucket, by the first byte of ARGV[7].
-- docs/decisions/0072-records-of-outcomes.md says why.

local request = { fingerprint = ARGV[1], ttl = tonumber(ARGV[2]), id = ARGV[3], actor = ARGV[4],
  stamp = ARGV[5], buckets = ARGV[6], field = ARGV[7], refusal = ARGV[8] }
-- from gives the values of a list from a place on. unpack is the quick way, for up to 8,000 values.
local function from(list, first)
  if #list < 7000 then return { unpack(list, first) } end
  local rest = {}
  for i = first, #list do rest[i - first + 1] = list[i] end
  return rest
end
-- A function costs time in each run, even if it is not called: there are few.
local keys, args, call = from(KEYS, 5), from(ARGV, 10), redis.call

-- int renders a whole number. Lua itself would write 1e+15, and redis.call takes twice as long for a number as for a text.
local function int(n) return string.format('%d', n) end

-- now is Redis's own time in milliseconds when the script first asked; the replicas' clocks do not count.
local function now()
  if not request.time then
    local t = call('TIME')
    request.time = t[1] * 1000 + math.floor(t[2] / 1000)
  end
  return request.time
end

-- layout is the number of the layout that is in force at this very moment. A form
-- or a rule that the release before does not know begins with it: if layout() >= 2.
local function layout() return request.layout end

-- mark is the end of the request's id, in form 1: enough to tell two requests under one key apart.
local function mark() return string.sub(request.id, -8) end

-- value reads a value of form 2.
local function value(v)
  if type(v) ~= 'table' then return v end
  return string.format('%08x-%04x-%04x-%04x-%04x%08x', struct.unpack('>I4I2I2I2I2I4', v[1]))
end

local PACKED = 511 -- records of a bucket; with '+' it has as many fields as Redis packs
local DAY = 86400000

-- part is the key of the part of a full bucket that this outcome belongs to.
local function part(bucket) return bucket .. ':' .. string.byte(request.field) % 32 end

-- While a restore is under way there is no layout, only its mark, and nothing is written. After it the data has another
-- history: what a replica has read before, or was told to write, belongs to the data that was there.
local known = call('MGET', KEYS[3], KEYS[4], KEYS[1])
request.layout = tonumber(known[1] or '1')
if not request.layout then return { 5, 'restoring' } end
if ARGV[9] ~= '' and known[2] ~= ARGV[9] then return { 5, 'other-history' } end

if request.ttl > 0 then
  local record = known[3]
  if not record and request.buckets ~= '' and request.layout >= 2 then
    -- A bucket is of today or of yesterday, in days from 1970; late in the day it may be of tomorrow, if another
    -- node was primary then and its clock was ahead.
    local time = now()
    local today = math.floor(time / DAY)
    local last = time % DAY > DAY - 600000 and today + 1 or today
    for day = last, today - 1, -1 do
      local bucket = request.buckets .. day
      local found = call('HMGET', bucket, request.field, '+')
      record = found[1] or found[2] and call('HGET', part(bucket), request.field)
      if record then break end
    end
  end
  if record then -- the reply that it holds
    local readable, first, more = pcall(cmsgpack.unpack, record)
    if not readable or type(first) ~= 'table' or more ~= nil then return { 4, 0 } end
    if type(first[1]) == 'string' then
      if first[1] ~= request.fingerprint then return { 2, 0 } end
      return { first[4] == mark() and 3 or 1, first[2], unpack(first[3]) }
    end
    if first[1] ~= 2 then return { 4, tonumber(first[1]) or 0 } end
    if string.sub(first[2], 1, 8) ~= string.sub(request.stamp, 1, 8) then return { 2, 0 } end
    local reply = { first[2] == request.stamp and 3 or 1, first[3] }
    for i = 4, #first do reply[i - 1] = value(first[i]) end
    return reply
  end
end

-- refuse replies that the request is refused for now. It is for bounds such as quotas,
-- and for scripts that have written nothing yet. redisdb.refusals has the names.
local function refuse(name) return { 5, name } end

if request.refusal ~= '' then return refuse(request.refusal) end

-- emit appends to the stream of changes; what follows version are more fields.
local function emit(kind, id, version, ...)
  call('XADD', KEYS[2], 'MAXLEN', '~', '100000', '*',
    'kind', kind, 'id', id, 'version', version, 'request', request.id, 'actor', request.actor, ...)
end

local UUID = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'

-- compact makes a value of form 2 of a text, from which value() makes the same text again. A number and an id that
-- is in that form already, { 16 bytes }, stay what they are.
local function compact(v)
  if type(v) ~= 'string' then return v end
  if v == '0' or #v <= 15 and string.find(v, '^[1-9]%d*$') then return tonumber(v) end
  if #v ~= 36 or not string.find(v, UUID) or string.find(v, '%u') then return v end
  local function hex(from, to) return tonumber(string.sub(v, from, to), 16) end
  return { struct.pack('>I4I2I2I2I2I4', hex(1, 8), hex(10, 13), hex(15, 18), hex(20, 23), hex(25, 28), hex(29, 36)) }
end

-- remember writes the request's record, in the form of the layout that is in force.
local function remember(code, values, kept)
  if layout() < 2 then
    call('SET', KEYS[1], cmsgpack.pack({ request.fingerprint, code, values, mark() }), 'PX', request.ttl)
    return
  end
  local record = { 2, request.stamp, code, unpack(kept or values) }
  for i = 4, #record do record[i] = compact(record[i]) end
  record = cmsgpack.pack(record)
  if request.buckets == '' or #record > 64 then
    call('SET', KEYS[1], record, 'PX', request.ttl)
    return
  end
  local time = now()
  local day = math.floor(time / DAY)
  local bucket = request.buckets .. day
  local size = request.layout >= 3 and call('HLEN', bucket) or 0
  if size >= PACKED then
    call('HSET', bucket, '+', '1')
    bucket, size = part(bucket), 0
  end
  call('HSET', bucket, request.field, record)
  if size == 0 then call('PEXPIRE', bucket, int((day + 2) * DAY - time), 'NX') end
end

-- answer replies without remembering: for what the caller resolves and asks again.
local function answer(code, values) return { 0, code, unpack(values or {}) } end

-- decline refuses for now, as refuse does, by a name that the script's caller knows, and with values.
local function decline(name, values) return { 6, name, unpack(values or {}) } end

-- finish replies and remembers; refusals too, or a frozen API replica that
-- wakes up could buy what its client was refused through the other one. kept are
-- the values that form 2 remembers, where they are fewer: the caller finds the others.
--
-- While memory is short a freeing script stores effects, of which there is one per
-- object at most. A refusal that it would have to store is refused for now instead:
-- else a client could fill the memory with refusals under ever new keys. A script may set sparing to the name of
-- another bound that leaves no room for refusals.
local function finish(code, values, kept)
  if sparing and code ~= 0 and request.ttl > 0 then return refuse(sparing == true and 'storage-full' or sparing) end
  if request.ttl > 0 then remember(code, values or {}, kept) end
  return answer(code, values)
end

