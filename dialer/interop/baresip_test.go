package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"warmline/media"
	"warmline/sip"
)

// A softphone is a baresip without a sound card: it answers by itself, says the
// melody again and again, records what it hears and is worked by its own
// control connection.
type softphone struct {
	*process
	trunk   sip.Trunk
	control net.Conn
	events  chan phoneEvent
}

// phoneEvent is what baresip's ctrl_tcp tells.
type phoneEvent struct {
	Event bool   `json:"event"`
	Type  string `json:"type"`
	Param string `json:"param"`
}

// baresip starts a softphone with one codec module and account parameters.
func baresip(l *line, codec, account string, modules ...string) *softphone {
	l.Helper()
	dir := l.TempDir()
	first := ports(l.T) // SIP, TLS, control, RTP
	hz := rate
	if codec == "g722" { // the rate it hears and speaks at
		hz = 2 * rate
	}
	said := slices.Repeat(slices.Concat(make([]int16, rate/2), melody()), 12)
	write(l.T, dir, "said.wav", string(wav(media.Resample(said, rate, hz), hz)))
	var b strings.Builder
	fmt.Fprintf(&b, `sip_listen 127.0.0.1:%d
ctrl_tcp_listen 127.0.0.1:%d
rtp_ports %d-%d
audio_source aufile,%s
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate %d
auplay_srate %[6]d
ausrc_channels 1
auplay_channels 1
snd_path %s
module_path %s
module %s.so
module aufile.so
module aubridge.so
module sndfile.so
`, first, first+2, first+4, first+portsGiven-1, filepath.Join(dir, "said.wav"), hz, dir, baresipModules(l.T), codec)
	for _, m := range modules {
		fmt.Fprintf(&b, "module %s.so\n", m)
	}
	b.WriteString("module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n")
	write(l.T, dir, "config", b.String())
	write(l.T, dir, "accounts", "<sip:callee@127.0.0.1>;regint=0;answermode=auto"+account+"\n")
	write(l.T, dir, "contacts", "")
	p := &softphone{events: make(chan phoneEvent, 256), trunk: sip.Trunk{Name: "baresip", Addr: address(first), From: "02150001234"}}
	p.process = start(l, "baresip-core", dir, "baresip", "-4", "-n", "127.0.0.1", "-f", dir)
	p.answers(address(first))
	var err error
	if p.control, err = net.Dial("tcp", address(first+2)); err != nil {
		l.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		p.attend()
	}()
	l.Cleanup(func() {
		p.control.Close()
		<-heard
	})
	return p
}

// baresipModules is where the Debian package puts them.
func baresipModules(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("the modules of baresip are not installed: deploy/setup-test.sh installs Debian's baresip-core")
	return ""
}

// attend reads netstrings of JSON until the control connection closes.
func (p *softphone) attend() {
	r := bufio.NewReader(p.control)
	for {
		size, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil || n > 1<<20 {
			return
		}
		text := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		var e phoneEvent
		if json.Unmarshal(text[:n], &e) == nil && e.Event {
			select {
			case p.events <- e:
			default:
			}
		}
	}
}

// do gives baresip a command, as typed after a slash on its console.
func (p *softphone) do(command, params string) {
	p.Helper()
	b, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		p.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.control, "%d:%s,", len(b), b); err != nil {
		p.Fatalf("telling baresip to %s: %v", command, err)
	}
}

// tells waits for an event and gives its parameter.
func (p *softphone) tells(kind string) string {
	p.Helper()
	end := time.After(readyIn)
	for {
		select {
		case e := <-p.events:
			if e.Type == kind {
				return e.Param
			}
		case <-end:
			p.Fatalf("baresip never told %s", kind)
		}
	}
}

// recorded ends baresip, so that its files are whole, and gives what it heard.
func (p *softphone) recorded() []int16 {
	p.Helper()
	p.tells("CALL_CLOSED")
	p.do("quit", "")
	p.content()
	found, err := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if err != nil || len(found) != 1 {
		p.Fatalf("recordings of baresip: %v, %v", found, err)
	}
	return readRecording(p.T, found[0])
}

// readRecording gives a recording as 8 kHz samples.
func readRecording(t *testing.T, path string) []int16 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcm, hz, err := media.ReadWAV(f)
	if err != nil {
		t.Fatal(err)
	}
	return media.Resample(pcm, hz, rate)
}

// Sound both ways in every codec: baresip's melody reaches us, ours its
// recording.
func TestBaresipAndWeHearEachOther(t *testing.T) {
	for _, tt := range []struct {
		codec  media.Codec
		module string
	}{{media.PCMA, "g711"}, {media.PCMU, "g711"}, {media.G722, "g722"}} {
		t.Run(tt.codec.String(), func(t *testing.T) {
			l := newLine(t)
			p := baresip(l, tt.module, "")
			c := l.dial(p.trunk, media.LegConfig{Codecs: []media.Codec{tt.codec}})
			p.exchange(c, func(st media.Stats) {
				if st.Codec != tt.codec || st.Security != "" {
					t.Errorf("spoke %s %s", st.Codec, st.Security)
				}
			})
		})
	}
}

// RFC 4568, RFC 8643: keys in the SDP. Each side's sound reaches the other, so
// both derive the same session keys.
func TestBaresipAndWeEncrypt(t *testing.T) {
	for _, tt := range []struct {
		name, account string
		policy        media.Security
		encrypted     bool
	}{
		{"both must", ";mediaenc=srtp-mand", media.SecurityRequired, true},
		{"both may", ";mediaenc=srtp", media.SecurityOptional, true},
		{"we may, it cannot", "", media.SecurityOptional, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLine(t)
			p := baresip(l, "g711", tt.account, "srtp")
			c := l.dial(p.trunk, media.LegConfig{Security: tt.policy})
			p.exchange(c, func(st media.Stats) {
				if (st.Security != "") != tt.encrypted {
					t.Errorf("encrypted by %q, want encrypted %t", st.Security, tt.encrypted)
				}
			})
		})
	}
}

// exchange is a call in which both sides say and hear the melody.
func (p *softphone) exchange(c *party, check func(media.Stats)) {
	p.Helper()
	c.event(sip.Answered)
	c.talks()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	st := c.close()
	c.clean(st)
	check(st)
	if got := likeness(melody(), p.recorded()); got < carries {
		p.Errorf("baresip's recording has likeness %.3f", got)
	}
}

// RFC 4733: keys pressed by us.
func TestBaresipHearsOurKeys(t *testing.T) {
	l := newLine(t)
	p := baresip(l, "g711", "")
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	p.tells("CALL_ESTABLISHED")
	const keys = "1590*#D"
	if err := c.leg.Press(keys); err != nil {
		t.Fatal(err)
	}
	var got string
	for range keys {
		got += p.tells("CALL_DTMF_START")
		p.tells("CALL_DTMF_END")
	}
	if got != keys {
		t.Errorf("baresip heard %q, want %q", got, keys)
	}
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
}

// RFC 3261 14: a re-INVITE of ours.
func TestBaresipTakesOurReinvite(t *testing.T) {
	l := newLine(t)
	p := baresip(l, "g711", "")
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	p.tells("CALL_ESTABLISHED")
	c.reinvite()
	c.talks()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	c.clean(c.close())
	if got := likeness(melody(), p.recorded()); got < carries {
		t.Errorf("baresip's recording has likeness %.3f", got)
	}
}

// RFC 3515, RFC 6665: a blind transfer. Baresip calls the target and tells how
// it goes.
func TestBaresipTransfersTheCall(t *testing.T) {
	l := newLine(t)
	p := baresip(l, "g711", "")
	staff, at := sipp(l, "we-hang-up")
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	p.tells("CALL_ESTABLISHED")
	if err := c.call.Refer(l.ctx, "sip:staff@"+at.Addr); err != nil {
		t.Fatal(err)
	}
	for c.event(sip.Referred).Status != 200 {
	}
	c.call.Hangup("handed over")
	c.ended(sip.ByUs)
	p.do("hangup", "")
	staff.content()
}

// RFC 4733: keys pressed on the softphone.
func TestBaresipPressesKeys(t *testing.T) {
	l := newLine(t)
	p := baresip(l, "g711", "")
	c := l.dial(p.trunk, media.LegConfig{})
	c.event(sip.Answered)
	p.tells("CALL_ESTABLISHED")
	for _, key := range []string{"1", "9", "*", "#"} {
		p.do("sndcode", key)
		if got := c.keys(1); got != key {
			t.Errorf("key %s came as %s", key, got)
		}
	}
	p.do("hangup", "")
	c.ended(sip.ByCallee)
	if st := c.close(); st.Digits != 4 {
		t.Errorf("%d keys counted, want 4", st.Digits)
	}
}
