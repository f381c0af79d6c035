package sip_test

import (
	"context"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// BenchmarkCall is one complete call on loopback, INVITE, 200, ACK, BYE, 200,
// with the scripted callee's own work in it.
func BenchmarkCall(b *testing.B) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	peer, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	answering := make(chan struct{})
	go func() {
		defer close(answering)
		for {
			m, _, err := peer.Next(ctx)
			if err != nil {
				return
			}
			switch m.Method() {
			case "INVITE":
				peer.Reply(m, 200, "OK", "a", sdp(30000))
			case "BYE":
				peer.Reply(m, 200, "OK", "")
			}
		}
	}()
	agent, err := sip.Listen(ctx, sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	trunk := sip.Trunk{Name: "bench", Addr: peer.Addr(), From: "1"}
	b.ReportAllocs()
	for b.Loop() {
		c, err := agent.Dial(ctx, trunk, sip.Invite{To: "13800138000", SDP: []byte(offer)})
		if err != nil {
			b.Fatal(err)
		}
		for e := range c.Events() {
			if e.Kind == sip.Answered {
				c.Hangup("")
			}
		}
	}
	b.StopTimer()
	agent.Close()
	peer.Close()
	<-answering
}
