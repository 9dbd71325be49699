/**
 * The algorithms of this package in Lua, number by number as in `fixed-window.ts`, `sliding-log.ts`, `sliding-window.ts`,
 * `token-bucket.ts`, `leaky-bucket.ts` and `backoff.ts`. `s` is a caller's state, `q` the quota's numbers `a` to `d`, `now`
 * the server's clock in ms. `judge` answers units before, ms to reset, ms to retry (0: allowed). `mend` cuts what a clock
 * that was set back, or a stranger, left further ahead than a whole quota: nobody waits longer.
 */
export const algorithms: string = `
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local kinds = {}

kinds.fixed = {
  width = 2,
  mend = function(s, q)
    local count, finish = min(s[1], q.a), min(s[2], now + q.b)
    local cut = count < s[1] or finish < s[2]
    s[1], s[2] = count, finish
    return cut
  end,
  judge = function(s, q, cost)
    local running = s[2] > now
    local spent = running and min(s[1], q.a) or 0
    local reset = running and s[2] - now or q.b
    return q.a - spent, reset, spent + cost <= q.a and 0 or reset
  end,
  commit = function(s, q, cost)
    if s[2] > now then s[1] = s[1] + cost else s[1], s[2] = cost, now + q.b end
  end,
  refund = function(s, q, cost, taken)
    if s[2] <= now or taken >= s[2] or taken < s[2] - q.b then return end
    s[1] = max(0, s[1] - cost)
    if s[1] == 0 then s[2] = 0 end
  end,
  left = function(s) return s[2] - now end,
}

local function owing(debt, q, cost)
  local most = q.b * q.a
  local owed = debt + q.b * cost
  local before = floor((most - debt) / q.b)
  if owed <= most then return before, ceil(owed / 1000), 0 end
  return before, ceil(debt / 1000), ceil((owed - most) / 1000)
end

local function back(q, cost, taken, last)
  return max(0, q.b * cost - max(0, last - taken) * 1000)
end

local function debt(s, q)
  return s[1] > now * 1000 and min(s[1] - now * 1000, q.b * q.a) or 0
end

kinds.token = {
  width = 2,
  mend = function(s, q)
    local full, last = min(s[1], now * 1000 + q.b * q.a), min(s[2], now)
    local cut = full < s[1] or last < s[2]
    s[1], s[2] = full, last
    return cut
  end,
  judge = function(s, q, cost) return owing(debt(s, q), q, cost) end,
  commit = function(s, q, cost)
    s[1] = now * 1000 + debt(s, q) + q.b * cost
    s[2] = now
  end,
  refund = function(s, q, cost, taken)
    s[1] = now * 1000 + max(0, debt(s, q) - back(q, cost, taken, s[2]))
  end,
}

local function level(s, q)
  return min(max(0, s[1] - max(0, now - s[2]) * 1000), q.b * q.a)
end

kinds.leaky = {
  width = 2,
  mend = function(s, q)
    local level, last = min(s[1], q.b * q.a), min(s[2], now)
    local cut = level < s[1] or last < s[2]
    s[1], s[2] = level, last
    return cut
  end,
  judge = function(s, q, cost) return owing(level(s, q), q, cost) end,
  commit = function(s, q, cost)
    s[1] = level(s, q) + q.b * cost
    s[2] = now
  end,
  refund = function(s, q, cost, taken)
    s[1] = max(0, s[1] - back(q, cost, taken, s[2]))
  end,
}

local function ends(s, q, place)
  return s[2 + (s[1] + place) % q.a]
end

kinds.log = {
  mend = function(s, q)
    local cut = s[1] >= q.a
    if cut then s[1] = 0 end
    for i = 2, q.a + 1 do
      if s[i] > now + q.b then s[i] = now + q.b cut = true end
    end
    return cut
  end,
  judge = function(s, q, cost)
    local free = 0
    while free < q.a and ends(s, q, free) <= now do free = free + 1 end
    local whole = max(0, ends(s, q, q.a - 1) - now)
    if cost <= free then return free, cost > 0 and q.b or whole, 0 end
    return free, whole, ends(s, q, min(cost, q.a) - 1) - now
  end,
  commit = function(s, q, cost)
    for unit = 1, cost do
      s[2 + s[1]] = now + q.b
      s[1] = (s[1] + 1) % q.a
    end
  end,
  refund = function(s, q, cost, taken)
    local kept, owed = {}, cost
    for place = 0, q.a - 1 do
      local one = ends(s, q, place)
      if one == taken + q.b and owed > 0 then owed = owed - 1 else kept[#kept + 1] = one end
    end
    s[1] = 0
    for place = 1, q.a do s[1 + place] = kept[place - (q.a - #kept)] or 0 end
  end,
}

local function counter(segment, q) return 2 + segment % (q.c + 1) end

kinds.segments = {
  mend = function(s, q)
    local current, newest = floor(now / q.b), s[1]
    if newest <= current then return end
    local aged = {}
    for age = 0, q.c do aged[age] = s[counter(newest - age, q)] end
    for age = 0, q.c do s[counter(current - age, q)] = aged[age] end
    s[1] = current
    return true
  end,
  judge = function(s, q, cost)
    local current, newest = floor(now / q.b), s[1]
    local oldest = current - q.c
    local spent = 0
    for segment = oldest, newest do spent = spent + s[counter(segment, q)] end
    local before = max(0, q.a - spent)
    local function backs(segment) return (segment + q.c + 1) * q.b - now end
    local allowed = cost <= before
    if allowed and cost > 0 then return before, backs(current), 0 end
    local reset, retry = 0, 0
    for segment = newest, oldest, -1 do
      if s[counter(segment, q)] > 0 then reset = backs(segment) break end
    end
    if not allowed then
      local missing, segment = spent + cost - q.a, oldest
      while segment < newest do
        missing = missing - s[counter(segment, q)]
        if missing <= 0 then break end
        segment = segment + 1
      end
      retry = backs(segment)
    end
    return before, reset, retry
  end,
  commit = function(s, q, cost)
    local current = floor(now / q.b)
    for segment = max(s[1] + 1, current - q.c), current do s[counter(segment, q)] = 0 end
    s[1] = current
    s[counter(current, q)] = s[counter(current, q)] + cost
  end,
  refund = function(s, q, cost, taken)
    local segment = floor(taken / q.b)
    if segment > s[1] or segment < s[1] - q.c then return end
    s[counter(segment, q)] = max(0, s[counter(segment, q)] - cost)
  end,
}

local function failed(all, at, q) return ceil(max(0, all - at) / q.b) end

local function delay(failures, q)
  if failures < q.a then return 0 end
  return min(q.d, q.c * 2 ^ min(failures - q.a, 40))
end

local function remembered(s, q) return max(min(s[1], now + q.b * (q.a + 40)), now) end

kinds.backoff = {
  width = 3,
  mend = function(s, q)
    local all, ready = min(s[1], now + q.b * (q.a + 40)), min(s[2], now + q.d)
    local cut = all < s[1] or ready < s[2]
    s[1], s[2] = all, ready
    return cut
  end,
  judge = function(s, q, cost)
    local all = remembered(s, q)
    if s[2] > now then return 0, max(all, s[2]) - now, s[2] - now end
    local after = all + q.b * cost
    return max(q.a - failed(all, now, q), 1), max(after - now, delay(failed(after, now, q), q)), 0
  end,
  commit = function(s, q, cost)
    s[1] = remembered(s, q) + q.b * cost
    s[2] = now + delay(failed(s[1], now, q), q)
    s[3] = now
  end,
  refund = function(s, q, cost, taken)
    s[1] = max(0, s[1] - q.b * cost)
    s[2] = min(s[2], s[3] == taken and taken or s[3] + delay(failed(s[1], s[3], q), q))
  end,
  left = function(s) return max(s[1], s[2]) - now end,
}
`
