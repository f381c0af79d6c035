package interop

import (
	"strings"
	"testing"

	"warmline/media"
	"warmline/sip"
)

// RFC 3262: reliable provisionals, each acknowledged in order before the answer.
func TestSIPpWantsPRACK(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "prack")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Early)
	c.event(sip.Ringing)
	c.event(sip.Answered)
	c.echoes()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	p.content()
}

// RFC 4028: 422 raises our interval; a callee that refreshes gets its answers.
func TestSIPpKeepsTheSessionAlive(t *testing.T) {
	for _, scenario := range []string{"timer-422", "timer-callee"} {
		t.Run(scenario, func(t *testing.T) {
			l := newLine(t)
			p, trunk := sipp(l, scenario)
			c := l.dial(trunk, media.LegConfig{})
			c.event(sip.Answered)
			if scenario == "timer-callee" {
				p.until("asked too much", func() bool { return strings.Contains(p.log("messages.log"), "SIP/2.0 422") })
			}
			c.echoes()
			c.call.Hangup("thank you")
			c.ended(sip.ByUs)
			p.content()
		})
	}
}
