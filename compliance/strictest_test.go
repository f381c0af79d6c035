package compliance

import (
	"math/rand/v2"
	"testing"
	"time"

	"warmline/contacts"
)

// chance throws policies and subjects near the edges, so that about half of the
// verdicts say yes.
type chance struct{ *rand.Rand }

func (c chance) of(percent int) bool { return c.IntN(100) < percent }

func (c chance) policy() Policy {
	p := []Policy{CNMarketing(), CNService(), CNCare()}[c.IntN(3)]
	if c.of(20) {
		p.Consent.Required = false
	}
	if c.of(30) {
		p.Consent.MaxAge = time.Duration(c.IntN(400)) * day
	}
	p.Consent.Proof = c.of(50)
	p.BuyerOnly = c.of(50)
	if c.of(30) {
		p.Channels = []Channel{Voice}
	}
	if c.of(30) {
		p.Classes = []contacts.Class{contacts.ClassMobile, contacts.ClassFixed}
	}
	if c.of(20) {
		p.DenyPrefixes = []string{"+86139"}
	}
	if c.of(40) {
		from := Clock(c.IntN(24 * 60))
		p.Hours = []Hours{{Open: map[DayKind][]Span{Workday: {{from, from + Clock(c.IntN(600))}}, Weekend: {{0, At(24, 0)}}}}}
		if c.of(50) {
			p.Hours[0].Calendar = CalendarCN()
		}
	}
	if c.of(5) {
		p.Hours = nil
	}
	p.Frequency = Frequency{c.IntN(3), c.IntN(4), c.IntN(5), time.Duration(c.IntN(40)) * time.Hour}
	p.Rest = Rest{time.Duration(c.IntN(80)) * time.Hour, time.Duration(c.IntN(30)) * time.Hour}
	p.RegisterMaxAge = time.Duration(c.IntN(3)) * 20 * day
	p.Abandonment = float64(c.IntN(4)) / 100
	p.RegisteredCallerID, p.LoopbackOnly = c.of(50), c.of(15)
	return p
}

func (c chance) subject(now time.Time) Subject {
	s := willing()
	s.Channel = []Channel{Voice, Voice, Voice, SMS}[c.IntN(4)]
	s.Consents = nil
	for _, purpose := range []string{"marketing", "service"} {
		if c.of(85) {
			k := willing().Consents[0]
			k.Purpose, k.At = purpose, now.Add(-time.Duration(c.IntN(300))*day)
			if c.of(20) {
				k.Proof = ""
			}
			s.Consents = append(s.Consents, k)
		}
	}
	if c.of(15) {
		s.Role = contacts.RoleConsignee
	}
	if c.of(15) {
		s.Class = contacts.ClassFixed
	}
	if c.of(15) {
		s.Phone = "+8613900139000"
	}
	for range c.IntN(3) {
		h := Contact{At: now.Add(-time.Duration(c.IntN(300)) * time.Hour), Campaign: []string{"winter", "other"}[c.IntN(2)]}
		h.Ended = []string{"", "abandoned", "voicemail"}[c.IntN(3)]
		h.InFlight = c.of(5)
		s.History = append(s.History, h)
	}
	s.RegisterAt = now.Add(-time.Duration(c.IntN(50)) * day)
	s.Abandonment = float64(c.IntN(30)) / 1000
	s.CallerIDRegistered, s.Loopback = c.of(80), c.of(50)
	return s
}

func TestWhatTheMergedPolicyPermitsEachPermits(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(1, 2))}
	permitted := 0
	for i := range 60000 {
		a, b := c.policy(), c.policy()
		merged := Strictest(a, b)
		if c.of(20) {
			merged = Strictest(merged, a)
		}
		now := at("2026-06-01 10:00").Add(time.Duration(c.IntN(180*24*60)) * time.Minute)
		s := c.subject(now)
		if !Decide(now, merged, s).Allowed {
			continue
		}
		permitted++
		for _, p := range []Policy{a, b} {
			if v := Decide(now, p, s); !v.Allowed {
				t.Fatalf("throw %d, %v: the merged policy permits, %s denies with %s\n%+v\n%+v", i, now, p.Name, v.Reason, p, s)
			}
		}
	}
	if permitted < 300 {
		t.Errorf("only %d of the throws were permitted: the test sees too little", permitted)
	}
}

func TestAMergedPolicyWithItselfIsAsStrict(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(3, 4))}
	for range 5000 {
		p := c.policy()
		now := at("2026-06-01 10:00").Add(time.Duration(c.IntN(180*24*60)) * time.Minute)
		s := c.subject(now)
		if a, b := Decide(now, p, s), Decide(now, Strictest(p, p), s); a.Allowed != b.Allowed || a.Reason != b.Reason {
			t.Fatalf("%s and, merged with itself, %s", a.Reason, b.Reason)
		}
	}
}

func TestWhoeverIsHeldUntilMayBeHeldAgainButNeverEarlier(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(5, 6))}
	for range 20000 {
		p := c.policy()
		now := at("2026-06-01 10:00").Add(time.Duration(c.IntN(120*24*60)) * time.Minute)
		s := c.subject(now)
		for i := range s.History {
			s.History[i].InFlight = false // a call under way ends some time, which moves its own until
		}
		v := Decide(now, p, s)
		if v.Allowed || v.Terminal || v.Until.IsZero() {
			continue
		}
		if !v.Until.After(now) {
			t.Fatalf("at %v: %s until %v", now, v.Reason, v.Until)
		}
		between := now.Add(time.Duration(c.Int64N(int64(v.Until.Sub(now)))))
		if again := Decide(between, p, s); again.Allowed {
			t.Fatalf("held at %v for %s until %v, but allowed at %v", now, v.Reason, v.Until, between)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p, s := CNMarketing(), willing()
	b.ReportAllocs()
	for b.Loop() {
		Decide(noon, p, s)
	}
}
