-- Sends each thread's own requests in turn and holds every answer against the classes that are right for its image.
--
-- wrk does not tell which connection an answer came on. So each thread keeps the images that it waits for, at most one
-- a connection: an answer must name a class that is right for one of them, and that image is then done. With one
-- connection a thread, as up to 64 connections are loaded, each answer is held against its own image.
-- Arguments: the folder with `thread-1.txt` and so on (each line: right classes such as `3` or `3,5`, then the file of
-- the request's body), and the number of connections of a thread.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(arguments)
  folder, connections = arguments[1], tonumber(arguments[2])
  right, wrong, refused, failed = 0, 0, 0, 0
  requests, waiting, last = {}, {}, 0
  for line in io.lines(folder .. "/thread-" .. number .. ".txt") do
    local classes, path = line:match("^([%d,]+) (.+)$")
    local file = assert(io.open(path, "rb"))
    local request = {classes = "," .. classes .. ",", text = wrk.format("POST", nil, nil, file:read("*a"))}
    file:close()
    table.insert(requests, request)
  end
end

function request()
  last = last % #requests + 1
  if #waiting == connections then  -- an answer that never came: its connection was closed
    table.remove(waiting, 1)
  end
  table.insert(waiting, requests[last])
  return requests[last].text
end

-- Whether a class is right for an image that is waited for, which is then done; a wrong answer ends the oldest.
function take(class)
  for index, image in ipairs(waiting) do
    if class and image.classes:find("," .. class .. ",", 1, true) then
      table.remove(waiting, index)
      return true
    end
  end
  return false, table.remove(waiting, 1)
end

-- The class that an answer names: natively and in KServe V1, in V2 as JSON, or as the first of V2's binary outputs.
function class_of(headers, body)
  local length = headers["Inference-Header-Content-Length"]
  if length then
    return tostring(body:byte(length + 1))
  end
  return body:match('"class": ?(%d+)') or body:match('"class","datatype":"INT64","shape":%[1%],"data":%[(%d+)%]')
end

function response(status, headers, body)
  local taken, image = take(status == 200 and class_of(headers, body))
  if taken then
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
    file:write("expected class ", image and image.classes:sub(2, -2) or "?", ", got ", status, " ", body)
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
