package sip_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

// registers makes the trunk one that wants registration and is not pinged.
func registers(t *testing.T) *stage {
	t.Helper()
	s := signedStage(t)
	s.trunk.Register, s.trunk.Options = sip.Register{Wanted: true}, -1
	return s
}

func (s *stage) serve() {
	s.Helper()
	if err := s.agent.Serve(s.ctx, s.trunk); err != nil {
		s.Fatal(err)
	}
}

// nextRegister waits for a REGISTER with a higher CSeq.
func (s *stage) nextRegister(after *siptest.Message) *siptest.Message {
	s.Helper()
	old := uint32(0)
	if after != nil {
		old, _ = after.CSeq()
	}
	m, err := s.peer.WaitFor(s.ctx, "the next REGISTER", func(m *siptest.Message) bool {
		n, _ := m.CSeq()
		return m.Method() == "REGISTER" && n > old
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// grant accepts a REGISTER for some seconds, among other Contacts of the account.
func (s *stage) grant(reg *siptest.Message, seconds int, extra ...siptest.Part) {
	s.Helper()
	parts := append([]siptest.Part{
		siptest.Field{Name: "Contact", Value: "<sip:other@192.0.2.9>;expires=7"},
		siptest.Field{Name: "Contact", Value: reg.Get("Contact") + ";expires=" + strconv.Itoa(seconds)},
	}, extra...)
	s.reply(reg, 200, "OK", "r", parts...)
}

func (s *stage) state() sip.TrunkState {
	s.Helper()
	all := s.agent.Trunks()
	if len(all) != 1 {
		s.Fatalf("%d trunks", len(all))
	}
	return all[0]
}

func TestATrunkIsRegisteredRefreshedAndUnregistered(t *testing.T) { // RFC 3261 10
	s := registers(t)
	s.serve()
	first := s.nextRegister(nil)
	if first.URI() != "sip:"+s.peer.Addr() || !strings.Contains(first.Get("To"), "sip:shop@") || first.Get("Expires") != "3600" {
		t.Errorf("REGISTER:\n%s", first.Bytes())
	}
	if err := s.peer.Challenge(first, "carrier.example", "n1", false); err != nil {
		t.Fatal(err)
	}
	signed := s.nextRegister(first)
	if err := siptest.CheckDigest(signed, "carrier.example", "shop", "secret"); err != nil {
		t.Error(err)
	}
	if signed.Get("Call-ID") != first.Get("Call-ID") {
		t.Error("REGISTERs have different Call-IDs")
	}
	granted := time.Now()
	s.grant(signed, 2, siptest.Field{Name: "Service-Route", Value: "<sip:" + s.peer.Addr() + ";lr;x=1>"})
	waitFor(s, func() bool { return s.state().Registered })
	if until := time.Until(s.state().Until); until > 2*time.Second {
		t.Errorf("registered for %v; the 3600 of another Contact was taken?", until)
	}
	refresh := s.nextRegister(signed)
	if after := time.Since(granted); after < 900*time.Millisecond || after > 5*time.Second {
		t.Errorf("refreshed %v after a grant of 2 s; want 50 to 90 %% of it", after)
	}
	given := siptest.Credentials(refresh)
	if given["nonce"] != "n1" || given["nc"] != "00000002" {
		t.Errorf("the refresh is not pre-authorised with nc counted up: %v", given)
	}
	s.grant(refresh, 3600, siptest.Field{Name: "Service-Route", Value: "<sip:" + s.peer.Addr() + ";lr;x=1>"})
	waitFor(s, func() bool { return time.Until(s.state().Until) > time.Minute })

	c := s.dial() // RFC 3608 6.1
	if route := s.request("INVITE").Get("Route"); route != "<sip:"+s.peer.Addr()+";lr;x=1>" {
		t.Errorf("Route %q", route)
	}
	c.Hangup("")

	closed := make(chan struct{})
	go func() { s.agent.Close(); close(closed) }()
	bye := s.nextRegister(refresh)
	if bye.Get("Expires") != "0" {
		t.Errorf("the last REGISTER asks for %q s", bye.Get("Expires"))
	}
	s.reply(bye, 200, "OK", "r")
	select {
	case <-closed:
	case <-s.ctx.Done():
		t.Error("Close hangs")
	}
}

func TestARegistrarMayWantALongerTime(t *testing.T) { // RFC 3261 10.2.8
	s := registers(t)
	s.trunk.Register.Expires = time.Minute
	s.serve()
	first := s.nextRegister(nil)
	s.reply(first, 423, "Interval Too Brief", "r", siptest.Field{Name: "Min-Expires", Value: "120"})
	second := s.nextRegister(first)
	if second.Get("Expires") != "120" {
		t.Errorf("asked for %q s after Min-Expires 120", second.Get("Expires"))
	}
	s.grant(second, 120)
	waitFor(s, func() bool { return s.state().Registered })
}

func TestARefusedRegistrationSaysWhyAndIsNotHammered(t *testing.T) {
	s := registers(t)
	s.serve()
	first := s.nextRegister(nil)
	s.peer.Challenge(first, "carrier.example", "n1", false)
	second := s.nextRegister(first)
	s.peer.Challenge(second, "carrier.example", "n2", false)
	waitFor(s, func() bool { return strings.Contains(s.state().Failed, "does not take user and password") })
	if s.state().Registered {
		t.Error("registered all the same")
	}
	if n := s.peer.Count("REGISTER"); n != 2 {
		t.Errorf("%d REGISTERs at once", n)
	}
}

func TestATrunkWhoseConnectionBreaksIsRegisteredAnew(t *testing.T) {
	s := streamStage(t, nil)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier.example"
	s.trunk.Register, s.trunk.Options = sip.Register{Wanted: true}, -1
	s.serve()
	first := s.nextRegister(nil)
	s.grant(first, 3600)
	waitFor(s, func() bool { return s.state().Registered })
	s.peer.HangUpStreams()
	again := s.nextRegister(first)
	s.grant(again, 3600)
	waitFor(s, func() bool { return s.state().Registered })
	if again.Get("Contact") == first.Get("Contact") && s.agent.Stats().Streams != 1 {
		t.Error("the old connection's Contact is registered")
	}
}

func TestOPTIONSTakeATargetDownAndBringItBackWithHysteresis(t *testing.T) {
	s := newStage(t)
	peers := s.pool(2)
	s.trunk.Options = 60 * time.Millisecond
	var status [2]chan int
	for i, p := range peers {
		status[i] = make(chan int, 1)
		status[i] <- 200
		go func() {
			for {
				m, err := p.Wait(s.ctx, "OPTIONS")
				if err != nil {
					return
				}
				n := <-status[i]
				p.Reply(m, n, "Said", "o")
				status[i] <- n
			}
		}()
	}
	set := func(i, n int) { <-status[i]; status[i] <- n }
	up := func(i int) bool {
		for _, target := range s.state().Targets {
			if target.Addr == "udp:"+peers[i].Addr() {
				return target.Up && target.Status != 0
			}
		}
		return false
	}
	s.serve()
	waitFor(s, func() bool { return up(0) && up(1) })
	set(0, 503)
	waitFor(s, func() bool { return !up(0) })
	c := s.dial()
	s.say(peers[1], s.invited(peers[1]), 486, "x") // routing uses it
	s.ended(c)
	set(0, 405) // as good as 200
	waitFor(s, func() bool { return up(0) })
}

func TestOurAddressIsLearnedFromReceivedAndRport(t *testing.T) { // RFC 3581
	s := newStage(t)
	s.trunk.External, s.trunk.Options = "auto", 100*time.Millisecond
	s.serve()
	ask := s.request("OPTIONS")
	res := s.peer.Response(ask, 200, "OK", "o")
	res.Set("Via", strings.Replace(ask.Get("Via"), ";rport", ";rport=40000;received=203.0.113.7", 1))
	if err := s.peer.Send(res.Bytes(), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	waitFor(s, func() bool { return s.state().External == "203.0.113.7" })
	if got := s.agent.Outward(s.ctx, s.trunk); got.String() != "203.0.113.7" {
		t.Errorf("SDP would name %s", got)
	}
	c := s.dial()
	invite := s.request("INVITE")
	if !strings.Contains(invite.Get("Contact"), "@203.0.113.7:40000") || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/UDP 203.0.113.7:40000;") {
		t.Errorf("INVITE:\n%s", invite.Bytes())
	}
	if got := c.Gateway(); got.String() != "127.0.0.1" {
		t.Errorf("the call's gateway is %s", got)
	}
	c.Hangup("")
}

func TestWhereNobodyTranslatesSDPNamesOurOwnAddress(t *testing.T) { // RFC 3581: received is what Via says
	s := newStage(t)
	s.trunk.External, s.trunk.Options = "auto", 100*time.Millisecond
	s.serve()
	s.reply(s.request("OPTIONS"), 200, "OK", "o")
	waitFor(s, func() bool { return s.state().External != "" })
	if got := s.agent.Outward(s.ctx, s.trunk); got.IsValid() {
		t.Errorf("SDP would name %s", got)
	}
}

func TestTheNonceIsUsedAgainWithItsCountAndDroppedWhenRefused(t *testing.T) { // RFC 7616 3.4
	s := signedStage(t)
	c := s.dial()
	first := s.request("INVITE")
	s.peer.Challenge(first, "carrier.example", "n1", false)
	s.reply(s.nextInvite(first), 486, "Busy", "x")
	s.ended(c)

	c = s.dial()
	second := s.request("INVITE")
	given := siptest.Credentials(second)
	if given["nonce"] != "n1" || given["nc"] != "00000002" {
		t.Fatalf("the second call's first INVITE has credentials %v", given)
	}
	if err := siptest.CheckDigest(second, "carrier.example", "shop", "secret"); err != nil {
		t.Error(err)
	}
	s.peer.Challenge(second, "carrier.example", "n2", true) // stale
	third := s.nextInvite(second)
	if given := siptest.Credentials(third); given["nonce"] != "n2" || given["nc"] != "00000001" {
		t.Errorf("after a stale nonce: %v", given)
	}
	s.peer.Challenge(third, "carrier.example", "n3", false) // the password is not taken
	s.ended(c)
	c = s.dial()
	if given := siptest.Credentials(s.request("INVITE")); given != nil {
		t.Errorf("a refused nonce is used again: %v", given)
	}
	c.Hangup("")
}

func TestMD5CanBeRefused(t *testing.T) { // RFC 8760
	s := signedStage(t)
	s.trunk.RefuseMD5 = true
	c := s.dial()
	s.peer.Challenge(s.request("INVITE"), "carrier.example", "n1", false)
	if why := s.ended(c); why.Status != 407 {
		t.Errorf("cause %+v", why)
	}
	for _, m := range s.peer.Received() {
		if siptest.Credentials(m) != nil {
			t.Errorf("credentials by MD5 were sent in %s", m.Start)
		}
	}
}
