package interop

import (
	"strings"
	"testing"

	"warmline/media"
	"warmline/sip"
)

// A proxy is a kamailio in front of somebody, by testdata/kamailio/proxy.cfg.
// What it sees of a call it writes into its log.
type proxy struct {
	*process
	trunk sip.Trunk
}

// kamailio starts a proxy that passes proven calls on to target. defines are
// more of the config's NAME=value.
func kamailio(l *line, target string, defines ...string) *proxy {
	l.Helper()
	dir, addr := l.TempDir(), address(ports(l.T))
	args := []string{"-f", testdata(l.T, "kamailio", "proxy.cfg"), "-DD", "-E", "-Y", dir, "-w", dir, "-m", "32", "-M", "8",
		"-l", "udp:" + addr, "-A", "TARGET=sip:" + target}
	for _, d := range defines {
		args = append(args, "-A", d)
	}
	p := &proxy{process: start(l, "kamailio", dir, "kamailio", args...)}
	p.answers(addr)
	p.trunk = sip.Trunk{Name: "kamailio", Addr: addr, From: "02150001234", User: "shop", Password: "wind and rain", Realm: "warmline.test"}
	return p
}

// saw counts what the proxy has seen.
func (p *proxy) saw(what string) int {
	return strings.Count(p.process.log("kamailio.log"), "SEEN "+what)
}

// must fails unless the proxy saw something a number of times.
func (p *proxy) must(times int, what string) {
	p.Helper()
	if got := p.saw(what); got != times {
		p.Errorf("kamailio saw %q %d times, want %d", what, got, times)
	}
}

// RFC 3261 22.3, 12.2.1.1, 16.12: a proxy asks for the password, computes the
// digest by itself, and stays on the way of ACK and BYE, whoever hangs up.
func TestKamailioAsksAndStaysOnTheWay(t *testing.T) {
	for _, tt := range []struct{ scenario, by string }{
		{"we-hang-up", sip.ByUs}, {"callee-hangs-up", sip.ByCallee},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			l := newLine(t)
			callee, behind := sipp(l, tt.scenario)
			p := kamailio(l, behind.Addr)
			c := l.dial(p.trunk, media.LegConfig{})
			c.event(sip.Ringing)
			c.event(sip.Answered)
			c.echoes()
			if tt.by == sip.ByUs {
				c.call.Hangup("thank you")
			}
			c.ended(tt.by)
			c.clean(c.close())
			callee.content()
			p.must(1, "unproven INVITE")
			p.must(1, "proven INVITE nc=00000001")
			p.must(1, "in-dialog ACK")
			p.must(1, "in-dialog BYE")
			p.must(0, "ACK without our Record-Route")
			p.must(0, "BYE without our Record-Route")
		})
	}
}

// RFC 7616 3.3: the second call proves itself with the first one's nonce and the
// next count, which Kamailio checks; it is not asked again.
func TestKamailioKnowsTheNonceAgain(t *testing.T) {
	l := newLine(t)
	callee, behind := sipp(l, "we-hang-up", "-m", "2")
	p := kamailio(l, behind.Addr)
	for range 2 {
		c := l.dial(p.trunk, media.LegConfig{})
		c.event(sip.Answered)
		c.call.Hangup("thank you")
		c.ended(sip.ByUs)
	}
	callee.content()
	p.must(1, "unproven INVITE")
	p.must(1, "proven INVITE nc=00000001")
	p.must(1, "proven INVITE nc=00000002")
}

// RFC 3261 12.2.1.1, 14: our re-INVITE takes the proxy's way too, and sound
// follows the address of its answer.
func TestKamailioPassesOurReinvite(t *testing.T) {
	l := newLine(t)
	callee, behind := sipp(l, "we-re-invite")
	p := kamailio(l, behind.Addr)
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	c.reinvite()
	c.echoes()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	callee.content()
	p.must(1, "in-dialog INVITE")
	p.must(2, "in-dialog ACK")
	p.must(1, "in-dialog BYE")
	p.must(0, "INVITE without our Record-Route")
}

// A wrong password is given once; a person is not called.
func TestKamailioRefusesAWrongPassword(t *testing.T) {
	l := newLine(t)
	p := kamailio(l, address(ports(t)))
	p.trunk.Password = "sun and moon"
	c := l.dial(p.trunk, media.LegConfig{})
	if why := c.ended(sip.ByCarrier); why.Status != 407 {
		t.Errorf("ended with %+v", why)
	}
	p.must(1, "unproven INVITE")
	p.must(0, "proven INVITE")
}
