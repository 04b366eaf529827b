-- Stands before every write script; see script.go for how the two are joined.
--
-- KEYS[1] the remembered outcome of this request    KEYS[2] the stream of events
-- ARGV[1] fingerprint of the request's body         ARGV[2] how long to remember it, ms; 0 = not at all
-- ARGV[3] id of the HTTP request                    ARGV[4] who makes it (user id, or a part of the shop)
-- The rest is the script's own, from 1, in keys and args.
--
-- Why every script is safe to run twice: if this request has an outcome, that
-- outcome is the answer and nothing else happens; it was written by the same
-- script run as the effect, so the two are kept or lost together. Scripts with
-- ttl 0 say in their own header why running again does no harm.
--
-- A reply is {how, code, value...}: how is 0 first run, 1 remembered, 2 the
-- request id was used with another body, 3 remembered from an earlier try of this
-- very HTTP request, by the committer or by nginx. Scripts check everything first and
-- write afterwards; the shebang line makes Redis refuse a script as a whole
-- when it may not write (no memory, too few replicas), never in its middle.

local request = { fingerprint = ARGV[1], ttl = tonumber(ARGV[2]), id = ARGV[3], actor = ARGV[4] }
request.mark = string.sub(request.id, -8) -- enough to tell two requests under one key apart
local keys, args = {}, {}
for i = 3, #KEYS do keys[i - 2] = KEYS[i] end
for i = 5, #ARGV do args[i - 4] = ARGV[i] end

if request.ttl > 0 then
  local record = redis.call('GET', KEYS[1])
  if record then
    local first = cmsgpack.unpack(record)
    if first[1] ~= request.fingerprint then return { 2, 0 } end
    local reply = { first[4] == request.mark and 3 or 1, first[2] }
    for i, value in ipairs(first[3]) do reply[i + 2] = value end
    return reply
  end
end

-- int renders a number without an exponent: Lua would write 1e+15.
local function int(n) return string.format('%.0f', n) end

-- now is Redis's own time in milliseconds; the replicas' clocks do not count.
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- emit appends to the stream of changes; what follows version are more fields.
local function emit(kind, id, version, ...)
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', '100000', '*',
    'kind', kind, 'id', id, 'version', version, 'request', request.id, 'actor', request.actor, ...)
end

-- answer replies without remembering: for what the caller resolves and asks again.
local function answer(code, values)
  local reply = { 0, code }
  for i, value in ipairs(values or {}) do reply[i + 2] = value end
  return reply
end

-- finish replies and remembers; refusals too, or a frozen API replica that
-- wakes up could buy what its client was refused through the other one.
local function finish(code, values)
  if request.ttl > 0 then
    redis.call('SET', KEYS[1], cmsgpack.pack({ request.fingerprint, code, values or {}, request.mark }), 'PX', request.ttl)
  end
  return answer(code, values)
end

