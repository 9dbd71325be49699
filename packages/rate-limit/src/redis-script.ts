import { algorithms } from './redis-algorithms.ts'

/** The server's own clock, in whole ms. */
const serverClock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
`

/**
 * The script, with a clock. It takes the decisions of one moment in order; each is all or nothing, nothing is written
 * when one refuses, every key expires. After the deadline nothing is decided and only the time is answered: whoever
 * asked has stopped waiting.
 *
 * ARGV: the deadline in ms of the server's clock (0: none), then sections of decisions alike: what to do (`take`,
 * `peek`, `refund`, `forget`), quotas a decision, decisions; nine a quota: kind, numbers `a` to `d`, cost, and of its ban:
 * after how many refusals (0: never), ms within which, ms for which; for `refund` one more a decision: when it was taken.
 * KEYS: one a quota, decision by decision, and after it two if it bans: the ban, the count of refusals; for `refund` one
 * more that makes it count once, though a client may send it again.
 * Answers the time in ms, and then four integers a quota: units before, ms to reset, ms to retry (0: allowed), ms of the
 * ban (0: none; below 0: it begins now); one a decision for `refund` and `forget`.
 * Numbers are kept as digits with spaces between, written by `%.0f`: `tostring` would round them to 14 digits.
 * @param clock Lua that sets `now`; tests bring their own
 */
export function scriptOf(clock: string): string {
  return `
local floor = math.floor
${clock}
local deadline = tonumber(ARGV[1])
if deadline > 0 and now > deadline then return { now } end
${algorithms}
local stored = #KEYS > 0 and redis.call('MGET', unpack(KEYS)) or {}
local held, dirty = {}, {}

local function state(text, width)
  local s, n = {}, 0
  if text and string.find(text, '^[%d ]+$') then
    for digits in string.gmatch(text, '%d+') do
      n = n + 1
      s[n] = tonumber(digits)
    end
  end
  if n ~= width then for i = 1, width do s[i] = 0 end end
  return s, n == width
end

local function touch(it)
  if not it.dirty then
    it.dirty = true
    dirty[#dirty + 1] = it
  end
end

local function load(place, q)
  local key = KEYS[place]
  local it = held[key]
  if it then return it end
  it = { key = key, q = q }
  local known
  it.s, known = state(stored[place], q.width)
  held[key] = it
  if known and q.kind.mend(it.s, q) then touch(it) end
  return it
end

local function left(it)
  local q = it.q
  if q.kind.left then return q.kind.left(it.s, q) end
  local _, reset = q.kind.judge(it.s, q, 0)
  return reset
end

-- Counts a refusal; whether it begins a ban.
local function refused(key, q)
  local count = redis.pcall('INCR', key .. ':n')
  if type(count) ~= 'number' then
    redis.call('DEL', key .. ':n')
    count = redis.call('INCR', key .. ':n')
  end
  if count == 1 then redis.call('PEXPIRE', key .. ':n', q.within) end
  if count < q.after then return false end
  redis.call('DEL', key .. ':n')
  redis.call('SET', key .. ':b', '1', 'PX', q.bans)
  return true
end

local answer, size, place, arg = { now }, 1, 0, 2
while arg < #ARGV do
  local what, quotas, decisions = ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  arg = arg + 3
  local list = {}
  for i = 1, quotas do
    local q = {
      kind = kinds[ARGV[arg]],
      a = tonumber(ARGV[arg + 1]),
      b = tonumber(ARGV[arg + 2]),
      c = tonumber(ARGV[arg + 3]),
      d = tonumber(ARGV[arg + 4]),
      cost = tonumber(ARGV[arg + 5]),
      after = tonumber(ARGV[arg + 6]),
      within = ARGV[arg + 7],
      bans = ARGV[arg + 8],
    }
    q.width = q.kind.width or (q.kind == kinds.log and q.a or q.c + 1) + 1
    list[i] = q
    arg = arg + 9
  end
  for decision = 1, decisions do
    if what == 'take' or what == 'peek' then
      local all, banned, items = what == 'take', false, {}
      local first = size
      for i = 1, quotas do
        local q = list[i]
        place = place + 1
        local it = load(place, q)
        local before, reset, retry = q.kind.judge(it.s, q, q.cost)
        local ban = 0
        if q.after > 0 then
          ban = max(0, redis.call('PTTL', KEYS[place + 1]))
          place = place + 2
          if ban > 0 then banned = true end
        end
        answer[size + 1], answer[size + 2], answer[size + 3], answer[size + 4] = before, reset, retry, ban
        size = size + 4
        all = all and retry == 0
        items[i] = it
      end
      if all and not banned then
        for i = 1, quotas do
          local q, it = list[i], items[i]
          q.kind.commit(it.s, q, q.cost)
          touch(it)
        end
      elseif what == 'take' and not banned then
        for i = 1, quotas do
          local q, at = list[i], first + i * 4
          if q.after > 0 and answer[at - 1] > 0 and refused(items[i].key, q) then answer[at] = -tonumber(q.bans) end
        end
      end
    elseif what == 'refund' then
      local done = redis.call('SET', KEYS[place + quotas + 1], '1', 'NX', 'PX', 60000)
      local at = tonumber(ARGV[arg])
      arg = arg + 1
      for i = 1, done and quotas or 0 do
        local q = list[i]
        local it = load(place + i, q)
        if stored[place + i] or it.dirty then
          q.kind.refund(it.s, q, q.cost, at)
          touch(it)
        end
      end
      place = place + quotas + 1
      size = size + 1
      answer[size] = done and 1 or 0
    else
      for i = 1, quotas do
        local q = list[i]
        place = place + 1
        local it = load(place, q)
        for n = 1, q.width do it.s[n] = 0 end
        touch(it)
        if q.after > 0 then
          redis.call('DEL', KEYS[place + 1], KEYS[place + 2])
          place = place + 2
        end
      end
      size = size + 1
      answer[size] = 1
    end
  end
end

for _, it in ipairs(dirty) do
  local ms = ceil(left(it))
  if ms > 0 then
    for i, number in ipairs(it.s) do it.s[i] = string.format('%.0f', number) end
    redis.call('SET', it.key, table.concat(it.s, ' '), 'PX', string.format('%.0f', ms))
  else
    redis.call('DEL', it.key)
  end
end
return answer
`
}

/** The script by the server's clock. */
export const script: string = scriptOf(serverClock)
