// SPDX-License-Identifier: Apache-2.0

package sockflow

// #include <sockflow.h>
import "C"

import (
	"net/netip"
	"time"
)

// Type of an event; String gives its name as in `sockflow --format json`.
type Type uint16

// The numbers are libebpfflow's, where it has them.
const (
	TCPAccept        Type = C.SOCKFLOW_TCP_ACCEPT
	TCPConnect       Type = C.SOCKFLOW_TCP_CONNECT
	TCPRetransmit    Type = C.SOCKFLOW_TCP_RETRANSMIT
	TCPUpdate        Type = C.SOCKFLOW_TCP_UPDATE
	TCPResetSent     Type = C.SOCKFLOW_TCP_RESET_SENT
	TCPResetReceived Type = C.SOCKFLOW_TCP_RESET_RECEIVED
	TCPDropSent      Type = C.SOCKFLOW_TCP_DROP_SENT
	TCPDropReceived  Type = C.SOCKFLOW_TCP_DROP_RECEIVED
	UDPUpdate        Type = C.SOCKFLOW_UDP_UPDATE
	TCPClose         Type = C.SOCKFLOW_TCP_CLOSE
	UDPClose         Type = C.SOCKFLOW_UDP_CLOSE
	TCPConnectFailed Type = C.SOCKFLOW_TCP_CONNECT_FAILED
)

func (t Type) String() string { return textOf(C.sockflow_event_name(C.uint16_t(t))) }

// Role says which end this is.
type Role uint8

const (
	RoleUnknown Role = C.SOCKFLOW_ROLE_UNKNOWN
	RoleClient  Role = C.SOCKFLOW_ROLE_CLIENT // this end began it
	RoleServer  Role = C.SOCKFLOW_ROLE_SERVER
)

// Process is who owns a socket. Pid 0, Path "": not known. Of a parent GID is 0.
type Process struct {
	Pid, UID, GID uint32
	Name          string // of the task, at most 15 bytes
	Path          string // of the executable, as the process sees it
}

// Event of a connection. What is not known is zero or "".
type Event struct {
	Type      Type
	Protocol  uint8 // IPPROTO_TCP or IPPROTO_UDP
	Role      Role
	Older     bool // than the watcher
	Local     netip.AddrPort
	Peer      netip.AddrPort
	Dialled   netip.AddrPort // by a client, when that is translated to Peer; else not valid
	Time      time.Time
	Begin     time.Time
	Last      time.Time // UDP: of the last datagram
	ID        string    // 16 hexadecimal digits, the same at both ends
	Number    uint64    // of this end on this host, unique: the socket's cookie
	Netns     uint32    // inode number
	Interface string

	SentBytes, ReceivedBytes     uint64        // payload, since the begin, as the packets
	SentPackets, ReceivedPackets uint64        // TCP segments or datagrams
	Latency                      time.Duration // from SYN to SYN-ACK, at the client
	RTT, MinRTT, RTTVariation    time.Duration
	Retransmissions              uint32 // segments since the begin
	Segments                     uint32 // retransmit and drop events: how many the event is of

	Error       int    // errno of the socket when it ended
	ErrorType   string // connection_refused, timed_out …: docs/outcomes.md
	CloseReason string // fin_local, reset_remote …

	Attribution      string // where the owner was learnt: open, listener, use, release, snapshot, none
	Process          Process
	Parent           Process
	Cgroup           string
	ContainerID      string
	ContainerRuntime string
	PodUID           string
	ContainerName    string // these three as the runtime told
	PodName          string
	PodNamespace     string
}

func eventOf(e *C.struct_sockflow_event) *Event {
	event := &Event{
		Type: Type(e._type), Protocol: uint8(e.protocol), Role: Role(e.role), Older: e.older != 0,
		Local: addressOf(e.ip_version, &e.local_address, e.local_port),
		Peer:  addressOf(e.ip_version, &e.peer_address, e.peer_port),
		Time:  timeOf(e.time_ns), Begin: timeOf(e.begin_time_ns),
		ID: textOf(e.id), Number: uint64(e.number), Netns: uint32(e.netns), Interface: textOf(&e._interface[0]),
		SentBytes: uint64(e.sent_bytes), ReceivedBytes: uint64(e.received_bytes),
		SentPackets: uint64(e.sent_packets), ReceivedPackets: uint64(e.received_packets),
		Latency: microseconds(e.latency_us), RTT: microseconds(e.rtt_us), MinRTT: microseconds(e.rtt_min_us),
		RTTVariation: microseconds(e.rtt_variation_us), Retransmissions: uint32(e.retransmissions),
		Segments: uint32(e.segments), Error: int(e.error), ErrorType: textOf(e.error_type),
		CloseReason: textOf(e.close_reason), Attribution: textOf(e.attribution), Process: processOf(&e.process),
		Parent: processOf(&e.parent), Cgroup: textOf(e.cgroup), ContainerID: textOf(e.container_id),
		ContainerRuntime: textOf(e.container_runtime), PodUID: textOf(e.pod_uid),
		ContainerName: textOf(e.container_name), PodName: textOf(e.pod_name), PodNamespace: textOf(e.pod_namespace),
	}
	if e.dialled_port != 0 {
		event.Dialled = addressOf(e.ip_version, &e.dialled_address, e.dialled_port)
	}
	if e.last_time_ns != 0 {
		event.Last = timeOf(e.last_time_ns)
	}
	return event
}

func processOf(p *C.struct_sockflow_process) Process {
	return Process{uint32(p.pid), uint32(p.uid), uint32(p.gid), textOf(p.name), textOf(p.path)}
}

func timeOf(nanoseconds C.uint64_t) time.Time { return time.Unix(0, int64(nanoseconds)) }

func microseconds(count C.uint32_t) time.Duration { return time.Duration(count) * time.Microsecond }
