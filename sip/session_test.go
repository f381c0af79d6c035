package sip_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

// virtual runs a test on a wire, in virtual time.
func virtual(t *testing.T, play func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(context.Background(), 24*time.Hour)
		defer stop()
		near, far := siptest.Wire("127.0.0.1:5060", "127.0.0.1:5080")
		a, err := sip.ListenOn(ctx, near, sip.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p := siptest.On(far)
		play(&stage{T: t, ctx: ctx, peer: p, agent: a, trunk: sip.Trunk{Name: "test", Addr: p.Addr(), From: "02150001234"}})
		a.Close()
		p.Close()
	})
}

// talking answers with these headers.
func (s *stage) talking(c *sip.Call, parts ...siptest.Part) *siptest.Dialog {
	s.Helper()
	invite := s.request("INVITE")
	s.reply(invite, 200, "OK", "a", append(parts, sdp(30000))...)
	s.requestTo("ACK", "a")
	s.event(c, sip.Answered)
	return s.peer.Dialog(invite, "a")
}

func field(name, value string) siptest.Field { return siptest.Field{Name: name, Value: value} }

// after checks how long something took in virtual time, to the second.
func (s *stage) after(began time.Time, want time.Duration, what string) {
	s.Helper()
	if got := time.Since(began).Round(time.Second); got != want {
		s.Errorf("%s after %v, want %v", what, got, want)
	}
}

func TestWeRefreshTheSessionByUpdateAtHalfItsTime(t *testing.T) { // RFC 4028 7.4
	virtual(t, func(s *stage) {
		c := s.dial()
		s.talking(c, field("Session-Expires", "1800;refresher=uac"), field("Require", "timer"), field("Allow", "INVITE, UPDATE"))
		for range 3 {
			began := time.Now()
			update := s.request("UPDATE")
			s.after(began, 900*time.Second, "refreshed")
			if len(update.Body) != 0 || update.Get("Session-Expires") != "1800;refresher=uac" || update.Get("Supported") != "timer" {
				t.Errorf("refresh:\n%s", update.Bytes())
			}
			s.reply(update, 200, "OK", "", field("Session-Expires", "1800;refresher=uac"))
		}
		c.Hangup("")
		s.reply(s.request("BYE"), 200, "OK", "")
		s.ended(c)
	})
}

func TestTheInviteAsksForATimer(t *testing.T) { // RFC 4028 7.1
	virtual(t, func(s *stage) {
		s.trunk.SessionExpires = 10 * time.Minute
		s.dial()
		invite := s.request("INVITE")
		if invite.Get("Session-Expires") != "600;refresher=uac" || invite.Get("Min-SE") != "90" || !strings.Contains(invite.Get("Supported"), "timer") {
			t.Errorf("INVITE:\n%s", invite.Bytes())
		}
		s.reply(invite, 486, "Busy Here", "a")
		s.request("ACK")
	})
}

func TestWithoutUpdateWeRefreshByTheSameOffer(t *testing.T) {
	virtual(t, func(s *stage) {
		c := s.dial()
		s.talking(c, field("x", "600;refresher=uac"), field("Allow", "INVITE")) // compact (RFC 4028 4)
		began := time.Now()
		again := s.reinviteOf(offer) // byte for byte: o= as it was
		s.after(began, 300*time.Second, "refreshed")
		s.reply(again, 200, "OK", "", sdp(30000), field("Session-Expires", "600;refresher=uac"))
		s.request("ACK")
		began = time.Now()
		s.reply(s.reinviteOf(offer), 200, "OK", "", sdp(30000)) // and no timer from now on
		s.after(began, 300*time.Second, "refreshed")
		s.request("ACK")
		time.Sleep(3 * time.Hour)
		if n := s.peer.Count("INVITE") + s.peer.Count("UPDATE"); n != 3 || s.agent.Stats().Live != 1 {
			t.Errorf("%d INVITEs and UPDATEs and %d live calls, want 3 and 1", n, s.agent.Stats().Live)
		}
	})
}

func TestASessionNobodyRefreshesIsHungUp(t *testing.T) { // RFC 4028 10
	tests := []struct {
		name    string
		expires string
		want    time.Duration
	}{
		{"32 s before its end", "1800;refresher=uas", 1768 * time.Second},
		{"a third before its end when it is short", "90;refresher=uas", 60 * time.Second},
		{"an interval below the least counts as the least", "1;refresher=uas", 60 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			virtual(t, func(s *stage) {
				c := s.dial()
				s.talking(c, field("Session-Expires", tt.expires))
				began := time.Now()
				bye := s.request("BYE")
				s.after(began, tt.want, "BYE")
				s.reply(bye, 200, "OK", "")
				if why := s.ended(c); why.By != sip.ByTimeout || why.Status != 408 {
					t.Errorf("cause %+v", why)
				}
			})
		})
	}
}

func TestTheirRefreshKeepsTheSession(t *testing.T) { // RFC 4028 9
	for _, method := range []string{"UPDATE", "INVITE"} {
		t.Run("by "+method, func(t *testing.T) {
			virtual(t, func(s *stage) {
				c := s.dial(func(i *sip.Invite) { i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil } })
				d := s.talking(c, field("Session-Expires", "1800;refresher=uas"))
				for range 3 {
					time.Sleep(900 * time.Second)
					parts := []siptest.Part{s.peer.Contact(), field("Supported", "timer"), field("Session-Expires", "1800;refresher=uac")}
					if method == "INVITE" {
						parts = append(parts, sdp(30000))
					}
					res := s.inDialog(d, method, parts...)
					if res.Status() != 200 || res.Get("Session-Expires") != "1800;refresher=uac" || res.Get("Require") != "timer" {
						t.Errorf("refresh answered:\n%s", res.Bytes())
					}
					if method == "INVITE" {
						d.Send("ACK")
					}
				}
				began := time.Now()
				s.reply(s.request("BYE"), 200, "OK", "")
				s.after(began, 1768*time.Second, "BYE")
				s.ended(c)
			})
		})
	}
}

func TestAnUpdateWithoutATimerGoesOnWithTheOneAgreed(t *testing.T) {
	virtual(t, func(s *stage) {
		c := s.dial()
		d := s.talking(c, field("Session-Expires", "1800;refresher=uas"))
		time.Sleep(1000 * time.Second)
		if res := s.inDialog(d, "UPDATE", s.peer.Contact(), field("k", "timer")); res.Get("Session-Expires") != "1800;refresher=uac" {
			t.Errorf("refresh answered:\n%s", res.Bytes())
		}
		// who does not know timers leaves the refreshing to us (RFC 4028 9, table 2)
		if res := s.inDialog(d, "UPDATE", s.peer.Contact(), field("Allow", "UPDATE")); res.Get("Session-Expires") != "1800;refresher=uas" || res.Get("Require") != "" {
			t.Errorf("refresh answered:\n%s", res.Bytes())
		}
		began := time.Now()
		s.reply(s.request("UPDATE"), 200, "OK", "")
		s.after(began, 900*time.Second, "our refresh")
		c.Hangup("")
		s.reply(s.request("BYE"), 200, "OK", "")
		s.ended(c)
	})
}

func TestAnIntervalBelowNinetySecondsIsRefused(t *testing.T) { // RFC 4028 5, 9
	virtual(t, func(s *stage) {
		c := s.dial()
		d := s.talking(c)
		for _, method := range []string{"UPDATE", "INVITE"} {
			res := s.inDialog(d, method, s.peer.Contact(), field("Supported", "timer"), field("Session-Expires", "30"))
			if res.Status() != 422 || res.Get("Min-SE") != "90" {
				t.Errorf("%s answered:\n%s", method, res.Bytes())
			}
		}
		c.Hangup("")
		s.reply(s.request("BYE"), 200, "OK", "")
		s.ended(c)
	})
}

func TestATooShortSessionIsAskedForAgainWithTheirLeast(t *testing.T) { // RFC 4028 7.3
	virtual(t, func(s *stage) {
		s.trunk.SessionExpires = 90 * time.Second
		c := s.dial()
		first := s.request("INVITE")
		s.reply(first, 422, "Session Interval Too Small", "x", field("Min-SE", "3600"))
		s.request("ACK")
		again := s.request("INVITE")
		n, _ := again.CSeq()
		if again.Get("Session-Expires") != "3600;refresher=uac" || again.Get("Min-SE") != "3600" || n != 2 || again.Get("Call-ID") != first.Get("Call-ID") {
			t.Errorf("second INVITE:\n%s", again.Bytes())
		}
		s.reply(again, 422, "Session Interval Too Small", "x", field("Min-SE", "3600")) // no more than that
		if why := s.ended(c); why.Status != 422 {
			t.Errorf("cause %+v", why)
		}
	})
}

func TestARefreshRefusedAsTooShortIsRepeated(t *testing.T) {
	virtual(t, func(s *stage) {
		c := s.dial()
		s.talking(c, field("Session-Expires", "600;refresher=uac"), field("Allow", "UPDATE"))
		s.reply(s.request("UPDATE"), 422, "Session Interval Too Small", "", field("Min-SE", "1200"))
		again := s.request("UPDATE")
		if again.Get("Session-Expires") != "1200;refresher=uac" {
			t.Errorf("refresh:\n%s", again.Bytes())
		}
		s.reply(again, 200, "OK", "", field("Session-Expires", "1200;refresher=uac"))
		began := time.Now()
		s.reply(s.request("UPDATE"), 200, "OK", "")
		s.after(began, 600*time.Second, "next refresh")
		c.Hangup("")
		s.reply(s.request("BYE"), 200, "OK", "")
		s.ended(c)
	})
}

func TestARefreshThatFindsNobodyEndsTheCall(t *testing.T) { // RFC 4028 10, RFC 3261 12.2.1.2
	tests := []struct {
		name   string
		status int
		by     string
		bye    bool
	}{
		{"481", 481, sip.ByCarrier, false},
		{"408", 408, sip.ByCarrier, true},
		{"silence", 0, sip.ByTimeout, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			virtual(t, func(s *stage) {
				c := s.dial()
				s.talking(c, field("Session-Expires", "600;refresher=uac"), field("Allow", "UPDATE"))
				update := s.request("UPDATE")
				if tt.status > 0 {
					s.reply(update, tt.status, "Gone", "")
				}
				if why := s.ended(c); why.By != tt.by {
					t.Errorf("cause %+v", why)
				}
				time.Sleep(time.Minute)
				if got := s.peer.Count("BYE") > 0; got != tt.bye {
					t.Errorf("BYE sent: %v, want %v", got, tt.bye)
				}
			})
		})
	}
}

func TestARefusedRefreshLetsTheSessionRunOut(t *testing.T) {
	virtual(t, func(s *stage) {
		c := s.dial()
		s.talking(c, field("Session-Expires", "600;refresher=uac"), field("Allow", "UPDATE"))
		began := time.Now()
		s.reply(s.request("UPDATE"), 403, "Forbidden", "")
		s.reply(s.request("BYE"), 200, "OK", "")
		s.after(began, 568*time.Second, "BYE")
		s.ended(c)
	})
}

func TestACallThatCameInAgreesOnATimer(t *testing.T) { // RFC 4028 9
	tests := []struct {
		name    string
		parts   []siptest.Part
		expires string
		require string
		ours    bool
	}{
		{"they refresh", []siptest.Part{field("Supported", "timer"), field("Session-Expires", "1200;refresher=uac")}, "1200;refresher=uac", "timer", false},
		{"we are asked to", []siptest.Part{field("Supported", "timer"), field("Session-Expires", "1200;refresher=uas")}, "1200;refresher=uas", "", true},
		{"a proxy asks for one who cannot", []siptest.Part{field("Session-Expires", "1200")}, "1200;refresher=uas", "", true},
		{"nobody asks", nil, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := siptest.Wire("127.0.0.1:5060", "127.0.0.1:5080")
				calls := make(chan *sip.Incoming, 1)
				a, err := sip.ListenOn(t.Context(), near, sip.Config{OnCall: func(i *sip.Incoming) { calls <- i }})
				if err != nil {
					t.Fatal(err)
				}
				p := siptest.On(far)
				s := &stage{T: t, ctx: t.Context(), peer: p, agent: a, trunk: sip.Trunk{Name: "test", Addr: p.Addr()}}
				if err := a.Serve(s.ctx, s.trunk); err != nil {
					t.Fatal(err)
				}
				in := &inbound{stage: s, calls: calls}
				invite, i := in.call(append(tt.parts, field("Allow", "UPDATE"), sdp(30000))...)
				c, err := i.Answer([]byte(offer))
				if err != nil {
					t.Fatal(err)
				}
				ok := in.status("INVITE", 200)
				if ok.Get("Session-Expires") != tt.expires || ok.Get("Require") != tt.require {
					t.Errorf("answer:\n%s", ok.Bytes())
				}
				p.Calling(invite, ok).Send("ACK")
				s.event(c, sip.Answered)
				if tt.ours {
					began := time.Now()
					s.reply(s.request("UPDATE"), 200, "OK", "")
					s.after(began, 600*time.Second, "refresh")
				}
				a.Close()
				p.Close()
			})
		})
	}
}
