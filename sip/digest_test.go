package sip_test

import (
	"strings"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

// nextInvite waits for an INVITE with a higher CSeq than the one given.
func (s *stage) nextInvite(after *siptest.Message) *siptest.Message {
	s.Helper()
	old, _ := after.CSeq()
	m, err := s.peer.WaitFor(s.ctx, "the next INVITE", func(m *siptest.Message) bool {
		n, _ := m.CSeq()
		return m.Method() == "INVITE" && n > old
	})
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func signedStage(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	s.trunk.User, s.trunk.Password, s.trunk.Realm = "shop", "secret", "carrier.example"
	return s
}

func ask(status int, value string) siptest.Field {
	if status == 401 {
		return siptest.Field{Name: "WWW-Authenticate", Value: value}
	}
	return siptest.Field{Name: "Proxy-Authenticate", Value: value}
}

func TestFaultETheDigestURIIsTheRequestURIAndTheStrongestAlgorithmIsUsed(t *testing.T) {
	for _, status := range []int{401, 407} {
		t.Run(map[int]string{401: "by the callee's server", 407: "by a proxy"}[status], func(t *testing.T) {
			s := signedStage(t)
			s.trunk.UserPhone = true
			c := s.dial()
			invite := s.request("INVITE")
			if !strings.HasSuffix(invite.URI(), ";user=phone") {
				t.Fatalf("Request-URI %q", invite.URI())
			}
			s.reply(invite, status, "Who are you", "x",
				ask(status, `Digest realm="elsewhere.example", nonce="n0", algorithm=SHA-512-256`),
				ask(status, `Digest realm="carrier.example", nonce="n1", algorithm=MD5, qop="auth-int, auth"`),
				ask(status, `Digest realm="carrier.example", nonce="n2", algorithm=SHA-256, qop="auth-int, auth", opaque="o\"p"`),
				ask(status, `Basic realm="carrier.example"`))
			s.requestTo("ACK", "x")
			signed := s.nextInvite(invite)
			if err := siptest.CheckDigest(signed, "carrier.example", "shop", "secret"); err != nil {
				t.Error(err)
			}
			given := siptest.Credentials(signed)
			if given["nonce"] != "n2" || given["algorithm"] != "SHA-256" || given["qop"] != "auth" {
				t.Errorf("credentials %v", given)
			}
			if signed.Get("Call-ID") != invite.Get("Call-ID") || signed.FromTag() != invite.FromTag() || signed.Branch() == invite.Branch() {
				t.Error("the signed INVITE is not the same call in a new transaction")
			}
			s.reply(signed, 200, "OK", "a", sdp(30000))
			if ack := s.requestTo("ACK", "a"); siptest.Credentials(ack)["response"] != given["response"] {
				t.Error("ACK does not carry the INVITE's credentials")
			}
			s.event(c, sip.Answered)

			c.Hangup("")
			bye := s.request("BYE")
			if siptest.Credentials(bye) != nil {
				t.Error("BYE carries credentials nobody asked for")
			}
			if err := s.peer.Challenge(bye, "carrier.example", "n3", false); err != nil {
				t.Fatal(err)
			}
			signedBye, err := s.peer.WaitFor(s.ctx, "signed BYE", func(m *siptest.Message) bool {
				return m.Method() == "BYE" && siptest.Credentials(m) != nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := siptest.CheckDigest(signedBye, "carrier.example", "shop", "secret"); err != nil {
				t.Error(err)
			}
			s.reply(signedBye, 200, "OK", "")
		})
	}
}

func TestPasswordIsGivenOnceUnlessTheNonceWasStale(t *testing.T) {
	s := signedStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	for i, stale := range []bool{false, true, true} {
		if err := s.peer.Challenge(invite, "carrier.example", "n"+string(rune('0'+i)), stale); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			break // a third password would be guessing
		}
		invite = s.nextInvite(invite)
		if err := siptest.CheckDigest(invite, "carrier.example", "shop", "secret"); err != nil {
			t.Error(err)
		}
	}
	if why := s.ended(c); why.Status != 407 || why.By != sip.ByCarrier {
		t.Errorf("cause %+v", why)
	}
}

func TestAWrongPasswordIsNotTriedTwice(t *testing.T) {
	s := signedStage(t)
	c := s.dial()
	invite := s.request("INVITE")
	s.peer.Challenge(invite, "carrier.example", "n1", false)
	signed := s.nextInvite(invite)
	s.peer.Challenge(signed, "carrier.example", "n2", false)
	if why := s.ended(c); why.Status != 407 {
		t.Errorf("cause %+v", why)
	}
}

func TestPasswordGoesNowhereElse(t *testing.T) {
	tests := []struct {
		name      string
		change    func(*sip.Trunk)
		challenge string
	}{
		{"another realm", nil, `Digest realm="evil.example", nonce="n", algorithm=MD5`},
		{"a realm that differs in case", nil, `Digest realm="Carrier.Example", nonce="n"`},
		{"no realm set and the gateway's host is not the realm",
			func(t *sip.Trunk) { t.Realm = "" }, `Digest realm="carrier.example", nonce="n"`},
		{"no user", func(t *sip.Trunk) { t.User = "" }, `Digest realm="carrier.example", nonce="n"`},
		{"an algorithm we do not know", nil, `Digest realm="carrier.example", nonce="n", algorithm=AKAv1-MD5`},
		{"a qop we do not know", nil, `Digest realm="carrier.example", nonce="n", qop="auth-conf"`},
		{"no nonce", nil, `Digest realm="carrier.example"`},
		{"a plain password", nil, `Basic realm="carrier.example"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := signedStage(t)
			if tt.change != nil {
				tt.change(&s.trunk)
			}
			c := s.dial()
			invite := s.request("INVITE")
			s.reply(invite, 407, "Who are you", "x", ask(407, tt.challenge))
			if why := s.ended(c); why.Status != 407 {
				t.Errorf("cause %+v", why)
			}
			for _, m := range s.peer.Received() {
				if siptest.Credentials(m) != nil {
					t.Errorf("credentials were sent in %s", m.Start)
				}
			}
		})
	}
}

func TestPasswordIsNotGivenToAnotherPeerInTheSameTransaction(t *testing.T) {
	s := signedStage(t)
	other := s.newPeer("127.0.0.2:0")
	admitted, err := s.agent.Dial(s.ctx, sip.Trunk{Name: "other", Addr: other.Addr(), From: "1"}, sip.Invite{To: "1"})
	if err != nil {
		t.Fatal(err)
	}
	admitted.Hangup("")
	c := s.dial()
	invite := s.request("INVITE")
	stolen := other.Response(invite, 407, "Who are you", "x", ask(407, `Digest realm="carrier.example", nonce="n"`))
	if err := other.Send(stolen.Bytes(), s.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if why := s.ended(c); why.Status != 407 {
		t.Errorf("cause %+v", why)
	}
	for _, m := range append(s.peer.Received(), other.Received()...) {
		if siptest.Credentials(m) != nil {
			t.Errorf("credentials were sent in %s", m.Start)
		}
	}
}

func TestANonceGivenToSeveralCallsGoesOnCounting(t *testing.T) { // RFC 7616 3.4: the same nc twice is a replay
	s := signedStage(t)
	seen := map[string]bool{}
	var calls []*sip.Call
	var first []*siptest.Message
	for range 3 {
		calls = append(calls, s.dial())
		first = append(first, s.request("INVITE"))
	}
	for _, invite := range first {
		if err := s.peer.Challenge(invite, "carrier.example", "n1", false); err != nil {
			t.Fatal(err)
		}
		given := siptest.Credentials(s.nextInvite(invite))
		if given["nonce"] != "n1" || seen[given["nc"]] {
			t.Errorf("credentials %v after %v", given, seen)
		}
		seen[given["nc"]] = true
	}
	for _, c := range calls {
		c.Hangup("")
		s.ended(c)
	}
}
