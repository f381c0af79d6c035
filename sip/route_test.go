package sip_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

// pool gives the trunk n targets in order of priority.
func (s *stage) pool(n int) []*siptest.Peer {
	s.Helper()
	peers := []*siptest.Peer{s.peer}
	for range n - 1 {
		peers = append(peers, s.newPeer("127.0.0.1:0"))
	}
	for i, p := range peers {
		s.trunk.Targets = append(s.trunk.Targets, sip.Target{Addr: p.Addr(), Priority: i + 1})
	}
	return peers
}

// invited waits for a peer's next INVITE.
func (s *stage) invited(p *siptest.Peer) *siptest.Message {
	s.Helper()
	m, err := p.Wait(s.ctx, "INVITE")
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func (s *stage) say(p *siptest.Peer, req *siptest.Message, status int, tag string, parts ...siptest.Part) {
	s.Helper()
	if err := p.Reply(req, status, "Said", tag, parts...); err != nil {
		s.Fatal(err)
	}
}

func TestOnlyATrunksOwnFaultMovesACallToTheNextTarget(t *testing.T) {
	tests := []struct {
		name   string
		status int
		part   siptest.Part
		moves  bool
	}{
		{"503", 503, nil, true},
		{"500", 500, nil, true},
		{"502", 502, nil, true},
		{"504", 504, nil, true},
		{"503 and Reason says the person is busy (RFC 3326)", 503, siptest.Q850(17, "busy"), false},
		{"480 and Reason says no circuit", 480, siptest.Q850(34, "no circuit"), true},
		{"480", 480, nil, false},
		{"486", 486, nil, false},
		{"404", 404, nil, false},
		{"403", 403, nil, false},
		{"408 from the carrier", 408, nil, false},
		{"488", 488, nil, false},
		{"600", 600, nil, false},
		{"603", 603, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			peers := s.pool(2)
			c := s.dial()
			invite := s.invited(peers[0])
			s.say(peers[0], invite, 100, "")
			parts := []siptest.Part{}
			if tt.part != nil {
				parts = append(parts, tt.part)
			}
			s.say(peers[0], invite, tt.status, "x", parts...)
			if !tt.moves {
				if why := s.ended(c); why.Status != tt.status {
					t.Errorf("cause %+v", why)
				}
				if n := peers[1].Count("INVITE"); n != 0 {
					t.Errorf("%d INVITEs to the second target", n)
				}
				return
			}
			second := s.invited(peers[1])
			if second.Get("X-Attempt") != invite.Get("X-Attempt") || second.Get("Call-ID") != invite.Get("Call-ID") || second.FromTag() != invite.FromTag() || second.Branch() == invite.Branch() {
				t.Error("the second INVITE is not the same attempt in a new transaction")
			}
			s.say(peers[1], second, 200, "b", sdp(30000))
			s.event(c, sip.Answered)
			if _, err := peers[1].Wait(s.ctx, "ACK"); err != nil {
				t.Fatal(err)
			}
			c.Hangup("")
			bye, err := peers[1].Wait(s.ctx, "BYE")
			if err != nil {
				t.Fatal(err)
			}
			s.say(peers[1], bye, 200, "")
			s.ended(c)
			hops := c.Hops()
			if len(hops) != 2 || hops[0].Cause.Status != tt.status || hops[1].Target != "udp:"+peers[1].Addr() {
				t.Errorf("hops %+v", hops)
			}
		})
	}
}

func TestACallDoesNotMoveOnceSomebodysPhoneMayRing(t *testing.T) {
	for _, status := range []int{180, 181, 183} {
		s := newStageOf(t)
		peers := s.pool(2)
		c := s.dial()
		invite := s.invited(peers[0])
		s.say(peers[0], invite, status, "a")
		s.say(peers[0], invite, 503, "a")
		if why := s.ended(c); why.Status != 503 {
			t.Errorf("after %d: cause %+v", status, why)
		}
		if n := peers[1].Count("INVITE"); n != 0 {
			t.Errorf("after %d: %d INVITEs to the second target", status, n)
		}
	}
}

func TestASilentTargetIsLeftAndHungUpIfItWakes(t *testing.T) {
	s := newStage(t)
	peers := s.pool(2)
	s.trunk.Silence = 150 * time.Millisecond
	c := s.dial()
	late := s.invited(peers[0])
	second := s.invited(peers[1])
	s.say(peers[1], second, 180, "b")
	s.event(c, sip.Ringing)

	// The first target wakes up: it is cancelled, and when it answers all the
	// same it is acknowledged and hung up.
	s.say(peers[0], late, 180, "a")
	cancel, err := peers[0].Wait(s.ctx, "CANCEL")
	if err != nil {
		t.Fatal(err)
	}
	if cancel.Branch() != late.Branch() || cancel.URI() != late.URI() {
		t.Error("CANCEL is not that INVITE's")
	}
	s.say(peers[0], cancel, 200, "")
	s.say(peers[0], late, 200, "a", sdp(30000))
	for _, method := range []string{"ACK", "BYE"} {
		m, err := peers[0].Wait(s.ctx, method)
		if err != nil {
			t.Fatal(err)
		}
		if m.ToTag() != "a" {
			t.Errorf("%s to tag %q", method, m.ToTag())
		}
		if method == "BYE" {
			s.say(peers[0], m, 200, "")
		}
	}
	s.say(peers[1], second, 200, "b", sdp(30000))
	s.event(c, sip.Answered)
	ack, err := peers[1].Wait(s.ctx, "ACK")
	if err != nil {
		t.Fatal(err)
	}
	if ack.ToTag() != "b" {
		t.Errorf("ACK to tag %q", ack.ToTag())
	}
	if h := c.Hops(); len(h) != 2 || h[0].Cause.Status != 408 || h[0].Cause.By != sip.ByTimeout {
		t.Errorf("hops %+v", h)
	}
	c.Hangup("")
	s.ended(c)
}

func TestALateRefusalOfALeftTargetIsAcknowledged(t *testing.T) { // RFC 3261 17.1.1.3
	s := newStage(t)
	peers := s.pool(2)
	s.trunk.Silence = 150 * time.Millisecond
	c := s.dial()
	late := s.invited(peers[0])
	s.invited(peers[1])
	s.say(peers[0], late, 486, "a")
	if _, err := peers[0].Wait(s.ctx, "ACK"); err != nil {
		t.Fatal(err)
	}
	c.Hangup("")
	s.ended(c)
}

func TestRetryAfterKeepsCallsAwayFromATarget(t *testing.T) { // RFC 3261 21.5.4
	s := newStage(t)
	peers := s.pool(2)
	c := s.dial()
	s.say(peers[0], s.invited(peers[0]), 503, "x", siptest.Field{Name: "Retry-After", Value: "120"})
	s.say(peers[1], s.invited(peers[1]), 486, "x")
	s.ended(c)
	before := peers[0].Count("INVITE")
	c = s.dial()
	s.say(peers[1], s.invited(peers[1]), 486, "x")
	s.ended(c)
	if n := peers[0].Count("INVITE"); n != before {
		t.Errorf("%d INVITEs to a target that asked to be left alone", n-before)
	}
	if h := c.Hops(); len(h) != 1 {
		t.Errorf("hops %+v", h)
	}
}

func TestWhenEveryTargetIsClosedNothingIsSent(t *testing.T) { // F10
	s := newStage(t)
	c := s.dial()
	s.say(s.peer, s.request("INVITE"), 503, "x", siptest.Field{Name: "Retry-After", Value: "120"})
	if why := s.ended(c); why.RetryAfter != 2*time.Minute {
		t.Errorf("cause %+v", why)
	}
	before := s.peer.Count("INVITE")
	_, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "1", SDP: []byte(offer)})
	if !errors.Is(err, sip.ErrNoTrunk) || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v, want ErrNoTrunk with its reason", err)
	}
	if n := s.peer.Count("INVITE"); n != before {
		t.Error("an INVITE was sent all the same")
	}
}

func TestTheBreakerOpensAfterFiveFailuresInARow(t *testing.T) { // F10: at most ten
	s := newStage(t)
	for i := range 5 {
		c, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "1", SDP: []byte(offer)})
		if err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
		s.say(s.peer, s.request("INVITE"), 500, "x")
		s.ended(c)
	}
	if _, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "1", SDP: []byte(offer)}); !errors.Is(err, sip.ErrNoTrunk) {
		t.Errorf("the sixth call: %v", err)
	}
}

func TestARouteMovesToTheNextTrunkWithItsOwnCallerAndFormat(t *testing.T) {
	s := newStage(t)
	backup := s.newPeer("127.0.0.1:0")
	second := sip.Trunk{Name: "backup", Addr: backup.Addr(), From: "02155550000", Priority: 1, Numbers: sip.Numbers{To: "+e164"}, CallerIDs: []string{"02155550000"}}
	c, err := s.agent.DialRoute(s.ctx, sip.Route{s.trunk, second}, sip.Invite{To: "13800138000", SDP: []byte(offer), AttemptID: "a-7"})
	if err != nil {
		t.Fatal(err)
	}
	first := s.request("INVITE")
	s.reply(first, 503, "No", "x")
	next := s.invited(backup)
	if !strings.HasPrefix(next.URI(), "sip:+8613800138000@") || !strings.Contains(next.Get("From"), "02155550000") || next.Get("X-Attempt") != "a-7" {
		t.Errorf("second INVITE:\n%s", next.Bytes())
	}
	s.say(backup, next, 603, "x")
	if why := s.ended(c); why.Status != 603 {
		t.Errorf("cause %+v", why)
	}
	if c.Trunk() != "backup" {
		t.Errorf("the call is on trunk %q", c.Trunk())
	}
}

func TestAFullBackupTrunkTakesNoCallOfAnother(t *testing.T) {
	s := newStage(t)
	backup := s.newPeer("127.0.0.1:0")
	second := sip.Trunk{Name: "backup", Addr: backup.Addr(), From: "1", Priority: 1, Channels: 1}
	own, err := s.agent.Dial(s.ctx, second, sip.Invite{To: "1", SDP: []byte(offer)})
	if err != nil {
		t.Fatal(err)
	}
	s.invited(backup)
	c, err := s.agent.DialRoute(s.ctx, sip.Route{s.trunk, second}, sip.Invite{To: "2", SDP: []byte(offer)})
	if err != nil {
		t.Fatal(err)
	}
	s.reply(s.request("INVITE"), 503, "No", "x")
	if why := s.ended(c); why.Status != 503 {
		t.Errorf("cause %+v", why)
	}
	own.Hangup("")
	s.ended(own)
}

func TestCallsGoToTheLeastLoadedTargetOfAPriority(t *testing.T) {
	s := newStage(t)
	peers := s.pool(3)
	for i, weight := range []int{1, 1, 0} {
		s.trunk.Targets[i].Priority, s.trunk.Targets[i].Weight = min(i, 1), weight
	}
	s.trunk.Targets[1].Priority = 0 // two equals, and one behind them
	var calls []*sip.Call
	for range 6 {
		calls = append(calls, s.dial())
	}
	waitFor(s, func() bool { return peers[0].Count("INVITE")+peers[1].Count("INVITE") >= 6 })
	if a, b, c := ids(peers[0]), ids(peers[1]), ids(peers[2]); a != 3 || b != 3 || c != 0 {
		t.Errorf("calls %d, %d, %d; want 3, 3, 0", a, b, c)
	}
	for _, c := range calls {
		c.Hangup("")
		s.ended(c)
	}
}

// ids counts different calls, not repetitions.
func ids(p *siptest.Peer) int {
	seen := map[string]bool{}
	for _, m := range p.Received() {
		if m.Method() == "INVITE" {
			seen[m.Get("Call-ID")] = true
		}
	}
	return len(seen)
}

func TestATransportErrorMovesACall(t *testing.T) {
	s := newStage(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port nobody listens on any more
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	tcp, err := siptest.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	s.trunk.Transport = "tcp"
	s.trunk.Targets = []sip.Target{{Addr: gone, Priority: 1}, {Addr: tcp.Addr(), Priority: 2}}
	c := s.dial()
	s.say(tcp, s.invited(tcp), 486, "x")
	if why := s.ended(c); why.Status != 486 {
		t.Errorf("cause %+v", why)
	}
	if h := c.Hops(); len(h) != 2 || h[0].Cause.Status != 503 || !strings.Contains(h[0].Cause.Phrase, "refused") {
		t.Errorf("hops %+v", h)
	}
}

func TestAConnectionThatBreaksUnheardMovesTheCall(t *testing.T) {
	s := streamStage(t, nil)
	udp := s.newPeer("127.0.0.1:0")
	s.trunk.Name = "tcp"
	second := sip.Trunk{Name: "udp", Addr: udp.Addr(), From: "1", Priority: 1}
	c, err := s.agent.DialRoute(s.ctx, sip.Route{s.trunk, second}, sip.Invite{To: "1", SDP: []byte(offer)})
	if err != nil {
		t.Fatal(err)
	}
	s.request("INVITE")
	s.peer.HangUpStreams()
	s.say(udp, s.invited(udp), 486, "x")
	if why := s.ended(c); why.Status != 486 {
		t.Errorf("cause %+v", why)
	}
}

func TestAHangupWhileACallMovesIsFinal(t *testing.T) {
	s := newStage(t)
	peers := s.pool(2)
	c := s.dial()
	invite := s.invited(peers[0])
	s.say(peers[0], invite, 503, "x")
	c.Hangup("changed my mind")
	if why := s.ended(c); why.Status != 487 && why.Status != 503 {
		t.Errorf("cause %+v", why)
	}
	if st := s.agent.Stats(); st.Live != 0 {
		t.Errorf("%d calls live", st.Live)
	}
}

func TestRedirectionsAreFollowedOnlyWithinTheTrunksDomains(t *testing.T) {
	tests := []struct {
		name    string
		allow   sip.Redirects
		contact string // %s is the second peer
		follows bool
	}{
		{"not configured", sip.Redirects{}, "<sip:13900139000@%s>", false},
		{"to a host of the list", sip.Redirects{Hops: 1, Domains: []string{"127.0.0.1"}}, "<sip:13900139000@%s>", true},
		{"to another host", sip.Redirects{Hops: 1, Domains: []string{"carrier.example"}}, "<sip:13900139000@%s>", false},
		{"to a host that only ends like one of the list", sip.Redirects{Hops: 1, Domains: []string{"0.0.1"}}, "<sip:13900139000@%s>", false},
		{"to a number the trunk may not call", sip.Redirects{Hops: 1, Domains: []string{"127.0.0.1"}}, "<sip:+88213900@%s>", false},
		{"the best of two", sip.Redirects{Hops: 1, Domains: []string{"127.0.0.1"}}, "<sip:1@evil.example>;q=1, <sip:13900139000@%s>;q=0.5", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			second := s.newPeer("127.0.0.1:0")
			s.trunk.Redirects, s.trunk.Deny = tt.allow, []string{"+882"}
			c := s.dial()
			s.reply(s.request("INVITE"), 302, "Moved", "x", siptest.Field{Name: "Contact", Value: strings.ReplaceAll(tt.contact, "%s", second.Addr())})
			if !tt.follows {
				if why := s.ended(c); why.Status != 302 {
					t.Errorf("cause %+v", why)
				}
				if n := second.Count("INVITE"); n != 0 {
					t.Errorf("%d INVITEs followed", n)
				}
				return
			}
			invite := s.invited(second)
			if want := "sip:13900139000@" + second.Addr(); invite.URI() != want {
				t.Errorf("Request-URI %q, want %q", invite.URI(), want)
			}
			s.say(second, invite, 302, "y", siptest.Field{Name: "Contact", Value: "<sip:1@" + s.peer.Addr() + ">"})
			if why := s.ended(c); why.Status != 302 {
				t.Errorf("a second redirection was followed: %+v", why)
			}
		})
	}
}

func TestACallTriesNoFurtherTargetWhenItMayNot(t *testing.T) { // the person has refused since the first INVITE
	for _, may := range []bool{true, false} {
		s := newStageOf(t)
		peers := s.pool(2)
		c := s.dial(func(inv *sip.Invite) {
			inv.Again = func(context.Context) error {
				if may {
					return nil
				}
				return errors.New("refused")
			}
		})
		s.say(peers[0], s.invited(peers[0]), 503, "x")
		if may {
			s.say(peers[1], s.invited(peers[1]), 486, "y")
		}
		want := map[bool]int{true: 486, false: 503}[may]
		if why := s.ended(c); why.Status != want {
			t.Errorf("cause %+v, want %d", why, want)
		}
		if n := len(c.Hops()); !may && (n != 1 || peers[1].Count("INVITE") != 0) {
			t.Errorf("%d hops, %d INVITEs to the second target", n, peers[1].Count("INVITE"))
		}
	}
}

func TestATargetThatWakesWhileTheCallMovesIsCancelled(t *testing.T) { // two phones must not ring
	s := newStage(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes the connection and never shakes hands: the move takes its time
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	slow := sip.Trunk{Name: "slow", Addr: l.Addr().String(), Transport: "tls", From: "1", Priority: 1}
	s.trunk.Silence = 100 * time.Millisecond
	c, err := s.agent.DialRoute(s.ctx, sip.Route{s.trunk, slow}, sip.Invite{To: "1", SDP: []byte(offer)})
	if err != nil {
		t.Fatal(err)
	}
	late := s.request("INVITE")
	waitFor(s, func() bool { return len(c.Hops()) == 2 })
	s.reply(late, 180, "Ringing", "a")
	cancel := s.request("CANCEL")
	if cancel.Branch() != late.Branch() {
		t.Error("CANCEL is not that INVITE's")
	}
	s.reply(cancel, 200, "OK", "")
	s.reply(late, 487, "Request Terminated", "a")
	c.Hangup("")
	s.ended(c)
	for e := range c.Events() {
		t.Errorf("event %q", e.Kind)
	}
}

func TestASilentTargetIsNotLeftWhenThereIsNowhereToGo(t *testing.T) {
	s := newStage(t)
	backup := s.newPeer("127.0.0.1:0")
	second := sip.Trunk{Name: "backup", Addr: backup.Addr(), From: "1", Priority: 1, Channels: 1}
	own, err := s.agent.Dial(s.ctx, second, sip.Invite{To: "1", SDP: []byte(offer)}) // its only channel
	if err != nil {
		t.Fatal(err)
	}
	s.trunk.Silence = 100 * time.Millisecond
	c, err := s.agent.DialRoute(s.ctx, sip.Route{s.trunk, second}, sip.Invite{To: "2", SDP: []byte(offer)})
	if err != nil {
		t.Fatal(err)
	}
	invite := s.request("INVITE")
	select {
	case e := <-c.Events():
		t.Fatalf("%q %+v while the only trunk may still answer", e.Kind, e.Cause)
	case <-time.After(3 * s.trunk.Silence):
	}
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	for _, c := range []*sip.Call{c, own} {
		c.Hangup("")
		s.ended(c)
	}
}

func TestAnAnswerToARefusedInviteIsHungUp(t *testing.T) { // and does not become the call while the next one rings
	s := newStage(t)
	peers := s.pool(2)
	c := s.dial()
	first := s.invited(peers[0])
	s.say(peers[0], first, 503, "a")
	second := s.invited(peers[1])
	s.say(peers[1], second, 180, "b")
	s.event(c, sip.Ringing)
	s.say(peers[0], first, 200, "a", sdp(30000))
	bye, err := peers[0].Wait(s.ctx, "BYE")
	if err != nil {
		t.Fatal(err)
	}
	s.say(peers[0], bye, 200, "")
	s.say(peers[1], second, 200, "b", sdp(30002))
	if e := s.event(c, sip.Answered); string(e.SDP) != string(sdp(30002)) {
		t.Errorf("answered with %q", e.SDP)
	}
	c.Hangup("")
	s.ended(c)
}

func TestTheTimeOfSilenceBeginsWithTheINVITEThatHasThePassword(t *testing.T) {
	s := newStage(t)
	peers := s.pool(2)
	s.trunk.User, s.trunk.Password, s.trunk.Realm, s.trunk.Silence = "u", "p", "carrier", 600*time.Millisecond
	c := s.dial()
	first := s.invited(peers[0])
	time.Sleep(450 * time.Millisecond) // the carrier's own pace, within what it may take
	if err := peers[0].Challenge(first, "carrier", "n1", false); err != nil {
		t.Fatal(err)
	}
	if _, err := peers[0].WaitFor(s.ctx, "an INVITE with a password", func(m *siptest.Message) bool {
		return m.Method() == "INVITE" && m.Branch() != first.Branch()
	}); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	s.invited(peers[1])
	if waited := time.Since(asked); waited < s.trunk.Silence/2 {
		t.Errorf("the target was left %v after the INVITE with the password", waited)
	}
	c.Hangup("")
	s.ended(c)
}

func TestATrunkSharedByManyCallsIsOnlyRead(t *testing.T) {
	trunk := sip.Trunk{Targets: append(make([]sip.Target, 0, 8), sip.Target{Addr: "127.0.0.1:5060"})}
	if err := trunk.Check(); err != nil || !trunk.Loopback() {
		t.Error(err)
	}
	if got := trunk.Targets[:8][1]; got != (sip.Target{}) {
		t.Errorf("behind the targets stands %+v", got)
	}
}
