package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"warmline/media"
	"warmline/sip"
)

// linphone starts a linphonec without a sound card: it answers by itself, says
// the melody from a file and records what it hears into heard.wav.
func linphone(l *line) (*process, sip.Trunk) {
	l.Helper()
	dir, first := l.TempDir(), ports(l.T)
	write(l.T, dir, "said.wav", string(wav(slices.Repeat(slices.Concat(make([]int16, rate/2), melody()), 12), rate)))
	rc := write(l.T, dir, "linphonerc", fmt.Sprintf(`[sip]
sip_port=%d
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
bind_address=127.0.0.1
guess_hostname=0
contact="callee" <sip:callee@127.0.0.1>
[rtp]
audio_rtp_port=%d-%d
[sound]
echocancellation=0
[video]
enabled=0
`, first, first+2, first+portsGiven-1))
	// Without its database linphonec comes up deaf.
	if err := os.MkdirAll(filepath.Join(dir, ".local", "share", "linphone"), 0o700); err != nil {
		l.Fatal(err)
	}
	p := start(l, "linphone-cli", dir, "linphonec", "-c", rc, "-a", "-d", "4", "-l", filepath.Join(dir, "trace.log"))
	fmt.Fprintf(p.in, "soundcard use files\nplay %s\nrecord %s\n", filepath.Join(dir, "said.wav"), filepath.Join(dir, "heard.wav"))
	p.answers(address(first))
	return p, sip.Trunk{Name: "linphone", Addr: address(first), From: "02150001234"}
}

// What linphonec has recorded of a call is what we said; what its file says is
// what we heard.
func TestLinphoneRecordsWhatWeSaid(t *testing.T) {
	l := newLine(t)
	p, trunk := linphone(l)
	c := l.dial(trunk, media.LegConfig{})
	c.event(sip.Ringing)
	c.event(sip.Answered)
	c.talks()
	c.call.Hangup("thank you")
	c.ended(sip.ByUs)
	st := c.close()
	// It asks by STUN (RFC 5389) on both ports how the world sees it; that is
	// dropped and counted.
	st.Drops.Malformed = 0
	c.clean(st)
	fmt.Fprintln(p.in, "quit")
	p.content()
	heard := readRecording(t, filepath.Join(p.dir, "heard.wav"))
	if got := likeness(melody(), heard); got < carries {
		t.Errorf("linphonec's recording of %d samples has likeness %.3f", len(heard), got)
	}
}
