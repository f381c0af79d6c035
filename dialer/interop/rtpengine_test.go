package interop

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"warmline/media"
	"warmline/sip"
)

// A relay is an rtpengine without its kernel module: what an SBC puts between
// two networks. Kamailio works it; the tests ask it what it has carried.
type relay struct {
	*process
	control  string // its NG port
	low, top int    // its RTP ports
}

func rtpengine(l *line) *relay {
	l.Helper()
	dir, first := l.TempDir(), ports(l.T)
	p := &relay{control: address(first), low: first + 2, top: first + portsGiven - 1}
	p.process = start(l, "rtpengine-daemon", dir, "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=6",
		"--table=-1", "--interface=127.0.0.1", "--listen-ng="+p.control, "--num-threads=2", "--delete-delay=0",
		"--port-min="+strconv.Itoa(p.low), "--port-max="+strconv.Itoa(p.top), "--pidfile="+dir+"/pid")
	p.until("answered ping", func() bool {
		answer, err := p.ask("d7:command4:pinge")
		return err == nil && bytes.Contains(answer, []byte("4:pong"))
	})
	return p
}

// define is what tells Kamailio to put the relay on the way.
func (p *relay) define() string { return `RTPENGINE="udp:` + p.control + `"` }

// ask sends one request of the NG protocol: a cookie and a bencoded dictionary.
func (p *relay) ask(request string) ([]byte, error) {
	conn, err := net.Dial("udp", p.control)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%d %s", time.Now().UnixNano(), request)
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 65536)
	n, err := conn.Read(b)
	return b[:n], err
}

// carried is how many RTP packets of a call the relay has passed on, and
// whether it knows the call.
func (p *relay) carried(call string) (packets int, known bool) {
	p.Helper()
	answer, err := p.ask(fmt.Sprintf("d7:command5:query7:call-id%d:%se", len(call), call))
	if err != nil {
		p.Fatalf("asking rtpengine: %v", err)
	}
	if m := totals.FindSubmatch(answer); m != nil {
		packets, err = strconv.Atoi(string(m[1]))
		if err != nil {
			p.Fatal(err)
		}
		return packets, true
	}
	return 0, false
}

// totals finds the packets in the sums of a query's answer, a bencoded
// dictionary in the order of rtpengine 10.
var totals = regexp.MustCompile(`6:totalsd3:RTPd.*?7:packetsi([0-9]+)e`)

// holds tells whether a description's sound goes to one of the relay's ports.
func (p *relay) holds(sdp []byte) bool {
	m := mediaPort.FindSubmatch(sdp)
	if m == nil {
		return false
	}
	port, err := strconv.Atoi(string(m[1]))
	return err == nil && port >= p.low && port <= p.top && bytes.Contains(sdp, []byte("c=IN IP4 127.0.0.1"))
}

var mediaPort = regexp.MustCompile(`(?m)^m=audio ([0-9]+) `)

// An SBC in between: its rewritten SDP is taken, sound goes through it both
// ways, and it forgets the call with our BYE.
func TestRTPEngineCarriesTheSound(t *testing.T) {
	l := newLine(t)
	callee, behind := sipp(l, "we-hang-up")
	between := rtpengine(l)
	p := kamailio(l, behind.Addr, between.define())
	c := l.dial(p.trunk, media.LegConfig{})
	if e := c.event(sip.Answered); !between.holds(e.SDP) {
		t.Errorf("the answer does not name the relay:\n%s", e.SDP)
	}
	c.echoes()
	if n, known := between.carried(c.call.ID()); !known || n < 150 {
		t.Errorf("rtpengine carried %d packets", n)
	}
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	c.clean(c.close())
	callee.content()
	between.until("forgotten the call", func() bool {
		_, known := between.carried(c.call.ID())
		return !known
	})
}

// Keys and a softphone's sound through an SBC.
func TestRTPEnginePassesKeys(t *testing.T) {
	l := newLine(t)
	phone := baresip(l, "g711", "")
	between := rtpengine(l)
	p := kamailio(l, phone.trunk.Addr, between.define())
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	phone.tells("CALL_ESTABLISHED")
	c.talks()
	for _, key := range []string{"1", "0"} {
		phone.do("sndcode", key)
		if got := c.keys(1); got != key {
			t.Errorf("key %s came as %s", key, got)
		}
	}
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	c.clean(c.close())
	if got := likeness(melody(), phone.recorded()); got < carries {
		t.Errorf("baresip's recording has likeness %.3f", got)
	}
}

// SRTP on one side of the relay, plain RTP on the other, either way round. GCM
// is left out towards baresip, which cannot read rtpengine's.
func TestRTPEngineBridgesSRTP(t *testing.T) {
	const keep = "replace-origin replace-session-connection "
	t.Run("ours", func(t *testing.T) {
		l := newLine(t)
		callee, behind := sipp(l, "we-hang-up")
		p := kamailio(l, behind.Addr, rtpengine(l).define(), `THERE="`+keep+`RTP/AVP"`, `BACK="`+keep+`RTP/SAVP"`)
		c := l.dial(p.trunk, media.LegConfig{Security: media.SecurityRequired})
		c.event(sip.Answered)
		c.echoes()
		c.call.Hangup("thank you")
		c.ended(sip.ByUs)
		st := c.close()
		c.clean(st)
		if st.Security == "" {
			t.Error("our side was not encrypted")
		}
		callee.content()
	})
	t.Run("theirs", func(t *testing.T) {
		l := newLine(t)
		phone := baresip(l, "g711", ";mediaenc=srtp-mand", "srtp")
		p := kamailio(l, phone.trunk.Addr, rtpengine(l).define(), `THERE="`+keep+`RTP/SAVP DTLS=off SDES-no-AEAD_AES_256_GCM SDES-no-AEAD_AES_128_GCM"`, `BACK="`+keep+`RTP/AVP"`)
		c := l.dial(p.trunk, media.LegConfig{})
		phone.exchange(c, func(st media.Stats) {
			if st.Security != "" {
				t.Errorf("our side was encrypted by %s", st.Security)
			}
		})
	})
}
