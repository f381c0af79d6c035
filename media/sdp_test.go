package media

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var both = []Codec{PCMA, PCMU}

func sdpOf(lines ...string) []byte {
	return []byte("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n" + strings.Join(lines, "\r\n") + "\r\n")
}

func at(s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	return netip.MustParseAddrPort(s)
}

func TestAnswersAreJudged(t *testing.T) {
	const c, tm = "c=IN IP4 10.0.0.1", "t=0 0"
	agreed := func(codec Codec, remote, rtcp string, event int, dir Direction, ptime int) terms {
		return terms{codec: codec, codecs: both, eventIn: [2]int{101, event}, remote: at(remote), remoteRTCP: at(rtcp), dir: dir, ptime: ptime}
	}
	tests := []struct {
		name   string
		answer []byte
		want   terms
		err    error
	}{
		{"static types need no rtpmap", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendRecv, 20), nil},
		{"their order decides what we send", sdpOf(c, tm, "m=audio 4000 RTP/AVP 0 8"),
			agreed(PCMU, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendRecv, 20), nil},
		{"another type for key presses", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8 96", "a=rtpmap:8 pcma/8000/1", "a=rtpmap:96 Telephone-Event/8000"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", 96, SendRecv, 20), nil},
		{"c= of the media wins", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "c=IN IP4 10.0.0.9"),
			agreed(PCMA, "10.0.0.9:4000", "10.0.0.9:4001", -1, SendRecv, 20), nil},
		{"a media c= after its attributes", sdpOf(tm, "m=audio 4000 RTP/AVP 8", "a=sendrecv", "c=IN IP4 10.0.0.9"),
			agreed(PCMA, "10.0.0.9:4000", "10.0.0.9:4001", -1, SendRecv, 20), nil},
		{"a=rtcp names another port", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=rtcp:5555"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:5555", -1, SendRecv, 20), nil},
		{"their sendonly is our recvonly", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=sendonly"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, RecvOnly, 20), nil},
		{"a direction of the session", sdpOf(c, tm, "a=inactive", "m=audio 4000 RTP/AVP 8"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, Inactive, 20), nil},
		{"a direction of the media wins", sdpOf(c, tm, "a=inactive", "m=audio 4000 RTP/AVP 8", "a=recvonly"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendOnly, 20), nil},
		{"hold of old by address zero", sdpOf("c=IN IP4 0.0.0.0", tm, "m=audio 4000 RTP/AVP 8"),
			agreed(PCMA, "", "", -1, RecvOnly, 20), nil},
		{"a packet time we know", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=ptime:30"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendRecv, 30), nil},
		{"a packet time we do not", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=ptime:7000000"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendRecv, 20), nil},
		{"bare newlines, spaces, odd lines", []byte("v=0\no=root odd user name 1 1 IN IP4 x\ns=\nc=IN IP4 10.0.0.1  \n\nt=0 0 \nb=weird\ne=a <b\nm=audio  4000 RTP/AVP  8 \na=ptime:20 \n"),
			agreed(PCMA, "10.0.0.1:4000", "10.0.0.1:4001", -1, SendRecv, 20), nil},
		{"port 0 is a refusal", sdpOf(c, tm, "m=audio 0 RTP/AVP 8"), terms{}, ErrRejected},
		{"only G.729", sdpOf(c, tm, "m=audio 4000 RTP/AVP 18"), terms{}, ErrNoCodec},
		{"type 8 that is not A-law", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=rtpmap:8 opus/48000/2"), terms{}, ErrNoCodec},
		{"SRTP was not offered", sdpOf(c, tm, "m=audio 4000 RTP/SAVP 8"), terms{}, ErrBadSDP},
		{"no address", sdpOf(tm, "m=audio 4000 RTP/AVP 8"), terms{}, ErrBadSDP},
		{"a name for an address", sdpOf("c=IN IP4 media.example.com", tm, "m=audio 4000 RTP/AVP 8"), terms{}, ErrBadSDP},
		{"a multicast address", sdpOf("c=IN IP4 224.2.1.1/127", tm, "m=audio 4000 RTP/AVP 8"), terms{}, ErrBadSDP},
		{"no m= line", sdpOf(c, tm), terms{}, ErrBadSDP},
		{"nothing", nil, terms{}, ErrBadSDP},
		{"not SDP", []byte("<html>"), terms{}, ErrBadSDP},
		{"a port that is none", sdpOf(c, tm, "m=audio 70000 RTP/AVP 8"), terms{}, ErrBadSDP},
		{"hundreds of m= lines", sdpOf(c, tm, strings.Repeat("m=audio 4000 RTP/AVP 8\r\n", 300)), terms{}, ErrBadSDP},
		{"a book", sdpOf(c, tm, "a="+strings.Repeat("x", 20000)), terms{}, ErrBadSDP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := judgeAnswer(tt.answer, both)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(terms{}), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOffersAreAnswered(t *testing.T) {
	d := description{host: netip.MustParseAddr("10.0.0.2"), port: 6000, session: 7, version: 1}
	offer := sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=video 5000 RTP/AVP 99", "a=rtpmap:99 H264/90000",
		"m=audio 4000 RTP/AVP 18 0 97", "a=rtpmap:97 telephone-event/8000", "a=sendonly")
	got, body, err := d.judgeOffer(offer, both, terms{})
	if err != nil {
		t.Fatal(err)
	}
	want := "v=0\r\no=- 7 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 99\r\n" +
		"m=audio 6000 RTP/AVP 0 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=recvonly\r\n"
	if diff := cmp.Diff(want, string(d.seal(body))); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if got.codec != PCMU || got.dir != RecvOnly || got.eventIn != [2]int{101, 97} {
		t.Errorf("terms %+v", got)
	}
	if _, _, err := d.judgeOffer(sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 18"), both, terms{}); !errors.Is(err, ErrNoCodec) {
		t.Errorf("an offer of G.729 alone: %v, want %v", err, ErrNoCodec)
	}
	off, body, err := d.judgeOffer(sdpOf("t=0 0", "m=audio 0 RTP/AVP 8"), both, terms{dir: SendRecv})
	if err != nil || off.dir != Inactive || !strings.HasSuffix(body, "m=audio 0 RTP/AVP 8\r\n") {
		t.Errorf("audio switched off: %v, %v, %q", off.dir, err, body)
	}
}

func TestTheVersionGoesUpOnlyOnChange(t *testing.T) {
	d := description{host: netip.MustParseAddr("::1"), port: 6000, session: 7, version: 41}
	version := func(body string) string { return strings.Fields(string(d.seal(body)))[3] }
	for i, step := range []struct{ body, want string }{{"a", "41"}, {"a", "41"}, {"b", "42"}, {"b", "42"}, {"a", "43"}} {
		if got := version(step.body); got != step.want {
			t.Errorf("step %d: version %s, want %s", i, got, step.want)
		}
	}
	if got := string(d.seal("a")); !strings.Contains(got, "o=- 7 43 IN IP6 ::1") {
		t.Errorf("session or address changed: %q", got)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 8 0 96", "a=rtpmap:96 telephone-event/8000", "a=ptime:20", "a=rtcp:4001 IN IP4 10.0.0.1"))
	f.Add(sdpOf("c=IN IP6 2001:db8::1", "t=0 0", "a=sendonly", "m=video 0 RTP/AVP 99", "m=audio 4000/2 RTP/AVP 0"))
	f.Add([]byte("v=0\nm=audio 1 RTP/AVP 8\nc=IN IP4 1.2.3.4/1/1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := judgeAnswer(b, both); err == nil {
			if !got.codec.known() || got.ptime < 10 || got.ptime > 60 || got.remote.Addr().IsMulticast() {
				t.Fatalf("accepted %+v", got)
			}
		}
		d := description{host: netip.MustParseAddr("10.0.0.2"), port: 6000}
		_, body, err := d.judgeOffer(b, both, terms{codecs: both, ptime: 20})
		if err != nil {
			return
		}
		if _, err := readSDP(d.seal(body)); err != nil {
			t.Fatalf("our own answer %q cannot be read: %v", body, err)
		}
	})
}
