package interop

import (
	"slices"
	"testing"

	"warmline/media"
	"warmline/sip"
)

// G.722 (RFC 3551 4.5.2) and SRTP with keys in the SDP (RFC 4568, RFC 8643), both
// ways with a peer nobody here wrote.
func TestBaresipSpeaksG722AndSRTP(t *testing.T) {
	for _, tt := range []struct {
		name    string
		codec   string
		account string
		modules []string
		config  media.LegConfig
		secure  bool
		carries float64 // when less than usual
	}{
		// Baresip makes 16 kHz of its file and 8 kHz of ours by a short filter: what it
		// records of itself before it encodes has likeness 0.88.
		{name: "G.722", codec: "g722", config: media.LegConfig{Codecs: []media.Codec{media.G722}}, carries: 0.85},
		{name: "SRTP required", codec: "g711", account: ";mediaenc=srtp-mand", modules: []string{"srtp"},
			config: media.LegConfig{Security: media.SecurityRequired}, secure: true},
		{name: "SRTP optional", codec: "g711", account: ";mediaenc=srtp", modules: []string{"srtp"},
			config: media.LegConfig{Security: media.SecurityOptional}, secure: true},
		{name: "optional, and they do not", codec: "g711", config: media.LegConfig{Security: media.SecurityOptional}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLine(t)
			p := baresip(l, tt.codec, tt.account, tt.modules...)
			c := l.dial(p.trunk, tt.config)
			c.event(sip.Answered)
			least := carries
			if tt.carries > 0 {
				least = tt.carries
			}
			c.say(slices.Concat(melody(), make([]int16, rate/4), melody(), make([]int16, rate/2)))
			c.hears("baresip's melody", func(pcm []int16) bool { return likeness(melody(), pcm) >= least })
			c.call.Hangup("thank you")
			c.ended(sip.ByUs)
			st := c.close()
			c.clean(st)
			if got := likeness(melody(), p.recorded()); got < least {
				t.Errorf("baresip's recording has likeness %.3f", got)
			}
			if (st.Security != "") != tt.secure || len(tt.config.Codecs) > 0 && st.Codec != tt.config.Codecs[0] {
				t.Errorf("spoke %s, secured by %q", st.Codec, st.Security)
			}
		})
	}
}
