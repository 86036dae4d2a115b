"""Lua's binding: events and buffers that a garbage collector owns, on the one base of event_init()."""

import threading

import programs

ECHO_SERVER = r"""
local event, socket = require "luaevent.core", require "socket"
local base = event.new()
local listener = assert(socket.bind("127.0.0.1", 0))
listener:settimeout(0)
local kept, ticks = {}, 0  -- an event that nobody keeps is collected

local function serve(client)
  local waiting, writer = event.buffer.new()
  local function send()
    waiting:write(client)
    if waiting:length() > 0 then return event.EV_WRITE end
    writer = nil
    return event.LEAVE
  end
  local function receive()
    local count = waiting:read(client, 65536)
    if not count or count <= 0 then
      client:close()
      kept[client] = nil
      collectgarbage()
      return event.LEAVE
    end
    writer = writer or base:addevent(client, event.EV_WRITE, send)
    return event.EV_READ
  end
  kept[client] = base:addevent(client, event.EV_READ, receive)
end

local function accept()
  local client = listener:accept()
  if client then
    client:settimeout(0)
    serve(client)
  end
  return event.EV_READ
end

-- The port is told by a timer that ran three times.
local function tick()
  ticks = ticks + 1
  if ticks < 3 then return event.EV_TIMEOUT, 0.01 end
  io.stdout:write("port ", select(2, listener:getsockname()), "\n")
  io.stdout:flush()
  return event.LEAVE
end

kept[1] = base:addevent(listener, event.EV_READ, accept)
kept[2] = base:addevent(nil, event.EV_TIMEOUT, tick, 0.01)
base:loop()
"""


class LuaEvent(programs.Case):
    programs = ("lua5.1",)

    def setUp(self):
        super().setUp()
        try:
            self.run_to_end("lua5.1", "-e", 'require "luaevent.core"; require "socket"')
        except AssertionError:
            self.skipTest("not installed: lua-event, lua-socket")
        server = self.start("lua5.1", self.write("echo.lua", ECHO_SERVER)).wait_for_output("port ")
        self.pid = server.process.pid
        self.port = int(server.output.split()[1])

    def check_echo(self, data):
        with programs.connect(self.port) as client, client.makefile("rb") as answers:
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            self.assertTrue(answers.read(len(data)) == data)
            sender.join()

    def test_echo(self):
        self.check_libraries(self.pid)
        self.check_echo(b"text")
        self.check_echo(bytes(range(256)) * 10000)
        self.check_idle(self.pid)

    def test_many_connections(self):
        for number in range(100):
            self.check_echo(b"%d" % number)
        self.check_idle(self.pid)
