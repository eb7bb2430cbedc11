-- Sends each thread's own pictures in turn, as `curl -F image=@cat.jpg` does, and checks every answer.
--
-- wrk does not tell which connection an answer came on. A thread with one connection knows what it asked last; a
-- thread with more is given pictures of one class alone. So the class of the last picture is always the one to expect.
-- Arguments: the folder with `thread-1.txt` and so on, each line a picture's expected class and its file.

local BOUNDARY = "------------------------d74496d66958873e"
local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(arguments)
  folder = arguments[1]
  right, wrong, refused, failed = 0, 0, 0, 0
  requests, classes, last = {}, {}, 0
  wrk.headers["Content-Type"] = "multipart/form-data; boundary=" .. BOUNDARY
  for line in io.lines(folder .. "/thread-" .. number .. ".txt") do
    local class, path = line:match("^(%d+) (.+)$")
    table.insert(classes, class)
    table.insert(requests, wrk.format("POST", nil, nil, upload(path)))
  end
end

function upload(path)
  local file = assert(io.open(path, "rb"))
  local picture = file:read("*a")
  file:close()
  return "--" .. BOUNDARY .. "\r\n"
    .. 'Content-Disposition: form-data; name="image"; filename="picture.jpg"\r\n'
    .. "Content-Type: image/jpeg\r\n\r\n"
    .. picture .. "\r\n--" .. BOUNDARY .. "--\r\n"
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function response(status, headers, body)
  if status == 200 and body:match('"class": ?(%d+)') == classes[last] then
    right = right + 1
    return
  end
  if status == 200 then
    wrong = wrong + 1
  elseif status == 503 then
    refused = refused + 1
  else
    failed = failed + 1
  end
  if wrong + refused + failed == 1 then
    local file = assert(io.open(folder .. "/unexpected-" .. number .. ".txt", "w"))
    file:write("expected class ", classes[last], ", got ", status, " ", body)
    file:close()
  end
end

-- The last line of wrk's output: one JSON document. Times are in microseconds.
function done(summary, latency)
  local count = {right = 0, wrong = 0, refused = 0, failed = 0}
  for _, thread in ipairs(threads) do
    for name, sum in pairs(count) do
      count[name] = sum + thread:get(name)
    end
  end
  local errors = summary.errors
  io.write(string.format(
    '{"right":%d,"wrong":%d,"refused":%d,"failed":%d,"socket_errors":%d,"timeouts":%d,'
      .. '"duration_us":%d,"p50_us":%d,"p99_us":%d}\n',
    count.right, count.wrong, count.refused, count.failed,
    errors.connect + errors.read + errors.write, errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)
  ))
end
