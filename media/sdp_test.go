package media

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var both = []Codec{PCMA, PCMU}

var g711 = &wishes{codecs: both, ptime: 20}

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
		return terms{codec: codec, pt: uint8(codec), takes: static(both), eventIn: [2]int{101, event}, remote: at(remote), remoteRTCP: at(rtcp), dir: dir, ptime: ptime}
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
		{"SRTP was not offered", sdpOf(c, tm, "m=audio 4000 RTP/SAVP 8"), terms{}, ErrNotSecure},
		{"DTLS was not offered", sdpOf(c, tm, "m=audio 4000 UDP/TLS/RTP/SAVP 8"), terms{}, ErrBadSDP},
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
			got, err := g711.judgeAnswer(tt.answer)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(terms{}, format{}), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOffersAreAnswered(t *testing.T) {
	d := description{host: netip.MustParseAddr("10.0.0.2"), port: 6000, session: 7, version: 1}
	offer := sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=video 5000 RTP/AVP 99", "a=rtpmap:99 H264/90000",
		"m=audio 4000 RTP/AVP 18 0 97", "a=rtpmap:97 telephone-event/8000", "a=sendonly")
	got, body, err := d.judgeOffer(offer, g711, terms{})
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
	if _, _, err := d.judgeOffer(sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 18"), g711, terms{}); !errors.Is(err, ErrNoCodec) {
		t.Errorf("an offer of G.729 alone: %v, want %v", err, ErrNoCodec)
	}
	off, body, err := d.judgeOffer(sdpOf("t=0 0", "m=audio 0 RTP/AVP 8"), g711, terms{dir: SendRecv})
	if err != nil || off.dir != Inactive || !strings.HasSuffix(body, "m=audio 0 RTP/AVP 8\r\n") {
		t.Errorf("audio switched off: %v, %v, %q", off.dir, err, body)
	}
}

// TestCornersOfAnswers: what carriers write, each with what must follow from it.
func TestCornersOfAnswers(t *testing.T) {
	const c, tm = "c=IN IP4 10.0.0.1", "t=0 0"
	w := &wishes{codecs: []Codec{G722, PCMA, PCMU}, ptime: 20}
	for _, tt := range []struct {
		name   string
		answer []byte
		check  func(terms) bool
	}{
		{"several codecs: the first is sent, all are taken", sdpOf(c, tm, "m=audio 4000 RTP/AVP 0 8 9"), func(t terms) bool {
			_, kind, ok := t.hears(9)
			return t.codec == PCMU && t.pt == 0 && ok && kind == audioPayload
		}},
		{"G.722 without rtpmap (RFC 3551 §6)", sdpOf(c, tm, "m=audio 4000 RTP/AVP 9"), func(t terms) bool { return t.codec == G722 && t.pt == 9 }},
		{"A-law by a number of theirs (RFC 3264 §6.1)", sdpOf(c, tm, "m=audio 4000 RTP/AVP 107", "a=rtpmap:107 PCMA/8000"), func(t terms) bool {
			theirs, kind, ok := t.hears(107)
			ours, _, _ := t.hears(8)
			return t.codec == PCMA && t.pt == 107 && ok && kind == audioPayload && theirs == PCMA && ours == PCMA
		}},
		{"number 8 renamed is not A-law, and not ours", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8 0", "a=rtpmap:8 L16/8000"), func(t terms) bool { return t.codec == PCMU }},
		{"wide key presses are not ours", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8 98 101", "a=rtpmap:98 telephone-event/16000", "a=rtpmap:101 telephone-event/8000"),
			func(t terms) bool { return t.eventIn == [2]int{101, 101} }},
		{"rtcp-mux is used when answered (RFC 5761 §5.1.1)", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=rtcp-mux", "a=rtcp:4001"),
			func(t terms) bool { return t.mux && t.remoteRTCP == at("10.0.0.1:4000") }},
		{"and not otherwise", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8"), func(t terms) bool { return !t.mux && t.remoteRTCP == at("10.0.0.1:4001") }},
		{"a=rtcp with its own address and port (RFC 3605)", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=rtcp:5000 IN IP4 10.0.0.1"),
			func(t terms) bool { return t.remoteRTCP == at("10.0.0.1:5000") }},
		{"a=maxptime bounds what we send", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=ptime:60", "a=maxptime:40"), func(t terms) bool { return t.ptime == 40 }},
		{"a packet time between ours", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "a=ptime:50"), func(t terms) bool { return t.ptime == 40 }},
		{"ptime of the session", sdpOf(c, tm, "a=ptime:30", "m=audio 4000 RTP/AVP 8"), func(t terms) bool { return t.ptime == 30 }},
		{"ptime of the media wins", sdpOf(c, tm, "a=ptime:30", "m=audio 4000 RTP/AVP 8", "a=ptime:10"), func(t terms) bool { return t.ptime == 10 }},
		{"BUNDLE and ICE are passed over", sdpOf(c, "a=group:BUNDLE 0", "a=ice-lite", tm, "m=audio 4000 RTP/AVP 8", "a=mid:0", "a=ice-ufrag:x", "a=ice-pwd:y",
			"a=candidate:1 1 UDP 2130706431 192.0.2.9 9999 typ host"), func(t terms) bool { return t.remote == at("10.0.0.1:4000") }},
		{"more m= lines than we offered", sdpOf(c, tm, "m=image 0 udptl t38", "m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 99"),
			func(t terms) bool { return t.remote == at("10.0.0.1:4000") }},
		{"IPv6", sdpOf("c=IN IP6 2001:db8::7", tm, "m=audio 4000 RTP/AVP 8"), func(t terms) bool { return t.remote == at("[2001:db8::7]:4000") }},
		{"IPv4 in IPv6", sdpOf("c=IN IP6 ::ffff:10.0.0.1", tm, "m=audio 4000 RTP/AVP 8"), func(t terms) bool { return t.remote == at("10.0.0.1:4000") }},
		{"a hold by address zero of the media alone", sdpOf(c, tm, "m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0"),
			func(t terms) bool { return !t.remote.IsValid() && t.dir == RecvOnly }},
	} {
		got, err := w.judgeAnswer(tt.answer)
		if err != nil || !tt.check(got) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

const (
	key80  = "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"
	keyGCM = "a=crypto:1 AEAD_AES_128_GCM inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nw=="
	key256 = "a=crypto:7 AEAD_AES_256_GCM inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM="
)

// TestKeysAreAgreed: RFC 4568 §5.1.2 and RFC 8643 §3, both ways.
func TestKeysAreAgreed(t *testing.T) {
	const c, tm, clear, safe = "c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 8", "m=audio 4000 RTP/SAVP 8"
	for _, tt := range []struct {
		name   string
		policy Security
		lines  []string
		answer string // the suite our answer's terms have, "" in the clear, "!" refused
		offer  string // the same for an offer of these lines
	}{
		{"nothing, and we do not want it", SecurityOff, []string{clear}, "", ""},
		{"nothing, and we may", SecurityOptional, []string{clear}, "", ""},
		{"nothing, and we must", SecurityRequired, []string{clear}, "!", "!"},
		{"OSRTP", SecurityOptional, []string{clear, key80}, "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"},
		{"OSRTP and we do not want it", SecurityOff, []string{clear, key80}, "", ""},
		{"SAVP", SecurityRequired, []string{safe, keyGCM}, "AEAD_AES_128_GCM", "AEAD_AES_128_GCM"},
		{"SAVP for our optional", SecurityOptional, []string{safe, keyGCM}, "AEAD_AES_128_GCM", "AEAD_AES_128_GCM"},
		{"SAVP and we do not want it", SecurityOff, []string{safe, key80}, "!", "!"},
		{"SAVP without a key", SecurityOptional, []string{safe}, "!", "!"},
		{"AES-256 is taken and not offered", SecurityOptional, []string{safe, key256}, "!", "AEAD_AES_256_GCM"},
		{"a tag that is not ours", SecurityOptional, []string{safe, strings.Replace(key80, ":2", ":9", 1)}, "!", "AES_CM_128_HMAC_SHA1_80"},
		{"a lifetime and a hint", SecurityRequired, []string{safe, key80 + "|2^31 WSH=128"}, "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"},
		{"an MKI", SecurityRequired, []string{safe, key80 + "|2^31|1:1"}, "!", "!"},
		{"no encryption in the encryption", SecurityRequired, []string{safe, key80 + " UNENCRYPTED_SRTP"}, "!", "!"},
		{"a key too short", SecurityRequired, []string{safe, "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MDEyMw=="}, "!", "!"},
		{"a suite of tomorrow before one of today", SecurityRequired, []string{safe, "a=crypto:1 AES_512 inline:MDEyMw==", key80}, "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"},
		{"two keys", SecurityRequired, []string{safe, key80, keyGCM}, "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"},
	} {
		w := &wishes{codecs: both, ptime: 20, security: tt.policy, keys: offeredKeys()}
		sdp := sdpOf(append([]string{c, tm}, tt.lines...)...)
		check := func(side, want string, got terms, err error) {
			t.Helper()
			switch {
			case want == "!":
				if !errors.Is(err, ErrNotSecure) {
					t.Errorf("%s, as %s: %v, want %v", tt.name, side, err, ErrNotSecure)
				}
			case err != nil:
				t.Errorf("%s, as %s: %v", tt.name, side, err)
			case want == "":
				if got.sendKey != nil || got.hearKey != nil {
					t.Errorf("%s, as %s: encrypted", tt.name, side)
				}
			case got.sendKey == nil || got.hearKey == nil || got.sendKey.suite.name != want || got.hearKey.suite.name != want || got.sendKey.equal(got.hearKey):
				t.Errorf("%s, as %s: %v and %v", tt.name, side, got.sendKey, got.hearKey)
			}
		}
		got, err := w.judgeAnswer(sdp)
		check("answer", tt.answer, got, err)
		d := description{host: netip.MustParseAddr("10.0.0.2"), port: 6000}
		got, body, err := d.judgeOffer(sdp, w, terms{})
		check("offer", tt.offer, got, err)
		if tt.offer == "" && strings.Contains(body, "crypto") || err == nil && tt.offer != "" && strings.Count(body, "a=crypto") != 1 {
			t.Errorf("%s: answered %q", tt.name, body)
		}
		for _, text := range []string{fmt.Sprintf("%v %+v", got.sendKey, got.hearKey), fmt.Sprint(err)} {
			if strings.Contains(text, "MDEyMzQ1") || strings.Contains(text, "0123456") || strings.Contains(text, "[48 49") {
				t.Errorf("%s: a key is printed: %s", tt.name, text)
			}
		}
	}
}

func TestOurOffersNameTheirSecurity(t *testing.T) {
	e := engine(t, Config{})
	for _, tt := range []struct {
		policy  Security
		profile string
		keys    int
	}{{SecurityOff, "RTP/AVP", 0}, {SecurityOptional, "RTP/AVP", 3}, {SecurityRequired, "RTP/SAVP", 3}} {
		l := open(t, e, LegConfig{Security: tt.policy, PTime: 30})
		offer := string(l.Offer())
		if !strings.Contains(offer, " "+tt.profile+" 8 0 101\r\n") || strings.Count(offer, "a=crypto:") != tt.keys ||
			!strings.Contains(offer, "a=rtcp-mux\r\n") || !strings.Contains(offer, "a=ptime:30\r\n") {
			t.Errorf("policy %d offers %q", tt.policy, offer)
		}
		if again := string(l.Offer()); again != offer {
			t.Error("the same offer reads differently the second time (RFC 3264 §8)")
		}
		l.Close()
	}
	if _, err := e.Open(LegConfig{PTime: 25}); err == nil {
		t.Error("a packet time of 25 ms was accepted")
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
	f.Add(sdpOf("c=IN IP4 10.0.0.1", "t=0 0", "m=audio 4000 RTP/SAVP 9", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5|2^31 WSH=64", "a=rtcp-mux", "a=maxptime:30"))
	all := wishes{codecs: []Codec{PCMA, PCMU, G722}, ptime: 20, security: SecurityOptional, keys: offeredKeys()}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := all.judgeAnswer(b); err == nil {
			if !got.codec.known() || got.ptime < 10 || got.ptime > 60 || got.remote.Addr().IsMulticast() {
				t.Fatalf("accepted %+v", got)
			}
		}
		d := description{host: netip.MustParseAddr("10.0.0.2"), port: 6000}
		_, body, err := d.judgeOffer(b, &all, terms{takes: static(both), ptime: 20})
		if err != nil {
			return
		}
		if _, err := readSDP(d.seal(body)); err != nil {
			t.Fatalf("our own answer %q cannot be read: %v", body, err)
		}
	})
}
