/**
 * The algorithms of this package in Lua, decision by decision as in `fixed-window.ts`, `sliding-log.ts`,
 * `sliding-window.ts`, `token-bucket.ts`, `leaky-bucket.ts` and `backoff.ts`. `s` is what is known of a caller, `q` the
 * quota's numbers `a` to `d`, `now` the server's clock in ms. `load` brings what is known up to now, and cuts what a clock
 * that was set back, or a stranger, left further ahead than a whole quota, so that nobody waits longer; true if it cut.
 * `judge` answers units before, ms to reset, ms to retry (0: allowed). Only what a script needs is made.
 */
export const algorithms: string = `
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local make = {}

-- units spent, end of the window
make.fixed = function()
  return {
    width = 2,
    counts = true,
    load = function(s, q)
      if s[2] <= now + q.b then return false end
      s[2] = now + q.b
      return true
    end,
    judge = function(s, q, cost)
      local finish = s[2]
      if finish <= now then return q.a, q.b, cost <= q.a and 0 or q.b end
      local left = max(0, q.a - s[1])
      return left, finish - now, cost <= left and 0 or finish - now
    end,
    commit = function(s, q, cost)
      if s[2] > now then s[1] = s[1] + cost else s[1], s[2], s.whole = cost, now + q.b, true end
    end,
    refund = function(s, q, cost, taken)
      if s[2] <= now or taken >= s[2] or taken < s[2] - q.b then return end
      s[1] = max(0, s[1] - cost)
      if s[1] == 0 then s[2] = 0 end
    end,
    left = function(s) return s[2] - now end,
  }
end

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

-- when the bucket is full again in µs, the latest taking
make.token = function()
  local micros = now * 1000
  local function debt(s, q) return s[1] > micros and min(s[1] - micros, q.b * q.a) or 0 end
  return {
    width = 2,
    load = function(s, q)
      local full, last = min(s[1], micros + q.d), min(s[2], now)
      local cut = full < s[1] or last < s[2]
      s[1], s[2] = full, last
      return cut
    end,
    judge = function(s, q, cost) return owing(debt(s, q), q, cost) end,
    commit = function(s, q, cost)
      s[1] = micros + debt(s, q) + q.b * cost
      s[2] = now
    end,
    refund = function(s, q, cost, taken)
      s[1] = micros + max(0, debt(s, q) - back(q, cost, taken, s[2]))
    end,
    left = function(s) return ceil((s[1] - micros) / 1000) end,
  }
end

-- the level in µs of leaking, when it was that high
make.leaky = function()
  local function level(s, q) return min(max(0, s[1] - (now - s[2]) * 1000), q.b * q.a) end
  return {
    width = 2,
    load = function(s, q)
      local high, last = min(s[1], q.d), min(s[2], now)
      local cut = high < s[1] or last < s[2]
      s[1], s[2] = high, last
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
    left = function(s) return ceil((s[1] - (now - s[2]) * 1000) / 1000) end,
  }
end

-- the times when units come back, the earliest first
make.log = function()
  return {
    load = function(s, q)
      local kept, cut, most = 0, #s > q.a, now + q.b
      for i = 1, #s do
        local one = s[i]
        s[i] = nil
        if one > most then one, cut = most, true end
        if one > now and kept < q.a then
          kept = kept + 1
          s[kept] = one
        end
      end
      return cut
    end,
    judge = function(s, q, cost)
      local n = #s
      local free = q.a - n
      local whole = n > 0 and s[n] - now or 0
      if cost <= free then return free, cost > 0 and q.b or whole, 0 end
      return free, whole, max(1, (s[min(cost, q.a) - free] or 0) - now)
    end,
    commit = function(s, q, cost)
      local n = #s
      for unit = 1, cost do s[n + unit] = now + q.b end
    end,
    refund = function(s, q, cost, taken)
      local kept, owed = 0, cost
      for i = 1, #s do
        local one = s[i]
        s[i] = nil
        if owed > 0 and one == taken + q.b then
          owed = owed - 1
        else
          kept = kept + 1
          s[kept] = one
        end
      end
    end,
    left = function(s) return (s[#s] or 0) - now end,
  }
end

-- the newest segment's number, units in all, units by segment number modulo q.c + 1
make.segments = function()
  return {
    load = function(s, q)
      local counters, current, newest = q.c + 1, floor(now / q.b), s[1]
      local total, cut = 0, newest > current
      if cut then
        local aged = {}
        for age = 0, q.c do aged[age] = s[3 + (newest - age) % counters] end
        for age = 0, q.c do s[3 + (current - age) % counters] = aged[age] end
      else
        for segment = max(newest + 1, current - q.c), current do s[3 + segment % counters] = 0 end
      end
      s[1] = current
      for i = 3, q.c + 3 do total = total + s[i] end
      s[2] = total
      return cut
    end,
    judge = function(s, q, cost)
      local current = s[1]
      local before = max(0, q.a - s[2])
      local allowed = cost <= before
      if allowed and cost > 0 then return before, (current + q.c + 1) * q.b - now, 0 end
      local counters, oldest = q.c + 1, current - q.c
      local function backs(segment) return (segment + counters) * q.b - now end
      local reset, retry = 0, 0
      for segment = current, oldest, -1 do
        if s[3 + segment % counters] > 0 then reset = backs(segment) break end
      end
      if not allowed then
        local missing, segment = s[2] + cost - q.a, oldest
        while segment < current do
          missing = missing - s[3 + segment % counters]
          if missing <= 0 then break end
          segment = segment + 1
        end
        retry = backs(segment)
      end
      return before, reset, retry
    end,
    commit = function(s, q, cost)
      local place = 3 + s[1] % (q.c + 1)
      s[place] = s[place] + cost
      s[2] = s[2] + cost
    end,
    refund = function(s, q, cost, taken)
      local segment = floor(taken / q.b)
      if segment > s[1] or segment < s[1] - q.c then return end
      local place = 3 + segment % (q.c + 1)
      local units = min(s[place], cost)
      s[place] = s[place] - units
      s[2] = s[2] - units
    end,
  }
end

-- when all is forgotten, when the next attempt may come, when the last one came
make.backoff = function()
  local function failed(all, at, q) return ceil(max(0, all - at) / q.b) end
  local function delay(failures, q)
    if failures < q.a then return 0 end
    return min(q.d, q.c * 2 ^ min(failures - q.a, 40))
  end
  return {
    width = 3,
    load = function(s, q)
      local all, ready = min(s[1], now + q.b * (q.a + 40)), min(s[2], now + q.d)
      local cut = all < s[1] or ready < s[2]
      s[1], s[2] = all, ready
      return cut
    end,
    judge = function(s, q, cost)
      local all = max(s[1], now)
      if s[2] > now then return 0, max(all, s[2]) - now, s[2] - now end
      local after = all + q.b * cost
      return max(q.a - failed(all, now, q), 1), max(after - now, delay(failed(after, now, q), q)), 0
    end,
    commit = function(s, q, cost)
      s[1] = max(s[1], now) + q.b * cost
      s[2] = now + delay(failed(s[1], now, q), q)
      s[3] = now
    end,
    refund = function(s, q, cost, taken)
      s[1] = max(0, s[1] - q.b * cost)
      s[2] = min(s[2], s[3] == taken and taken or s[3] + delay(failed(s[1], s[3], q), q))
    end,
    left = function(s) return max(s[1], s[2]) - now end,
  }
end
`
