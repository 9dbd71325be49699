-- Arguments: a file with the credentials of one request a line (name: value, separated by tabs), the origin, and for preflights the method that they ask for; or nothing there, and a file with the body of POSTs. Every request is formatted once, before the clock starts.
local requests = {}
local at = 0

function init(args)
  if args[3] and args[3] ~= "" then
    local asked = { ["Access-Control-Request-Method"] = args[3], ["Access-Control-Request-Headers"] = "authorization,content-type" }
    asked["Host"] = wrk.headers["Host"]
    asked["Origin"] = args[2]
    requests[1] = wrk.format("OPTIONS", nil, asked)
    return
  end
  local method, body = "GET", nil
  if args[4] then
    method, body = "POST", io.open(args[4]):read("*a")
  end
  for line in io.lines(args[1]) do
    local fields = { ["Host"] = wrk.headers["Host"], ["Origin"] = args[2] }
    if body then fields["Content-Type"] = "application/json" end
    for name, value in line:gmatch("([^:\t]+): ([^\t]*)") do fields[name] = value end
    requests[#requests + 1] = wrk.format(method, nil, fields, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  local p99 = latency:percentile(99)
  io.write(("TOTAL %d %d %d %d\n"):format(summary.requests, summary.errors.status, broken, p99))
end
