package interop

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"warmline/media"
	"warmline/media/mediatest"
	"warmline/sip"
)

// sipp starts SIPp as the callee of one call by a scenario of ours. It ends by
// itself, and well only if every message came in the order of the scenario and
// passed its checks.
func sipp(l *line, scenario string, args ...string) (*process, sip.Trunk) {
	l.Helper()
	first := ports(l.T)
	dir := l.TempDir()
	tone := mediatest.Tone(440, 4*time.Second, rate, 0.3)
	early := make([]byte, len(tone))
	media.EncodeALaw(early, tone)
	write(l.T, dir, "early.alaw", string(early))
	addr := address(first)
	p := start(l, "sip-tester", dir, "sipp", append([]string{"-sf", testdata(l.T, "sipp", scenario+".xml"),
		"-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", fmt.Sprint(first), "-mp", fmt.Sprint(first + 2), "-rtp_echo",
		"-m", "1", "-nostdin", "-timeout", "28s", "-timeout_error", "-default_behaviors", "abortunexp",
		"-trace_msg", "-message_file", filepath.Join(dir, "messages.log"),
		"-trace_err", "-error_file", filepath.Join(dir, "errors.log")}, args...)...)
	p.listens(first)
	return p, sip.Trunk{Name: "sipp", Addr: addr, From: "02150001234"}
}

// RFC 3261: ring, answer, sound both ways, BYE by the callee with its cause
// (RFC 3326).
func TestSIPpEchoesAndHangsUp(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "callee-hangs-up")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Ringing)
	c.event(sip.Answered)
	c.echoes()
	if why := c.ended(sip.ByCallee); why.Q850 != 16 {
		t.Errorf("the cause of the BYE was lost: %+v", why)
	}
	c.clean(c.close())
	p.content()
}

// RFC 3261 22: an INVITE and a BYE are challenged. SIPp computes the digest of
// the 401 by itself.
func TestSIPpAsksForAPassword(t *testing.T) {
	for _, scenario := range []string{"auth-401", "auth-407"} {
		t.Run(scenario, func(t *testing.T) {
			l := newLine(t)
			p, trunk := sipp(l, scenario)
			trunk.User, trunk.Password, trunk.Realm = "shop", "wind and rain", "sipp"
			c := l.dial(trunk, media.LegConfig{})
			c.event(sip.Answered)
			c.call.Hangup("thank you")
			c.ended(sip.ByUs)
			p.content()
		})
	}
}

// A wrong password is tried once: the second challenge ends the call.
func TestSIPpRefusesAWrongPassword(t *testing.T) {
	l := newLine(t)
	_, trunk := sipp(l, "auth-401")
	trunk.User, trunk.Password, trunk.Realm = "shop", "sun and moon", "sipp"
	c := l.dial(trunk, media.LegConfig{})
	if why := c.ended(sip.ByCarrier); why.Status != 403 {
		t.Errorf("ended with %+v", why)
	}
}

// RFC 3960, RFC 6337 2: sound in a 183 before the answer, whose own SDP is
// missing.
func TestSIPpSendsEarlyMedia(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "early-media")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Early)
	c.hears("the tone before the answer", func(pcm []int16) bool { return has(pcm, 440) })
	c.event(sip.Ringing)
	if e := c.event(sip.Answered); !strings.Contains(string(e.SDP), "m=audio") {
		t.Errorf("the answer lost the SDP of the 183: %q", e.SDP)
	}
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	p.content()
}

// RFC 3261 9.1, 15: 200 crosses our CANCEL; the phone is put down again.
func TestSIPpAnswersWhileWeCancel(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "late-answer")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Ringing)
	c.call.Hangup("nobody there")
	c.ended(sip.ByUs)
	p.content()
}

// RFC 3264 8.4, RFC 6337 5.3: every form of hold gets its answer, nothing is
// sent meanwhile, and the call comes back; also when a proxy and a media relay
// are on the way, as at a carrier's edge.
func TestSIPpHoldsAndComesBack(t *testing.T) {
	for _, edge := range []bool{false, true} {
		t.Run(map[bool]string{false: "alone", true: "behind Kamailio and rtpengine"}[edge], func(t *testing.T) {
			l := newLine(t)
			p, trunk := sipp(l, "hold")
			if edge {
				trunk = kamailio(l, trunk.Addr, rtpengine(l).define()).trunk
			}
			c := l.dial(trunk, media.LegConfig{})
			c.event(sip.Answered)
			c.quiet(500 * time.Millisecond)
			p.until("brought the call back", func() bool { return strings.Count(p.log("messages.log"), "\nACK sip:0215") == 5 })
			c.echoes()
			c.call.Hangup("thank you")
			c.ended(sip.ByUs)
			p.content()
			if !edge {
				p.versions("messages.log", []int{0, 1, 2, 3, 4, 4})
			}
		})
	}
}

// RFC 3261 14.2: a re-INVITE without SDP gets our offer; the answer comes in
// the ACK.
func TestSIPpAsksForOurOffer(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "offerless")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Answered)
	p.until("answered our offer", func() bool { return strings.Contains(p.log("messages.log"), "\nACK sip:0215") })
	c.echoes()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	p.content()
}

// RFC 3261 13.2.2.4: a second phone's answer is put down, the first's call
// goes on.
func TestSIPpAnswersTwice(t *testing.T) {
	l := newLine(t)
	p, trunk := sipp(l, "forked-answers")
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Answered)
	c.echoes()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	p.content()
	if forks := l.agent.Stats().Forks; forks != 1 {
		t.Errorf("%d forks were put down, want 1", forks)
	}
}

// versions reads the o= lines of our descriptions in a log of SIPp's: the
// session stays, the version goes up by one whenever the rest changes, and only
// then (RFC 3264 8). want is by how much each has risen.
func (p *process) versions(log string, want []int) {
	p.Helper()
	var got []int
	var session string
	var first int
	for _, m := range ourOrigin.FindAllStringSubmatch(p.log(log), -1) {
		version, err := strconv.Atoi(m[2])
		if err != nil {
			p.Fatal(err)
		}
		if session == "" {
			session, first = m[1], version
		}
		if m[1] != session {
			p.Errorf("the session of o= changed from %s to %s", session, m[1])
		}
		got = append(got, version-first)
	}
	if !slices.Equal(got, want) {
		p.Errorf("o= versions rose by %v, want %v", got, want)
	}
}

var ourOrigin = regexp.MustCompile(`(?m)^o=- ([0-9]+) ([0-9]+) IN`)
