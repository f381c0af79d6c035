package siptest

import (
	"context"
	"net"
	"testing"
	"time"
)

// callee is the called side made of a Peer and a UDP socket.
type callee struct {
	t   *testing.T
	p   *Peer
	rtp *net.UDPConn
	ctx context.Context
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	p, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	rtp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rtp.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return &callee{t, p, rtp, ctx}
}

func (c *callee) wait(method string) *Message {
	c.t.Helper()
	m, err := c.p.Wait(c.ctx, method)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *callee) sdp() SDP { return NewSDP("127.0.0.1", c.rtp.LocalAddr().(*net.UDPAddr).Port, 1) }

// talk says something, falls quiet, and returns the keys that come until stop.
func (c *callee) talk(to *net.UDPAddr, want string) (keys string) {
	tx, voice, buf := newSender(), tone(700, 400*time.Millisecond), make([]byte, 2048)
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for len(keys) < len(want) {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return keys
		}
		n := min(frameSamples, len(voice))
		if _, err := c.rtp.WriteToUDP(tx.audio(voice[:n]), to); err != nil {
			c.t.Fatal(err)
		}
		voice = voice[n:]
		for {
			c.rtp.SetReadDeadline(time.Now().Add(time.Millisecond))
			n, _, err := c.rtp.ReadFromUDP(buf)
			if err != nil {
				break
			}
			if pt, payload, ok := rtpPayload(buf[:n]); ok && pt == 101 && buf[1]&0x80 != 0 {
				keys += string("0123456789*#"[payload[0]])
			}
		}
	}
	return keys
}

// caller is the gateway's record of a person's call, once ready says so.
func caller(t *testing.T, g *Gateway, id string, ready func(CallRecord) bool) CallRecord {
	t.Helper()
	for range 400 {
		for _, r := range g.Truth().Calls {
			if r.CallID == id && ready(r) {
				return r
			}
		}
		time.Sleep(20 * time.Millisecond) // the record has no bell; bounded by 8 s
	}
	t.Fatalf("the record of %s never came to that: %+v", id, g.Truth().Calls)
	return CallRecord{}
}

func TestAPersonCallsBackAndPressesNine(t *testing.T) {
	t.Parallel()
	for _, offerless := range []bool{false, true} {
		g, c := brief(t), newCallee(t)
		id, err := g.Call(CallIn{To: c.p.Addr(), Person: "13800138411", Number: "02160000000", Offerless: offerless})
		if err != nil {
			t.Fatal(err)
		}
		invite := c.wait("INVITE")
		if userOf(invite.URI()) != "02160000000" || userOf(addressURI(invite.Get("From"))) != "13800138411" || (len(invite.Body) == 0) != offerless {
			t.Errorf("INVITE is\n%s", invite.Bytes())
		}
		c.p.Reply(invite, 180, "Ringing", "us")
		c.p.Reply(invite, 200, "OK", "us", c.p.Contact(), c.sdp())
		ack := c.wait("ACK")
		if seq, _ := ack.CSeq(); seq != 1 || ack.ToTag() != "us" || ack.FromTag() != invite.FromTag() {
			t.Errorf("ACK is\n%s", ack.Bytes())
		}
		body := invite.Body
		if offerless {
			body = ack.Body
		}
		media, err := parseSDP(body)
		if err != nil {
			t.Fatal(err)
		}
		if keys := c.talk(net.UDPAddrFromAddrPort(media.addr), "9"); keys != "9" {
			t.Errorf("keys %q", keys)
		}
		caller(t, g, id, func(r CallRecord) bool { return r.Keys == "9" }) // the press has an end too
		bye, err := c.p.Dialog(invite, "us").Bye()
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.p.WaitStatus(c.ctx, "BYE", 0); err != nil || m.Status() != 200 {
			t.Errorf("BYE %s got %v, %v", bye.Start, m, err)
		}
		r := caller(t, g, id, func(r CallRecord) bool { return !r.EndedAt.IsZero() })
		if !r.Inbound || r.Status != 200 || r.Keys != "9" || r.EndedBy != "us" || r.SaidOptOut.IsZero() || !r.Byed {
			t.Errorf("record %+v", r)
		}
		if tr := g.Truth(); tr.Up != 0 || tr.CalledAfterOptOut != 0 {
			t.Errorf("up %d, called after opt-out %d", tr.Up, tr.CalledAfterOptOut)
		}
	}
}

func TestACallerWhoIsTurnedAwayAcknowledges(t *testing.T) {
	t.Parallel()
	g, c := brief(t), newCallee(t)
	id, err := g.Call(CallIn{To: c.p.Addr(), Person: "13800138412", From: "anonymous", Number: "02160000000"})
	if err != nil {
		t.Fatal(err)
	}
	invite := c.wait("INVITE")
	if userOf(addressURI(invite.Get("From"))) != "anonymous" {
		t.Errorf("From %q", invite.Get("From"))
	}
	c.p.Reply(invite, 503, "Service Unavailable", "us", Field{"Retry-After", "5"})
	if ack := c.wait("ACK"); ack.Branch() != invite.Branch() { // RFC 3261 17.1.1.3
		t.Errorf("the ACK of a refusal has another branch:\n%s", ack.Bytes())
	}
	r := caller(t, g, id, func(r CallRecord) bool { return !r.EndedAt.IsZero() })
	if r.Status != 503 || r.RetryAfter != "5" || r.Number != "13800138412" {
		t.Errorf("record %+v", r)
	}
}

// RFC 3261 17.1.1.2, timer A: the same INVITE again, then no more once a
// provisional has come.
func TestACallerRepeatsTheInviteUntilSomethingComes(t *testing.T) {
	t.Parallel()
	g, c := brief(t), newCallee(t)
	if _, err := g.Call(CallIn{To: c.p.Addr(), Person: "13800138412", Number: "1"}); err != nil {
		t.Fatal(err)
	}
	first, again := c.wait("INVITE"), c.wait("INVITE")
	if first.Branch() != again.Branch() || string(first.Bytes()) != string(again.Bytes()) {
		t.Error("a repeated INVITE is another one")
	}
	c.p.Reply(again, 100, "Trying", "")
	soon, cancel := context.WithTimeout(c.ctx, 3*t1)
	defer cancel()
	if m, err := c.p.Wait(soon, "INVITE"); err == nil {
		t.Errorf("repeated after a provisional:\n%s", m.Bytes())
	}
}

// TestStaffDoWhatTheTableSays: agents press, speak and hang up as they are
// listed; what they say after pressing needs nobody to speak first.
func TestStaffDoWhatTheTableSays(t *testing.T) {
	t.Parallel()
	g := brief(t)
	want := map[string]verdict{
		"agent-accepts":  {Status: 200, EndedBy: "callee", Keys: "1", Said: []string{"您好我是小李", "马上给您补发"}},
		"agent-declines": {Status: 200, EndedBy: "us", Keys: "2"},
		"agent-busy":     {Status: 486, EndedBy: "callee", Reason: `Q.850;cause=17;text="User busy"`},
		"agent-away":     {Status: 487, EndedBy: "us"},
		"agent-says-yes": {Status: 200, EndedBy: "us", Said: []string{"好的接进来", "您好我是小王"}},
		"agent-says-no":  {Status: 200, EndedBy: "us", Said: []string{"不行我在忙"}},
		"agent-hangs-up": {Status: 200, EndedBy: "callee"},
	}
	for _, who := range Staff() {
		w, ok := want[who.Name]
		if !ok {
			continue
		}
		t.Run(who.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			u := newUAC(t, g, who.Suffix)
			u.cancel, u.replies = w.Status == 487, len(w.Said)+len(w.Keys)
			if w.EndedBy == "callee" { // then we do not
				u.replies = 9
			}
			u.run(ctx)
			r := u.record(g)
			got := verdict{r.Status, r.EndedBy, r.Said, r.Keys, u.final.Get("Reason"), !r.SaidOptOut.IsZero()}
			if got.Status != w.Status || got.EndedBy != w.EndedBy || got.Keys != w.Keys || len(got.Said) != len(w.Said) || got.Reason != w.Reason {
				t.Errorf("got %+v, want %+v", got, w)
			}
		})
	}
}
