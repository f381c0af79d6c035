package dialer

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"warmline/sip"
	"warmline/sip/siptest"
)

// gateway is a carrier that the test itself plays.
func gateway(t *testing.T) *siptest.Peer {
	t.Helper()
	p, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// An external address is not only for Via and Contact: sound comes where the SDP
// says.
func TestSDPNamesTheAddressTheTrunkSees(t *testing.T) {
	for _, tt := range []struct{ external, want string }{
		{"203.0.113.9:5080", "203.0.113.9"}, {"203.0.113.9", "203.0.113.9"}, {"", "127.0.0.1"},
	} {
		t.Run("external "+tt.external, func(t *testing.T) {
			w, p := newWorld(t), gateway(t)
			j := w.job("sdp", "001")
			j.Trunk.Addr, j.Trunk.External = p.Addr(), tt.external
			done := make(chan Result, 1)
			go func() { done <- w.dialer.Place(t.Context(), j, nil) }()
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			invite, err := p.Wait(ctx, "INVITE")
			if err != nil {
				t.Fatal(err)
			}
			if sdp := string(invite.Body); strings.Count(sdp, "IN IP4 "+tt.want+"\r\n") != 2 {
				t.Errorf("the offer:\n%s", sdp)
			}
			p.Reply(invite, 486, "Busy Here", "x")
			if r := <-done; r.Disposition != Busy {
				t.Errorf("ended as %s: %v", r.Disposition, r.Err)
			}
		})
	}
}

// A caller of the trunk hears us only if our answer names the address it can reach.
func TestTheAnswerToACallerNamesTheAddressTheTrunkSees(t *testing.T) {
	w, p := newWorld(t), gateway(t)
	w.trunk.Addr, w.trunk.External = p.Addr(), "203.0.113.9"
	ended := make(chan Result, 1)
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0", OnCall: func(in *sip.Incoming) {
		if got := in.Gateway().String(); got != "127.0.0.1" {
			t.Errorf("the call came from %s", got)
		}
		ended <- w.dialer.Receive(context.Background(), in, w.job("in", "401"), &house{})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	w.dialer.SIP = agent
	w.trunk.Options = -1
	if err := agent.Serve(t.Context(), w.trunk); err != nil {
		t.Fatal(err)
	}
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
	invite := p.Invite("sip:02160000000@"+agent.Addr(), "13800138401", siptest.SDP(sdp))
	if err := p.Send(invite.Bytes(), agent.Addr()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	answer, err := p.WaitStatus(ctx, "INVITE", 200)
	if err != nil {
		t.Fatal(err)
	}
	if body := string(answer.Body); strings.Count(body, "IN IP4 203.0.113.9\r\n") != 2 {
		t.Errorf("the answer:\n%s", body)
	}
	call := p.Calling(invite, answer)
	if err := p.Send(call.Request("ACK").Bytes(), agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if err := p.Send(call.Request("BYE").Bytes(), agent.Addr()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-ctx.Done():
		t.Error("the call has no end")
	}
}

// A private address in the SDP of a trunk that has a name: its sound comes from
// where the name led.
func TestSoundMayComeFromWhereATrunksNameLed(t *testing.T) {
	w, p := newWorld(t), gateway(t)
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0", DNS: []string{nameServer(t)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	w.dialer.SIP = agent
	_, port, _ := net.SplitHostPort(p.Addr())
	j := w.job("named", "001")
	j.Trunk = sip.Trunk{Name: "named", Addr: "sip.carrier.example:" + port, From: "02160000000", Allow: []string{"138"}}
	done := make(chan Result, 1)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	go func() { done <- w.dialer.Place(ctx, j, nil) }()
	invite, err := p.Wait(ctx, "INVITE")
	if err != nil {
		t.Fatal(err)
	}
	p.Reply(invite, 200, "OK", "x", p.Contact(), siptest.SDP("v=0\r\no=- 1 1 IN IP4 10.255.255.1\r\ns=-\r\nc=IN IP4 10.255.255.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"))
	if _, err := p.Wait(ctx, "ACK"); err != nil {
		t.Fatal(err)
	}
	var ours int
	for line := range strings.Lines(string(invite.Body)) {
		fmt.Sscanf(line, "m=audio %d", &ours)
	}
	sound, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", ours))
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	for n := range 20 {
		sound.Write(append([]byte{0x80, 8, 0, byte(n), 0, 0, byte(n * 160 >> 8), byte(n * 160), 1, 2, 3, 4}, make([]byte, 160)...))
		time.Sleep(5 * time.Millisecond)
	}
	call := p.Dialog(invite, "x")
	if err := p.Send(call.Request("BYE").Bytes(), agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.RTP.Received == 0 {
		t.Errorf("nothing was heard: %+v", r.RTP)
	}
}

// nameServer says of every name that it is this machine.
func nameServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Header.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			if answer, err := m.Pack(); err == nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}
