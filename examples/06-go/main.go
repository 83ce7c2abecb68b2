// In a Go program: each connection and what became of it, until Ctrl-C. With libsockflow installed:
// cd examples/06-go && go build && sudo ./watch
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"sockflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	watcher, err := sockflow.Open(sockflow.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer watcher.Close()
	fmt.Fprintln(os.Stderr, watcher.Description())
	err = watcher.Run(ctx, func(e *sockflow.Event) {
		fmt.Printf("%s id=%s pid=%d path=%s local=%s peer=%s sent=%d received=%d close=%s error=%s\n", e.Type, e.ID,
			e.Process.Pid, e.Process.Path, e.Local, e.Peer, e.SentBytes, e.ReceivedBytes, e.CloseReason, e.ErrorType)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
