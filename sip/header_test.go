package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// The vectors of RFC 7616 3.9.1.
func TestDigestAnswersOfTheRFCs(t *testing.T) {
	const (
		nonce  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
		cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
		opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
	)
	tests := []struct {
		name, challenge, want string
	}{
		{"MD5", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="` + nonce + `", opaque="` + opaque + `"`,
			"8ca523f5e9506fed4657c9700eebdbec"},
		{"SHA-256", `DIGEST realm="http-auth@example.org",qop="auth-int , auth",algorithm="sha-256",nonce="` + nonce + `", opaque="` + opaque + `"`,
			"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, ok := choose([]string{tt.challenge}, "http-auth@example.org", false)
			if !ok {
				t.Fatal("challenge not taken")
			}
			got := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", cnonce, 1, nil)
			if !strings.Contains(got, `response="`+tt.want+`"`) || !strings.Contains(got, "algorithm="+tt.name) {
				t.Errorf("answer %s, want response %s", got, tt.want)
			}
		})
	}
}

func TestTheStrongestChallengeForOurRealmIsChosen(t *testing.T) {
	c, ok := choose([]string{
		`Digest realm="r", nonce="1", algorithm=MD5`,
		`Digest realm="r", nonce="2", algorithm=SHA-512-256, qop="auth-conf"`,
		`Digest realm="other", nonce="3", algorithm=SHA-512-256`,
		`Digest realm="r", nonce="4", algorithm=SHA-256-sess, qop=auth`,
		`Digest realm="r", nonce="5"`,
	}, "r", false)
	if !ok || c.nonce != "4" {
		t.Errorf("chose nonce %q, %v", c.nonce, ok)
	}
	if got := c.answer("u", "p", "INVITE", "sip:x", "c", 1, nil); !strings.Contains(got, "algorithm=SHA-256-sess") {
		t.Errorf("answer %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"120": 2 * time.Minute, " 5;duration=3600": 5 * time.Second, "18000 (meeting)": 5 * time.Hour,
		"": 0, "soon": 0, "-1": 0, "99999999": maxRetryAfter, "99999999999999999999": 0,
	} {
		if got := parseRetryAfter(in); got != want {
			t.Errorf("parseRetryAfter(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestTagsAreOursOnlyForTheirCallAndKey(t *testing.T) {
	a, b := newTags([]byte("a")), newTags([]byte("b"))
	tag := a.issue("call")
	if !a.ours("call", tag) || a.ours("other call", tag) || b.ours("call", tag) || a.ours("call", "") || a.ours("call", tag+"00") {
		t.Error("a tag is recognised wrongly")
	}
	if newTags(nil).ours("call", newTags(nil).issue("call")) {
		t.Error("two random keys are the same")
	}
}

func TestSDPIsFoundInItsBody(t *testing.T) {
	const sdp = "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n"
	tests := []struct{ name, kind, body, want string }{
		{"alone", "application/sdp", sdp, sdp},
		{"alone, oddly written", "Application/SDP;charset=utf-8", sdp, sdp},
		{"without a type", "", sdp, sdp},
		{"beside ISUP", `multipart/mixed;boundary="b"`, "--b\r\nContent-Type: application/ISUP\r\n\r\n\x01\r\n--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--b--\r\n", sdp},
		{"another type", "text/plain", sdp, ""},
		{"parts without a boundary", "multipart/mixed", sdp, ""},
		{"nothing", "application/sdp", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := gosip.NewResponse(200, "OK")
			if tt.kind != "" {
				res.AppendHeader(gosip.NewHeader("Content-Type", tt.kind))
			}
			res.SetBody([]byte(tt.body))
			if diff := cmp.Diff(tt.want, string(sdpOf(res))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestALadderKeepsItsBeginningAndItsEnd(t *testing.T) {
	var l ladder
	l.note(true, "INVITE")
	for range 3 * maxTurns {
		l.note(false, "183")
	}
	l.note(true, "BYE")
	turns := l.copy()
	if len(turns) != maxTurns || turns[0].Line != "INVITE" || turns[maxTurns-1].Line != "BYE" {
		t.Errorf("%d turns from %q to %q", len(turns), turns[0].Line, turns[len(turns)-1].Line)
	}
}

func TestMemoryOfForgottenCallsIsBounded(t *testing.T) {
	var s strays
	now := time.Now()
	for i := range maxStrays {
		if _, ok := s.remember(strings.Repeat("x", i), nil, now); !ok {
			t.Fatalf("no room for answer %d", i)
		}
	}
	if _, ok := s.remember("one more", nil, now); ok {
		t.Error("there is room for more than the bound")
	}
	if _, ok := s.remember("one more", nil, now.Add(65*gosip.T1)); !ok {
		t.Error("old answers are not forgotten")
	}
}

// FuzzHeaders feeds every reader of what a carrier writes, from the datagram
// on: none may panic, and nothing read may start a new header line.
func FuzzHeaders(f *testing.F) {
	f.Add("SIP/2.0 407 x\r\nProxy-Authenticate: Digest realm=\"r\", nonce=\"n\\\"\", qop=\"auth,\"\r\nRetry-After: 5 (a\r\nReason: Q.850;cause=1\r\n\r\n")
	f.Add("SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nt: \"x\" <sip:c@d>;tag=2\r\ni: 1\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:p;lr>, <sip:q>\r\nm: <sip:x@10.0.0.1:99999>\r\nc: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\n--b--")
	f.Add("INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=15\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := gosip.ParseMessage([]byte(s))
		if err != nil || !cleanLines([]byte(s)) {
			return
		}
		why := causeOf(m)
		if why.RetryAfter < 0 || strings.ContainsAny(why.Phrase, "\r\n") {
			t.Errorf("cause %+v", why)
		}
		sdpOf(m)
		kind, _ := contentType(m)
		if d := digitOf(kind, m.Body()); len(d) > 1 {
			t.Errorf("digit %q", d)
		}
		if c, ok := choose(append(values(m, "proxy-authenticate"), values(m, "www-authenticate")...), "r", false); ok {
			if got := c.answer("u", "p", "INVITE", "sip:x", "c", 1, nil); strings.ContainsAny(got, "\r\n") {
				t.Errorf("answer %q", got)
			}
		}
		res, ok := m.(*gosip.Response)
		if !ok {
			return
		}
		res.SetSource("127.0.0.1:5060")
		if d, ok := dialogOf(res, sentBy{"127.0.0.1", 5060, "UDP"}, gosip.Addr{}, anyAddr); ok {
			req := d.request(gosip.BYE, d.next()).String()
			if strings.Count(req, "\nCSeq: ") != 1 || !cleanLines([]byte(req)) || !d.hop.IsValid() {
				t.Errorf("request\n%s", req)
			}
		}
	})
}

func anyAddr(netip.Addr) bool { return true }
