package siptest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const invite = "INVITE sip:13800138000@127.0.0.1:5060;user=phone SIP/2.0\r\n" +
	"v: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK1, SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK0\r\n" +
	"f: \"Su, Tang\" <sip:4001@127.0.0.1>;tag=a1\r\n" +
	"t: <sip:13800138000@127.0.0.1;user=phone>\r\n" +
	"i: call-1\r\nCSeq: 7 INVITE\r\n" +
	"Subject: one\r\n  two\r\n" +
	"Record-Route: <sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>\r\n" +
	"m: <sip:bot@127.0.0.1:5070>\r\nl: 3\r\n\r\nv=0 and more"

func TestParseReadsARequest(t *testing.T) {
	m, err := Parse([]byte(invite))
	if err != nil {
		t.Fatal(err)
	}
	n, method := m.CSeq()
	got := []any{m.Method(), m.URI(), m.Status(), n, method, m.FromTag(), m.ToTag(), m.Branch(), m.Get("Subject"),
		m.All("record-route"), len(m.All("Via")), string(m.Body), userOf(m.URI()), addressURI(m.Get("Contact"))}
	want := []any{"INVITE", "sip:13800138000@127.0.0.1:5060;user=phone", 0, uint32(7), "INVITE", "a1", "", "z9hG4bK1", "one two",
		[]string{"<sip:10.0.0.1;lr>", "<sip:10.0.0.2;lr>"}, 2, "v=0", "13800138000", "sip:bot@127.0.0.1:5070"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"a message without an empty line":        {"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n", "no empty line"},
		"another protocol's start line":          {"GET / HTTP/1.1\r\n\r\n", "METHOD URI SIP/2.0"},
		"a status that is no number":             {"SIP/2.0 2x0 OK\r\n\r\n", "status"},
		"a header line without a colon":          {"OPTIONS sip:a SIP/2.0\r\nVia\r\n\r\n", "header line 2"},
		"a continuation of nothing":              {"OPTIONS sip:a SIP/2.0\r\n Via: x\r\n\r\n", "continuation"},
		"a body shorter than its length":         {"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nabc", "9 bytes"},
		"a length that is no number":             {"OPTIONS sip:a SIP/2.0\r\nl: x\r\n\r\nabc", "not a length"},
		"a header name with a space inside":      {"OPTIONS sip:a SIP/2.0\r\nV ia: x\r\n\r\n", "Name: value"},
		"a request line with a fourth word":      {"OPTIONS sip:a SIP/2.0 x\r\n\r\n", "METHOD URI"},
		"a status line with a four digit code":   {"SIP/2.0 2000 OK\r\n\r\n", "status"},
		"a status line with a code out of range": {"SIP/2.0 799 OK\r\n\r\n", "100 to 699"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Parse([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, %v; want an error with %q", m, err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(invite))
	f.Add([]byte("SIP/2.0 200 OK\nVia: a;branch=b\nTo: <sip:x>;tag=\"1\"\n\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		m.CSeq()
		m.Branch()
		m.FromTag()
		m.ToTag()
		userOf(m.URI())
		Credentials(m)
		respond(m, 200, "OK", "t", Field{"Contact", "<sip:a>"})
		once := m.Bytes()
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("what Bytes wrote does not parse: %v\n%q", err, once)
		}
		if d := cmp.Diff(string(once), string(again.Bytes())); d != "" {
			t.Error(d)
		}
	})
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte(NewSDP("127.0.0.1", 4000, 1)))
	f.Add([]byte("v=0\nc=IN IP6 ::1\nm=video 1 RTP/AVP 1\nm=audio 2 RTP/AVP 0 8\nc=IN IP4 10.0.0.1\na=inactive\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSDP(b)
		if err != nil {
			return
		}
		out := describe(s.addr.Addr().String(), int(s.addr.Port()), 1, s.event, s.direction)
		again, err := parseSDP(out)
		if err != nil || again.addr != s.addr || again.event != s.event || again.direction != s.direction {
			t.Errorf("described again: %+v, %v; want %+v", again, err, s)
		}
	})
}
