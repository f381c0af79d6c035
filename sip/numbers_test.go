package sip_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestNumbersAreWrittenAsTheTrunkWantsThem(t *testing.T) {
	tests := []struct {
		name, to string
		numbers  sip.Numbers
		want     string // beginning of the Request-URI
	}{
		{"as given", "021-6000 1111", sip.Numbers{}, "sip:021-6000%201111@"},
		{"a mobile with plus", "13800138000", sip.Numbers{To: "+e164"}, "sip:+8613800138000@"},
		{"a landline with plus", "02160001111", sip.Numbers{To: "+e164"}, "sip:+862160001111@"},
		{"without plus", "+86 138 0013 8000", sip.Numbers{To: "e164"}, "sip:8613800138000@"},
		{"a mobile at home", "+8613800138000", sip.Numbers{To: "national"}, "sip:13800138000@"},
		{"a mobile at home that came without plus", "8613800138000", sip.Numbers{To: "national"}, "sip:13800138000@"},
		{"a landline at home", "+862160001111", sip.Numbers{To: "national"}, "sip:02160001111@"},
		{"abroad from home", "+4420711111111", sip.Numbers{To: "national"}, "sip:004420711111111@"},
		{"another country's home", "07700900123", sip.Numbers{To: "+e164", Country: "44"}, "sip:+447700900123@"},
		{"North America", "2125550100", sip.Numbers{To: "+e164", Country: "1"}, "sip:+12125550100@"},
		{"a technical prefix", "13800138000", sip.Numbers{To: "national", Prefixes: []sip.Prefix{{Of: "", By: "9"}}}, "sip:913800138000@"},
		{"the longest rule", "13800138000", sip.Numbers{To: "+e164", Prefixes: []sip.Prefix{{Of: "+", By: "00"}, {Of: "+86", By: "0"}}}, "sip:013800138000@"},
		{"a tel URI", "13800138000", sip.Numbers{Tel: true}, "tel:+8613800138000"},
		{"a short code stays", "1000", sip.Numbers{To: "+e164"}, "sip:1000@"},
		{"a name stays", "alice", sip.Numbers{To: "+e164", Tel: true}, "sip:alice@"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.trunk.Numbers = tt.numbers
			c := s.dial(func(i *sip.Invite) { i.To = tt.to })
			if got := s.request("INVITE").URI(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("Request-URI %q, want %q", got, tt.want)
			}
			c.Hangup("")
		})
	}
}

func TestWhoIsShownAsTheCaller(t *testing.T) { // RFC 3323, RFC 3325
	tests := []struct {
		name     string
		identity sip.Identity
		want     map[string]string // header → part of it; "" is none
	}{
		{"the caller ID in From alone", sip.Identity{}, map[string]string{"From": "sip:02150001234@carrier.example", "P-Asserted-Identity": "", "Privacy": ""}},
		{"asserted, From is the account", sip.Identity{From: "acct77", Asserted: true},
			map[string]string{"From": "sip:acct77@", "P-Asserted-Identity": "<sip:02150001234@carrier.example>"}},
		{"preferred", sip.Identity{Preferred: true}, map[string]string{"P-Preferred-Identity": "<sip:02150001234@carrier.example>"}},
		{"withheld", sip.Identity{Asserted: true, Privacy: "id", Anonymous: true},
			map[string]string{"From": "sip:anonymous@anonymous.invalid", "Privacy": "id", "P-Asserted-Identity": "02150001234"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			s.trunk.Domain, s.trunk.Identity = "carrier.example", tt.identity
			c := s.dial()
			invite := s.request("INVITE")
			for name, part := range tt.want {
				if got := invite.Get(name); (part == "") != (got == "") || !strings.Contains(got, part) {
					t.Errorf("%s: %q, want %q in it", name, got, part)
				}
			}
			c.Hangup("")
		})
	}
}

// real is a trunk elsewhere; nothing is ever sent to it here.
func real(s *stage) sip.Trunk {
	return sip.Trunk{Name: "real", Addr: "192.0.2.1:5060", From: "02150001234"}
}

func TestARealTrunkCallsNoCostlyShortOrForeignNumbers(t *testing.T) { // faults-and-rules A2, toll fraud
	for _, tt := range []struct {
		to    string
		allow []string
		deny  []string
		want  string // in the error; "" is allowed
	}{
		{"13800138000", nil, nil, ""},
		{"+8613800138000", nil, nil, ""},
		{"02160001111", nil, nil, ""},
		{"+88213900001", nil, nil, "may not call"},
		{"0088213900001", nil, nil, "may not call"},
		{"+19005550100", []string{"+1"}, nil, "may not call"},
		{"+12125550100", nil, nil, "allowed prefixes are +86"},
		{"+12125550100", []string{"+86", "+1"}, nil, ""},
		{"+8616812345", nil, nil, "may not call"},
		{"16812345678", nil, []string{"+86168"}, "may not call"},
		{"+86168123456", []string{"+861681"}, nil, ""},
		{"13490000000", nil, nil, "may not call"},
		{"13800138000", nil, []string{"+86138"}, "may not call"},
		{"10086", nil, nil, "short codes"},
		{"1000", []string{"1000"}, nil, ""},
		{"110", []string{"110"}, nil, "emergency"},
		{"+86110", []string{"+86"}, nil, "emergency"},
		{"1380000;ext=1@evil", nil, nil, "belongs neither"},
		{"sip:x@y", nil, nil, "belongs neither"},
		{"alice", nil, nil, ""},
		{"011 883 510 0123", []string{"+1"}, nil, "begin like +88351"}, // from North America
	} {
		s := newStageOf(t)
		trunk := real(s)
		trunk.Allow, trunk.Deny = tt.allow, tt.deny
		if len(tt.allow) == 1 && tt.allow[0] == "+1" {
			trunk.Numbers.Country = "1"
		}
		_, err := s.agent.Dial(s.ctx, trunk, sip.Invite{To: tt.to, SDP: []byte(offer)})
		// An allowed call fails too: nothing leads from loopback to 192.0.2.1.
		refused := err != nil && !strings.Contains(err.Error(), "no trunk takes calls now")
		if (tt.want != "") != refused || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %v and %v: %v, want %q", tt.to, tt.allow, tt.deny, err, tt.want)
		}
		s.agent.Close()
	}
}

func TestAProxyOfThisMachineMakesNoTestOfACarrier(t *testing.T) {
	for _, tt := range []struct {
		trunk sip.Trunk
		want  bool
	}{
		{sip.Trunk{Addr: "127.0.0.1:5060"}, true},
		{sip.Trunk{Addr: "127.0.0.1:5060", Proxy: "localhost:5070"}, true},
		{sip.Trunk{Addr: "carrier.example", Proxy: "127.0.0.1:5060"}, false},
		{sip.Trunk{Addr: "127.0.0.1:5060", Proxy: "192.0.2.1:5060"}, false},
	} {
		if got := tt.trunk.Loopback(); got != tt.want {
			t.Errorf("%s by %s: %v", tt.trunk.Addr, tt.trunk.Proxy, got)
		}
	}
}

func TestACallerIDMustBeTheTrunksOwn(t *testing.T) {
	s := newStage(t)
	s.trunk.CallerIDs = []string{"+862150001234"}
	c := s.dial() // 02150001234 is the same number
	s.request("INVITE")
	c.Hangup("")
	_, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "1", From: "02150009999", SDP: []byte(offer)})
	if err == nil || !strings.Contains(err.Error(), "not one the trunk owns") {
		t.Errorf("got %v", err)
	}
}

func TestPacketsGoToTheOutboundProxyAndTheRequestURIStays(t *testing.T) { // RFC 3261 8.1.2
	s := newStage(t)
	s.trunk.Proxy, s.trunk.Addr = s.peer.Addr(), "sip.carrier.example"
	c := s.dial()
	invite := s.request("INVITE")
	if invite.URI() != "sip:13800138000@sip.carrier.example" || invite.Get("Route") != "<sip:"+s.peer.Addr()+";lr>" {
		t.Errorf("INVITE:\n%s", invite.Bytes())
	}
	c.Hangup("")
}

func TestAnExternalAddressIsShownToTheTrunk(t *testing.T) {
	s := newStage(t)
	s.trunk.External = "203.0.113.9:5080"
	c := s.dial()
	invite := s.request("INVITE")
	if !strings.Contains(invite.Get("Contact"), "@203.0.113.9:5080") || !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/UDP 203.0.113.9:5080;") || !strings.Contains(invite.Get("Via"), ";rport") {
		t.Errorf("INVITE:\n%s", invite.Bytes())
	}
	c.Hangup("")
}

func TestALargeINVITEGoesByTCPOnlyWhereTheTrunkAllowsIt(t *testing.T) { // RFC 3261 18.1.1
	large := []byte(offer + strings.Repeat("a=x:0123456789012345678901234567890123456789\r\n", 25))
	for _, allowed := range []bool{false, true} {
		s := newStageOf(t)
		tcp, err := siptest.ListenTCP(s.peer.Addr()) // the same port by TCP
		for range 20 {
			if err == nil {
				break
			}
			s.peer = s.newPeer("127.0.0.1:0")
			tcp, err = siptest.ListenTCP(s.peer.Addr())
		}
		if err != nil {
			t.Fatal(err)
		}
		s.trunk.Addr = s.peer.Addr()
		t.Cleanup(func() { tcp.Close() })
		s.trunk.BigToTCP = allowed
		c := s.dial(func(i *sip.Invite) { i.SDP = large })
		by, want := s.peer, "UDP"
		if allowed {
			by, want = tcp, "TCP"
		}
		if via := s.invited(by).Get("Via"); !strings.HasPrefix(via, "SIP/2.0/"+want+" ") {
			t.Errorf("allowed %v: Via %q", allowed, via)
		}
		c.Hangup("")
		if allowed { // TCP refused: then UDP all the same
			tcp.Close()
			waitFor(s, func() bool { return s.agent.Stats().Streams == 0 })
			c = s.dial(func(i *sip.Invite) { i.SDP = large })
			s.invited(s.peer)
			c.Hangup("")
		}
	}
}

func TestTheAddressForSDPIsTheOneTheTrunkSees(t *testing.T) {
	s := newStage(t)
	for _, tt := range []struct{ external, want string }{
		{"", "invalid IP"}, {"203.0.113.9:5080", "203.0.113.9"}, {"203.0.113.9", "203.0.113.9"}, {"localhost", "127.0.0.1"},
		{"auto", "invalid IP"}, // nothing has been learned
		{"nobody.invalid", "invalid IP"},
	} {
		s.trunk.External = tt.external
		ctx, stop := context.WithTimeout(s.ctx, time.Second)
		if got := s.agent.Outward(ctx, s.trunk); got.String() != tt.want {
			t.Errorf("external %q: %s, want %s", tt.external, got, tt.want)
		}
		stop()
	}
}
