// SPDX-License-Identifier: Apache-2.0

// Package sockflow gives the TCP connections and UDP conversations of every process of this host, seen with eBPF, by
// libsockflow. pkg-config has to find that: PKG_CONFIG_PATH says where it was installed.
//
// A Watcher may be used by many goroutines; only one at a time gets an event. What is given belongs to who gets it.
package sockflow

/*
#cgo pkg-config: sockflow
#include <stdlib.h>
#include <sockflow.h>
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Watch says what is watched, ORed together. Without TCP and UDP it is both; without any of the others it is In, Out,
// Close and Retransmit.
type Watch uint32

const (
	TCP        Watch = C.SOCKFLOW_TCP
	UDP        Watch = C.SOCKFLOW_UDP
	In         Watch = C.SOCKFLOW_IN  // TCP accepted here; UDP begun by the peer
	Out        Watch = C.SOCKFLOW_OUT // TCP connects, failed ones too; UDP begun here
	Close      Watch = C.SOCKFLOW_CLOSE
	Retransmit Watch = C.SOCKFLOW_RETRANSMIT
	Update     Watch = C.SOCKFLOW_UPDATE // live connections that moved, once an interval
	Reset      Watch = C.SOCKFLOW_RESET
	Drop       Watch = C.SOCKFLOW_DROP // segments that the kernel dropped; Linux 6.2
)

// Options has the default of each field in its zero.
type Options struct {
	Watch          Watch
	Interval       time.Duration // between updates of a connection; 10 s
	OnlyNetns      uint32        // inode number of the network namespace to watch; all of the host
	RingBytes      uint32        // a power of two from 64 KiB to 1 GiB; 16 MiB
	MaxConnections uint32        // that can be followed at once; 131,072
	MaxFlows       uint32        // UDP conversations that can be told apart at once; 65,536
	FlowIdle       time.Duration // a UDP conversation ends when it has not moved for so long; 60 s
	OnlyNew        bool          // not those that are older than the watcher

	NoNames         bool   // nobody is asked for the names of containers
	DockerSocket    string // of Docker or Podman; /run/docker.sock, then /run/podman/podman.sock
	ContainerdState string // directory; /run/containerd, then those of k3s and microk8s
}

// Statistics are the books. Opened = Closed + Live + Lost, and FlowsOpened = FlowsClosed + FlowsLive, when nothing
// happens meanwhile.
type Statistics struct {
	Opened, Closed, Live, Lost          uint64 // TCP connections; Lost: their end found no room, or nobody saw it
	FlowsOpened, FlowsClosed, FlowsLive uint64 // UDP conversations
	Dropped                             uint64 // events other than ends that found no room
	LostDatagrams, FoldedDatagrams      uint64 // of sockets, of peers that there was no room for
	Events                              uint64 // that were given
}

// Watcher watches from Open to Stop or Close.
type Watcher struct {
	mutex       sync.Mutex // of whoever gets events, or ends the watcher
	life        sync.RWMutex
	handle      *C.struct_sockflow // nil after Close; guarded by life
	closing     atomic.Bool
	description string
}

// ErrClosed is what a Watcher says after Close.
var ErrClosed = errors.New("sockflow: the watcher is closed")

// Open returns when every hook is attached: from then on no connection is missed. An error is one sentence, with what
// can be done about it; errors.Is finds the errno in it.
func Open(options Options) (*Watcher, error) {
	given := C.struct_sockflow_options{
		size:            C.sizeof_struct_sockflow_options,
		watch:           C.uint32_t(options.Watch),
		interval_ms:     C.uint32_t(options.Interval.Milliseconds()),
		only_netns:      C.uint32_t(options.OnlyNetns),
		ring_bytes:      C.uint32_t(options.RingBytes),
		max_connections: C.uint32_t(options.MaxConnections),
		max_flows:       C.uint32_t(options.MaxFlows),
		flow_idle_ms:    C.uint32_t(options.FlowIdle.Milliseconds()),
	}
	if options.OnlyNew {
		given.only_new = 1
	}
	if options.NoNames {
		given.no_names = 1
	}
	defer give(&given.docker_socket, options.DockerSocket)()
	defer give(&given.containerd_state, options.ContainerdState)()
	w := &Watcher{}
	var reason C.struct_sockflow_error
	if code := C.sockflow_open(&given, &w.handle, &reason); code != 0 {
		return nil, &startError{C.GoString(&reason.message[0]), syscall.Errno(-code)}
	}
	w.description = C.GoString(C.sockflow_description(w.handle))
	return w, nil
}

// give puts text into field, NULL for ""; what it returns frees it.
func give(field **C.char, text string) func() {
	if text == "" {
		return func() {}
	}
	*field = C.CString(text)
	return func() { C.free(unsafe.Pointer(*field)) }
}

type startError struct {
	message string
	errno   syscall.Errno
}

func (e *startError) Error() string { return "sockflow: cannot start: " + e.message }
func (e *startError) Unwrap() error { return e.errno }

// Description says what is watched, and what is off on this kernel and why.
func (w *Watcher) Description() string { return w.description }

// Next waits for the next event. It is nil, without an error, when none came within timeout (less than 0: however long it
// takes) or Interrupt was called; io.EOF comes after Stop, when there is nothing more.
func (w *Watcher) Next(timeout time.Duration) (*Event, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	handle, done := w.use()
	defer done()
	if handle == nil || w.closing.Load() {
		return nil, ErrClosed
	}
	milliseconds := C.int(-1)
	if timeout >= 0 {
		milliseconds = C.int(min(timeout.Milliseconds(), 1<<31-1))
	}
	var event *C.struct_sockflow_event
	switch code := C.sockflow_next(handle, &event, milliseconds); {
	case code == 1:
		return eventOf(event), nil
	case code == 0:
		return nil, nil
	case syscall.Errno(-code) == syscall.ENODATA:
		return nil, io.EOF
	default:
		return nil, syscall.Errno(-code)
	}
}

// Run calls handle with each event until ctx is done; then it stops the watcher and calls it with the rest. Returns nil
// after that.
func (w *Watcher) Run(ctx context.Context, handle func(*Event)) error {
	defer context.AfterFunc(ctx, w.Interrupt)()
	for ctx.Err() == nil {
		event, err := w.Next(-1)
		if err != nil {
			return err
		}
		if event != nil {
			handle(event)
		}
	}
	if err := w.Stop(); err != nil {
		return err
	}
	for {
		event, err := w.Next(0)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if event != nil {
			handle(event)
		}
	}
}

// Interrupt lets a Next that waits return within 25 ms, or the next one at once.
func (w *Watcher) Interrupt() {
	handle, done := w.use()
	defer done()
	if handle != nil {
		C.sockflow_interrupt(handle)
	}
}

// Stop ends the watching; Next gives what there is. It waits for a Next that waits: Interrupt that first.
func (w *Watcher) Stop() error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	handle, done := w.use()
	defer done()
	if handle == nil {
		return ErrClosed
	}
	if code := C.sockflow_stop(handle); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

// Close leaves nothing behind. A Next that waits returns. Idempotent.
func (w *Watcher) Close() {
	w.closing.Store(true)
	w.Interrupt()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.life.Lock()
	defer w.life.Unlock()
	C.sockflow_close(w.handle)
	w.handle = nil
}

// Statistics reads the books.
func (w *Watcher) Statistics() (Statistics, error) {
	handle, done := w.use()
	defer done()
	if handle == nil {
		return Statistics{}, ErrClosed
	}
	var s C.struct_sockflow_statistics
	if code := C.sockflow_statistics(handle, &s, C.sizeof_struct_sockflow_statistics); code != 0 {
		return Statistics{}, syscall.Errno(-code)
	}
	return Statistics{
		Opened: uint64(s.opened), Closed: uint64(s.closed), Live: uint64(s.live), Lost: uint64(s.lost),
		FlowsOpened: uint64(s.flows_opened), FlowsClosed: uint64(s.flows_closed), FlowsLive: uint64(s.flows_live),
		Dropped: uint64(s.dropped), LostDatagrams: uint64(s.lost_datagrams),
		FoldedDatagrams: uint64(s.folded_datagrams), Events: uint64(s.events),
	}, nil
}

// use keeps Close away until done is called.
func (w *Watcher) use() (handle *C.struct_sockflow, done func()) {
	w.life.RLock()
	return w.handle, w.life.RUnlock
}

// Version is that of libsockflow.
func Version() string { return C.GoString(C.sockflow_version()) }

func textOf(text *C.char) string {
	if text == nil {
		return ""
	}
	return C.GoString(text)
}

func addressOf(version C.uint8_t, bytes *[16]C.uint8_t, port C.uint16_t) netip.AddrPort {
	address := netip.AddrFrom16(*(*[16]byte)(unsafe.Pointer(bytes)))
	if version == 4 {
		address = netip.AddrFrom4(*(*[4]byte)(unsafe.Pointer(bytes)))
	}
	return netip.AddrPortFrom(address, uint16(port))
}
