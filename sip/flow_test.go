package sip

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestAConnectionMadeWhileTheAgentEndsHoldsNothingUp(t *testing.T) {
	a, err := Listen(context.Background(), Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := a.flowTo("TCP", netip.MustParseAddrPort(l.Addr().String()), "", &Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	a.ended = true // Close has come so far, and the connection stands already
	a.mu.Unlock()
	made := make(chan struct{})
	go f.connect(made)
	select {
	case <-made:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection is never made")
	}
	closed := make(chan struct{})
	go func() { a.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close waits for ever")
	}
	if a.streams() != 0 {
		t.Error("the connection stands still")
	}
}
