/**
 * Decides over all quotas of one request on the server: one clock reading, all or nothing, nothing written when one
 * refuses, every key expires. What a clock that was set back, or a stranger, left further ahead than a whole quota is
 * cut to that at once, refused or not: nobody waits longer. KEYS: one a quota. ARGV: four a quota: `f` or `g`; µs of the window, or µs of one unit;
 * capacity; cost. Answers five integers a quota: allowed, units before, units after, ms to reset, ms to retry.
 * Times are whole µs, written by `%.0f`: `tostring` would round them to 14 digits.
 */
export const script: string = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, writes, cuts, all = {}, {}, {}, true
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local unit, capacity, cost = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local stored = redis.pcall('GET', key)
  if type(stored) ~= 'string' then stored = nil end
  local allowed, before, after, reset, retry, value
  if ARGV[at + 1] == 'f' then
    local spent, finish = 0, now + unit
    if stored then
      local count, ending = string.match(stored, '^(%d+) (%d+)$')
      if count and tonumber(ending) > now then
        spent = math.min(tonumber(count), capacity)
        if tonumber(ending) > finish then
          cuts[i] = { string.format('%.0f %.0f', spent, finish), unit }
        else
          finish = tonumber(ending)
        end
      end
    end
    allowed = spent + cost <= capacity
    before = capacity - spent
    after = allowed and before - cost or before
    reset = finish - now
    retry = allowed and 0 or reset
    value = string.format('%.0f %.0f', spent + cost, finish)
  else
    local tolerance = unit * capacity
    local arrival = stored and tonumber(stored) or 0
    local debt = arrival > now and math.min(arrival - now, tolerance) or 0
    if debt < arrival - now then cuts[i] = { string.format('%.0f', now + debt), debt } end
    local owed = debt + unit * cost
    allowed = owed <= tolerance
    before = math.floor((tolerance - debt) / unit)
    after = allowed and math.floor((tolerance - owed) / unit) or before
    reset = allowed and owed or debt
    retry = allowed and 0 or owed - tolerance
    value = string.format('%.0f', now + owed)
  end
  all = all and allowed
  writes[i] = { value, reset }
  local out = #answer
  answer[out + 1] = allowed and 1 or 0
  answer[out + 2] = before
  answer[out + 3] = after
  answer[out + 4] = math.ceil(reset / 1000)
  answer[out + 5] = math.ceil(retry / 1000)
end
for i, key in ipairs(KEYS) do
  local write = all and writes[i] or cuts[i]
  if write then
    redis.call('SET', key, write[1], 'PX', string.format('%.0f', math.max(1, math.ceil(write[2] / 1000))))
  end
end
return answer
`
