import { algorithms } from './redis-algorithms.ts'
import { records } from './redis-records.ts'

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
 * `peek`, `refund`, `forget`), quotas a decision, decisions; ten a quota: kind, numbers `a` to `d`, cost, and of its ban:
 * after how many refusals (0: never), ms within which, ms for which; for `refund` one more a decision: when it was taken.
 * KEYS: one a quota, decision by decision, and after it two if it bans: the ban, the count of refusals; for `refund` one
 * more that makes it count once, though a client may send it again.
 * Answers the time in ms, and then three integers a quota: units before, ms to reset, ms to retry (0: allowed; below 0: a
 * ban of half as many ms, which begins now if the number is odd); one a decision for `refund` and `forget`.
 * What is known of a caller is a list of doubles, packed: all times and counts are whole numbers, exact as such.
 * @param clock Lua that sets `now`; tests bring their own
 * @param spareMs how much longer keys are kept than they are of use; where the clock is not the server's own
 */
export function scriptOf(clock: string, spareMs = 0): string {
  return `
local floor = math.floor
${clock}
local deadline = tonumber(ARGV[1])
if deadline > 0 and now > deadline then return { now } end
${algorithms}
local stored = #KEYS > 0 and redis.call('MGET', unpack(KEYS)) or {}
local held = {}
${records}
local function load(place, q)
  local key = KEYS[place]
  local s = held[key]
  if s then return s end
  local text = stored[place]
  s = text and read(text, q.width)
  local cut = false
  if s then
    cut = q.load(s, q)
  else
    s = blank(q.width)
    q.load(s, q)
  end
  s.key, s.q = key, q
  held[key] = s
  if cut then
    s.whole = true
    touch(s)
  end
  return s
end

-- Counts a refusal; whether it begins a ban.
local function refused(key, q)
  local count = redis.pcall('INCR', key .. ':n')
  if type(count) ~= 'number' then
    redis.call('DEL', key .. ':n')
    count = redis.call('INCR', key .. ':n')
  end
  -- Somebody may have taken the expiry away: refusals would add up for ever.
  if count == 1 or redis.call('PTTL', key .. ':n') < 0 then redis.call('PEXPIRE', key .. ':n', q.within) end
  if count < q.after then return false end
  redis.call('DEL', key .. ':n')
  redis.call('SET', key .. ':b', '1', 'PX', q.bans)
  return true
end

local answer, size, place, arg, kinds, items = { now }, 1, 0, 2, {}, {}
while arg < #ARGV do
  local what, quotas, decisions = ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  arg = arg + 3
  local list, bans = {}, false
  for i = 1, quotas do
    local kind = ARGV[arg]
    local made = kinds[kind]
    if not made then
      made = make[kind]()
      kinds[kind] = made
    end
    local q = {
      judge = made.judge,
      commit = made.commit,
      refund = made.refund,
      load = made.load,
      left = made.left,
      counts = made.counts,
      width = made.width,
      a = tonumber(ARGV[arg + 1]),
      b = tonumber(ARGV[arg + 2]),
      c = tonumber(ARGV[arg + 3]),
      d = tonumber(ARGV[arg + 4]),
      cost = tonumber(ARGV[arg + 5]),
      after = tonumber(ARGV[arg + 6]),
      within = ARGV[arg + 7],
      bans = ARGV[arg + 8],
      reports = ARGV[arg + 9] == '1',
      banned = 0,
    }
    if q.after > 0 then bans = true end
    if kind == 'segments' then q.width = q.c + 3 end
    list[i] = q
    arg = arg + 10
  end
  for decision = 1, decisions do
    if what == 'take' or what == 'peek' then
      local all, banned, first = what == 'take', false, size
      if bans then
        -- A ban that runs refuses alone: nothing is written, the other quotas are only looked at.
        local key = place
        for i = 1, quotas do
          local q = list[i]
          q.banned = 0
          key = key + 1
          if q.after > 0 then
            q.banned = max(0, redis.call('PTTL', KEYS[key + 1]))
            key = key + 2
            if q.banned > 0 then banned = true end
          end
        end
      end
      for i = 1, quotas do
        local q = list[i]
        place = place + 1
        local s = load(place, q)
        local before, reset, retry = q.judge(s, q, banned and 0 or q.cost)
        -- A cost of nothing always fits: what one unit has to wait is asked apart.
        if what == 'peek' and not banned then retry = select(3, q.judge(s, q, 1)) end
        all = all and (retry == 0 or q.reports)
        if q.banned > 0 then retry = -2 * q.banned end
        answer[size + 1], answer[size + 2], answer[size + 3] = before, reset, retry
        size = size + 3
        items[i] = s
        if q.after > 0 then place = place + 2 end
      end
      if all and not banned then
        for i = 1, quotas do
          -- A quota that only reports has refused nobody, and has nothing to spend.
          if answer[first + i * 3] == 0 then
            local q, s = list[i], items[i]
            q.commit(s, q, q.cost)
            s.forgotten = nil
            if not s.dirty then touch(s) end
          end
        end
      elseif bans and what == 'take' and not banned then
        for i = 1, quotas do
          local q, at = list[i], first + i * 3
          if q.after > 0 and answer[at] > 0 and refused(items[i].key, q) then
            answer[at] = -2 * tonumber(q.bans) - 1
          end
        end
      end
    elseif what == 'refund' then
      local done = redis.call('SET', KEYS[place + quotas + 1], '1', 'NX', 'PX', 60000)
      local at = tonumber(ARGV[arg])
      arg = arg + 1
      for i = 1, done and quotas or 0 do
        local q = list[i]
        local s = load(place + i, q)
        if stored[place + i] or s.dirty then
          q.refund(s, q, q.cost, at)
          s.whole = true
          if not s.dirty then touch(s) end
        end
      end
      place = place + quotas + 1
      size = size + 1
      answer[size] = done and 1 or 0
    else
      for i = 1, quotas do
        local q = list[i]
        place = place + 1
        local s = load(place, q)
        for n = #s, 1, -1 do s[n] = q.width and 0 or nil end
        q.load(s, q)
        s.forgotten, s.whole = true, true
        if not s.dirty then touch(s) end
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

for i = 1, #dirty do
  local s = dirty[i]
  local q, ms = s.q, 0
  if q.counts and not s.whole then
    -- The window stands: its key keeps its time to live.
    redis.call('SETRANGE', s.key, 0, struct.pack('<d', s[1]))
  else
    if q.left then ms = q.left(s) else ms = select(2, q.judge(s, q, 0)) end
    if ms <= 0 or s.forgotten then
      redis.call('DEL', s.key)
    elseif q.width == 2 then
      redis.call('SET', s.key, struct.pack('<dd', s[1], s[2]), 'PX', ms + ${spareMs})
    else
      redis.call('SET', s.key, struct.pack(format(#s), unpack(s)), 'PX', ms + ${spareMs})
    end
  end
end
return answer
`
}

/** The script by the server's clock. */
export const script: string = scriptOf(serverClock)
