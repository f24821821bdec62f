-- Functions that the model calls, answered by a script in the dialplan:
--   <action application="lua" data="clerk.lua"/>

local uuid = session:getVariable("uuid")
local api = freeswitch.API()
local json = freeswitch.JSON()
local events = freeswitch.EventConsumer("CUSTOM", "mod_openai_audio_stream::json", 1000)
events:bind("CUSTOM", "mod_openai_audio_stream::openai_speech_stop")
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

local hours = { monday = "9 to 17", saturday = "10 to 14", sunday = "closed" }
local hanging_up = false

local functions = {
  opening_hours = function(arguments)
    return { open = hours[(arguments.day or ""):lower()] or "9 to 18" }
  end,
  -- The goodbye is in the same response: it is hung up when that has been heard.
  hang_up = function()
    hanging_up = true
    return nil
  end,
}

-- The answer to a function goes back as an item, and the model is asked to go on. The module holds a response.create
-- back until the running response is done.
local function call(item)
  local f = functions[item.name]
  local result = f and f(json:decode(item.arguments) or {}) or nil
  if f and not result then return end
  local output = result and json:encode(result) or '{"error":"no such function"}'
  run("send_json " .. base64(json:encode({
    type = "conversation.item.create",
    item = { type = "function_call_output", call_id = item.call_id, output = output },
  })))
  run("send_json " .. base64('{"type":"response.create"}'))
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
          if message and message.type == "response.output_item.done" and message.item.type == "function_call"
              and message.item.status == "completed" then
            call(message.item)
          end
        elseif subclass:find("::openai_speech_stop$") and hanging_up then
          session:hangup()
        elseif subclass:find("::end$") then
          open = false
        end
      end
      event = events:pop()
    end
  end
end
