-- Functions that the model calls, answered by a script in the dialplan:
--   <action application="lua" data="clerk.lua"/>

local uuid = session:getVariable("uuid")
local api = freeswitch.API()
local json = freeswitch.JSON()
local events = freeswitch.EventConsumer("CUSTOM", "mod_openai_audio_stream::json", 1000)
events:bind("CUSTOM", "mod_openai_audio_stream::turn")
events:bind("CUSTOM", "mod_openai_audio_stream::disconnect")
events:bind("CUSTOM", "mod_openai_audio_stream::end")

local function run(command)
  local reply = api:executeString("uuid_openai_audio_stream " .. uuid .. " " .. command)
  if reply:sub(1, 3) ~= "+OK" then
    freeswitch.consoleLog("WARNING", command:match("^%S+") .. ": " .. reply)
  end
  return reply
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local at = math.floor(n / 64 ^ (3 - k)) % 64 + 1
      out[#out + 1] = ((k == 2 and not b) or (k == 3 and not c)) and "=" or alphabet:sub(at, at)
    end
  end
  return table.concat(out)
end

local function send(message)
  run("send_json " .. base64(json:encode(message)))
end

local hours = { monday = "9 to 17", saturday = "10 to 14", sunday = "closed" }
local unheard = {} -- responses whose turn is not over: "running", then "done" when the server has sent all of one
local goodbye      -- the call of hang_up that waits for the caller to have heard all of them

local functions = {
  opening_hours = function(arguments)
    return { open = hours[(arguments.day or ""):lower()] or "9 to 18" }
  end,
}

local function answer(call_id, result)
  send({
    type = "conversation.item.create",
    item = { type = "function_call_output", call_id = call_id, output = json:encode(result) },
  })
end

-- The result of a function goes back as an item, and the model is asked to go on. The module holds a response.create
-- back until the running response is done.
local function call(item, response_id)
  if item.name == "hang_up" then
    goodbye = { call_id = item.call_id, response_id = response_id }
    return
  end
  local f = functions[item.name]
  answer(item.call_id, f and f(json:decode(item.arguments) or {}) or { error = "no such function" })
  send({ type = "response.create" })
end

-- A turn is over when its response is done and the caller has heard its audio, or has interrupted it. A caller who
-- interrupts the goodbye has something to say: the conversation goes on.
local function turn_over(turn)
  unheard[turn.response_id] = nil
  if goodbye and goodbye.response_id == turn.response_id and turn.interrupted then
    answer(goodbye.call_id, { hung_up = false, reason = "the caller spoke" })
    goodbye = nil
  end
  if goodbye and not next(unheard) then
    session:hangup()
  end
end

-- The module reconnects, and asks again for a response that was cut off. One that was complete is heard out.
local function connection_lost()
  for id, state in pairs(unheard) do
    if state == "running" then
      unheard[id] = nil
      if goodbye and goodbye.response_id == id then goodbye = nil end
    end
  end
end

session:answer()
if run("start profile:clerk"):sub(1, 3) == "+OK" then
  local open = true
  while session:ready() and open do
    session:sleep(50) -- the caller is heard by what the channel reads
    local event = events:pop()
    while event do
      if event:getHeader("Unique-ID") == uuid then
        local subclass = event:getHeader("Event-Subclass")
        if subclass:find("::json$") then
          local message = json:decode(event:getBody())
          if message and message.type == "response.created" then
            unheard[message.response.id] = "running"
          elseif message and message.type == "response.done" then
            unheard[message.response.id] = "done"
          elseif message and message.type == "response.output_item.done" and message.item.type == "function_call"
              and message.item.status == "completed" then
            call(message.item, message.response_id)
          end
        elseif subclass:find("::turn$") then
          turn_over(json:decode(event:getBody()))
        elseif subclass:find("::disconnect$") then
          connection_lost()
        elseif subclass:find("::end$") then
          open = false
        end
      end
      event = events:pop()
    end
  end
end
