-- SPDX-License-Identifier: Apache-2.0
-- Fields of sockflow's events for Wireshark and tshark: what `sockflow --format pcapng` writes can be filtered by
-- sockflow.process.pid == 123 and so on. Copy it to the folder that Help > About > Folders calls "Personal Lua Plugins".
-- Events are shown without it, too, as JSON; docs/wireshark.md.

local sockflow = Proto("sockflow", "Event of a connection (sockflow)")

-- Keys, types and meanings of attributes. Made by scripts/generate-wireshark.ts from src/export/semconv/: do not edit.
local attributes = {
  { "host.id", "string", "Machine id of the host" },
  { "host.name", "string", "Name of the host" },
  { "os.type", "string", "Operating system" },
  { "telemetry.distro.name", "string", "The agent" },
  { "telemetry.distro.version", "string", "Version of the agent" },
  { "service.name", "string", "By the conventions' rules for pods; else the name of the executable" },
  { "service.namespace", "string", "By the conventions' rules for pods" },
  { "process.pid", "int", "Process id" },
  { "process.creation.time", "string", "When the process began" },
  { "process.executable.name", "string", "Last part of the path of the executable" },
  { "process.executable.path", "string", "Path of the executable" },
  { "process.command_args", "string[]", "Arguments that it was started with, the program first, without secrets" },
  { "process.parent_pid", "int", "Process id of the parent" },
  { "process.owner", "string", "Name of the user" },
  { "process.user.id", "int", "Effective user id" },
  { "process.user.name", "string", "Name of the effective user" },
  { "sockflow.process.group.id", "int", "Effective group id" },
  { "sockflow.process.group.name", "string", "Name of the effective group" },
  { "sockflow.process.parent.executable.name", "string", "Last part of the path of the parent's executable" },
  { "sockflow.process.parent.executable.path", "string", "Path of the parent's executable" },
  { "sockflow.process.parent.user.name", "string", "Name of the parent's user" },
  { "container.id", "string", "Id of the container" },
  { "container.runtime.name", "string", "docker, podman, containerd, cri-o, lxc, systemd-nspawn or nomad" },
  { "container.name", "string", "Name of the container" },
  { "container.image.name", "string", "Registry and repository of its image, without the tag" },
  { "container.image.tags", "string[]", "Tags of its image, as it was asked for" },
  { "sockflow.container.compose.project", "string", "Its Compose project" },
  { "sockflow.container.compose.service", "string", "Its Compose service" },
  { "k8s.pod.uid", "string", "UID of the pod" },
  { "k8s.pod.name", "string", "Name of the pod" },
  { "k8s.namespace.name", "string", "Namespace of the pod" },
  { "k8s.container.name", "string", "Name of the container in its pod" },
  { "k8s.node.name", "string", "Name of its node" },
  { "k8s.deployment.name", "string", "The deployment that owns its pod" },
  { "k8s.replicaset.name", "string", "The replicaset that owns its pod" },
  { "k8s.statefulset.name", "string", "The statefulset that owns its pod" },
  { "k8s.daemonset.name", "string", "The daemonset that owns its pod" },
  { "k8s.job.name", "string", "The job that owns its pod" },
  { "k8s.cronjob.name", "string", "The cronjob that owns its pod" },
  { "sockflow.systemd.unit", "string", "The service it belongs to" },
  { "network.transport", "string", "Transport protocol" },
  { "network.type", "string", "Network protocol" },
  { "network.local.address", "string", "IP address of this end" },
  { "network.local.port", "int", "Port of this end" },
  { "network.peer.address", "string", "The server that was asked" },
  { "network.peer.port", "int", "Its port" },
  { "network.protocol.name", "string", "Protocol above, recognised by what was said" },
  { "client.address", "string", "Address of the end that began" },
  { "client.port", "int", "Port of the end that began" },
  { "server.address", "string", "Address of the end that accepted; the name when it was looked up" },
  { "server.port", "int", "Port of the end that accepted" },
  { "source.address", "string", "Address of this end" },
  { "source.port", "int", "Port of this end" },
  { "destination.address", "string", "Address of the other end" },
  { "destination.port", "int", "Port of the other end" },
  { "sockflow.nat.original.address", "string", "What this end takes for the address of its peer: for a client, what was dialled" },
  { "sockflow.nat.original.port", "int", "The port to it" },
  { "network.interface.name", "string", "Network interface of its packets, as its network namespace calls it" },
  { "sockflow.peer.network.name", "string", "The user's name for the network of the other end" },
  { "network.peer.as.number", "int", "Autonomous system of the peer" },
  { "network.peer.as.organization", "string", "Who runs that autonomous system" },
  { "geo.continent.code", "string", "Continent of the peer" },
  { "geo.country.iso_code", "string", "Country of the peer" },
  { "geo.region.iso_code", "string", "Part of that country" },
  { "geo.locality.name", "string", "City of the peer" },
  { "sockflow.peer.process.pid", "int", "Process at the other end" },
  { "sockflow.peer.process.executable.name", "string", "Last part of the path of its executable" },
  { "sockflow.peer.container.id", "string", "The container that it is in" },
  { "sockflow.peer.container.name", "string", "Name of that container" },
  { "sockflow.peer.k8s.pod.name", "string", "The pod that has the address of the other end" },
  { "sockflow.peer.k8s.service.name", "string", "The service that was dialled" },
  { "sockflow.peer.k8s.namespace.name", "string", "Namespace of that pod or service" },
  { "sockflow.peer.k8s.node.name", "string", "The node that has the address: any of its pods on the host network may be the other end" },
  { "sockflow.peer.k8s.deployment.name", "string", "The deployment that owns that pod" },
  { "sockflow.peer.k8s.replicaset.name", "string", "The replicaset that owns that pod" },
  { "sockflow.peer.k8s.statefulset.name", "string", "The statefulset that owns that pod" },
  { "sockflow.peer.k8s.daemonset.name", "string", "The daemonset that owns that pod" },
  { "sockflow.peer.k8s.job.name", "string", "The job that owns that pod" },
  { "sockflow.peer.k8s.cronjob.name", "string", "The cronjob that owns that pod" },
  { "network.connection.state", "string", "TCP state" },
  { "error.type", "string", "How the look-up failed" },
  { "sockflow.connection.id", "string", "The same on both ends of a connection" },
  { "sockflow.connection.role", "string", "Which end of it the record is of" },
  { "sockflow.connection.pre_existing", "boolean", "Older than the agent, or begun when its table of connections was full" },
  { "sockflow.connection.start_time", "string", "When the connection began" },
  { "sockflow.connection.duration", "double", "Seconds since it began; of UDP, from the first datagram to the last" },
  { "sockflow.connection.close.reason", "string", "Who or what ended it" },
  { "sockflow.connection.close.late", "boolean", "The kernel hid its end: found later, so its time and duration are those of the finding" },
  { "sockflow.process.attribution", "string", "Where its owner was learnt" },
  { "sockflow.network.namespace", "int", "Inode number of the network namespace" },
  { "sockflow.connection.sent.bytes", "int", "Payload sent, without retransmissions" },
  { "sockflow.connection.received.bytes", "int", "Payload received" },
  { "sockflow.connection.sent.packets", "int", "Segments or datagrams sent" },
  { "sockflow.connection.received.packets", "int", "Segments or datagrams received" },
  { "sockflow.connection.sent.bytes.delta", "int", "Since its last record" },
  { "sockflow.connection.received.bytes.delta", "int", "Since its last record" },
  { "sockflow.connection.sent.packets.delta", "int", "Since its last record" },
  { "sockflow.connection.received.packets.delta", "int", "Since its last record" },
  { "sockflow.tcp.handshake.duration", "double", "SYN to SYN-ACK, seconds" },
  { "sockflow.tcp.rtt.smoothed", "double", "Smoothed round-trip time, seconds" },
  { "sockflow.tcp.rtt.min", "double", "Least round-trip time, seconds" },
  { "sockflow.tcp.rtt.variation", "double", "Variation of it, seconds" },
  { "sockflow.tcp.retransmits", "int", "Segments sent again" },
  { "sockflow.tcp.lost", "int", "Segments thought lost at this moment" },
  { "sockflow.tcp.reordering", "int", "Reordering degree" },
  { "sockflow.tcp.retransmit.sequence", "int", "First byte of the segment that was sent again, counted from the SYN" },
  { "sockflow.tcp.retransmit.segments", "int", "Segments that were sent again at once" },
  { "network.io.direction", "string", "Whether the reset or the dropped segment was sent or received" },
  { "sockflow.tcp.reset.reason", "string", "The kernel's reason for the reset that it sent" },
  { "sockflow.tcp.reset.segments", "int", "Resets that the record is of: several, where they answer segments for no connection that come too fast" },
  { "sockflow.tcp.drop.reason", "string", "The kernel's reason for dropping it; listen_queue: the listener had no room" },
  { "sockflow.tcp.drop.segments", "int", "Segments dropped at once" },
  { "sockflow.mptcp.id", "string", "The Multipath TCP connection that this one is a subflow of; the same on both ends" },
  { "sockflow.tcp.congestion.window", "int", "Congestion window, segments" },
  { "sockflow.tcp.mss", "int", "Maximum segment size, bytes" },
  { "sockflow.tcp.delivery_rate", "int", "Bytes a second that reached the peer, as last measured" },
  { "sockflow.tcp.unsent.bytes", "int", "Bytes that the process wrote and that are not sent" },
  { "sockflow.tcp.unacknowledged.bytes", "int", "Bytes that are sent and not acknowledged" },
  { "sockflow.tcp.out_of_order", "int", "Segments received ahead of their turn" },
  { "sockflow.tcp.zero_window", "int", "1 when the peer's window is closed at this moment, else 0" },
  { "sockflow.tcp.busy", "double", "Seconds with data in flight" },
  { "sockflow.tcp.limited.receive_window", "double", "Seconds held up by the peer's window" },
  { "sockflow.tcp.limited.send_buffer", "double", "Seconds held up by the send buffer" },
  { "log.record.uid", "string", "The same whenever this record is sent" },
  { "dns.question.name", "string", "Name that was asked for, in lower case" },
  { "sockflow.dns.question.type", "string", "Type that was asked for: A, AAAA …" },
  { "sockflow.dns.lookup.duration", "double", "Seconds until it was answered, or given up" },
}
-- Made until here.

local types = { int = ftypes.INT64, double = ftypes.DOUBLE, boolean = ftypes.BOOLEAN }

-- sockflow.process.pid, and sockflow.connection.id as it is.
local function name_of(key)
  return key:find("^sockflow%.") and key or "sockflow." .. key
end

local fields = {}

local function define(key, field)
  fields[key] = field
  return field
end

do
  local all = {
    define("timestamp", ProtoField.string("sockflow.timestamp", "timestamp", base.NONE, "When it happened, UTC")),
    define("event_name", ProtoField.string("sockflow.event_name", "event_name")),
    define("severity_number", ProtoField.new("severity_number", "sockflow.severity_number", ftypes.INT64)),
    define("ipv4", ProtoField.ipv4("sockflow.ipv4", "Address", "Of either end")),
    define("ipv6", ProtoField.ipv6("sockflow.ipv6", "Address", "Of either end")),
    define("port", ProtoField.uint32("sockflow.port", "Port", base.DEC, nil, nil, "Of either end")),
    define("other", ProtoField.string("sockflow.other", "Other", base.NONE, "Labels, as key: value")),
  }
  for _, attribute in ipairs(attributes) do
    local key, kind, meaning = attribute[1], attribute[2], attribute[3]
    local field_type = types[kind] or ftypes.STRING
    table.insert(all, define(key, ProtoField.new(key, name_of(key), field_type, nil, base.NONE, nil, meaning)))
  end
  sockflow.fields = all
end

-- --- JSON, as strict as its writer; nil for what is none ---

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- A code point as UTF-8; half of a pair, which the writer never makes, as U+FFFD.
local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xc0 + math.floor(code / 0x40), 0x80 + code % 0x40) end
  if code >= 0xd800 and code < 0xe000 then code = 0xfffd end
  if code < 0x10000 then
    return string.char(0xe0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  return string.char(0xf0 + math.floor(code / 0x40000), 0x80 + math.floor(code / 0x1000) % 0x40,
    0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local function read_escape(text, at)
  local letter = text:sub(at, at)
  if letter ~= "u" then return escapes[letter] or letter, at + 1 end
  local code = tonumber(text:sub(at + 1, at + 4), 16) or 0xfffd
  local low = code >= 0xd800 and code < 0xdc00 and text:match("^\\u(d[c-fC-F]%x%x)", at + 5)
  if not low then return utf8_of(code), at + 5 end
  return utf8_of(0x10000 + (code - 0xd800) * 0x400 + tonumber(low, 16) - 0xdc00), at + 11
end

-- `at`: behind the opening quotation mark. Returns the text, and the place behind it.
local function read_string(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at)
    if not stop then return nil end
    table.insert(parts, text:sub(at, stop - 1))
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local part
    part, at = read_escape(text, stop + 1)
    table.insert(parts, part)
  end
end

local read_value

-- `read`: takes what it got so far and a place, returns the place behind one item.
local function read_items(text, at, last, read)
  local items = {}
  if text:sub(at, at) == last then return items, at + 1 end
  while true do
    at = read(items, at)
    if not at then return nil end
    local sign = text:sub(at, at)
    at = at + 1
    if sign == last then return items, at end
    if sign ~= "," then return nil end
  end
end

local function read_object(text, at)
  return read_items(text, at, "}", function(items, place)
    local key, value
    if text:sub(place, place) ~= '"' then return nil end
    key, place = read_string(text, place + 1)
    if not key or text:sub(place, place) ~= ":" then return nil end
    value, place = read_value(text, place + 1)
    if value == nil then return nil end
    table.insert(items, { key, value })
    return place
  end)
end

local function read_array(text, at)
  return read_items(text, at, "]", function(items, place)
    local value
    value, place = read_value(text, place)
    table.insert(items, value)
    return value ~= nil and place or nil
  end)
end

function read_value(text, at)
  local first = text:sub(at, at)
  if first == '"' then return read_string(text, at + 1) end
  if first == "{" then return read_object(text, at + 1) end
  if first == "[" then return read_array(text, at + 1) end
  local word = text:match("^[%a]+", at)
  if word == "true" or word == "false" then return word == "true", at + #word end
  local number = text:match("^-?[%d.eE+-]+", at)
  if number and tonumber(number) then return tonumber(number), at + #number end
  return nil
end

-- --- the packet ---

local tag = { last = 0, dissector = 12, ipv4 = { [20] = true, [21] = true }, ipv6 = { [22] = true, [23] = true },
  port = { [25] = true, [26] = true }, protocol = 33, info = 36 }

-- Tags and their values, and where they end; nil when this is no event of ours.
local function read_tags(tvb)
  local tags, at, ours = {}, 0, false
  while at + 4 <= tvb:len() do
    local code, length = tvb(at, 2):uint(), tvb(at + 2, 2):uint()
    at = at + 4
    if code == tag.last then return ours and tags or nil, at end
    if at + length > tvb:len() or length == 0 then return nil end
    table.insert(tags, { code, tvb(at, length) })
    ours = ours or (code == tag.protocol and tvb(at, length):string() == "sockflow")
    at = at + length
  end
  return nil
end

local function add_tags(tree, pinfo, tags)
  for _, item in ipairs(tags) do
    local code, range = item[1], item[2]
    if tag.ipv4[code] then tree:add(fields.ipv4, range) end
    if tag.ipv6[code] then tree:add(fields.ipv6, range) end
    if tag.port[code] then tree:add(fields.port, range) end
    if code == tag.info then pinfo.cols.info = range:string(ENC_UTF_8) end
  end
  pinfo.cols.protocol = "sockflow"
end

local function add(tree, range, kind, key, value)
  local field = fields[key]
  if not field then
    tree:add(fields.other, range, key .. ": " .. tostring(value))
  elseif kind == "int" or key == "severity_number" then
    tree:add(field, range, Int64(value))
  else
    tree:add(field, range, value)
  end
end

local kinds = {}
for _, attribute in ipairs(attributes) do kinds[attribute[1]] = attribute[2] end

local function add_all(tree, range, pairs_of_it)
  for _, pair in ipairs(pairs_of_it) do
    local key, value = pair[1], pair[2]
    if key == "resource" or key == "attributes" then
      add_all(tree, range, value)
    elseif type(value) == "table" then
      for _, item in ipairs(value) do add(tree, range, kinds[key], key, item) end
    else
      add(tree, range, kinds[key], key, value)
    end
  end
end

function sockflow.dissector(tvb, pinfo, tree)
  local tags, at = read_tags(tvb)
  if not tags or at >= tvb:len() then return end
  local range = tvb(at)
  local event = read_value(range:raw(), 1)
  if type(event) ~= "table" then return end
  local subtree = tree:add(sockflow, range)
  add_tags(subtree, pinfo, tags)
  add_all(subtree, range, event)
end

register_postdissector(sockflow)
