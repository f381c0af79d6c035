package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

// callBy places a call with the short tree, flags as given.
func callBy(t *testing.T, args ...string) testCall {
	t.Helper()
	c := testCall{told: warmline(t, []string{"WARMLINE_DATA_DIR=" + t.TempDir()}, append([]string{"call", "--dialog", "testdata/short-call.yaml", "--voice", "tones", "--json"}, args...)...)}
	if c.code == 0 {
		lines := strings.Split(strings.TrimSpace(c.out), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &c.callReport); err != nil {
			t.Fatalf("the last line is no report: %v\n%s", err, c.out)
		}
	}
	return c
}

// busyPeer answers INVITE with 486 and gives the first one.
func busyPeer(t *testing.T, p *siptest.Peer, err error) <-chan *siptest.Message {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	came := make(chan *siptest.Message, 1)
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done; p.Close() })
	go func() {
		defer close(done)
		if m, err := p.Wait(ctx, "INVITE"); err == nil {
			p.Reply(m, 486, "Busy Here", "x")
			came <- m
		}
	}()
	return came
}

func TestACallByATrunkOfTheConfigIsACampaignsCall(t *testing.T) {
	t.Parallel()
	broken := answering(t, map[string]int{"INVITE": 503})
	good, err := siptest.Listen("127.0.0.1:0")
	came := busyPeer(t, good, err)
	config := writeFile(t, `trunks:
  - name: main
    targets: [{addr: "`+broken.Addr()+`", priority: 1}, {addr: "`+good.Addr()+`", priority: 2}]
    caller_id: "02160001111"
    numbers: {to: +e164, from: e164}
    codecs: [g722, pcma]
    ptime: 40
    srtp: required
    external: 203.0.113.9
    rate: 1
    channels: 1
`)
	c := callBy(t, "13800138000", "--trunk", "main", "-c", config)
	if c.code != 0 || c.Disposition != "busy" {
		t.Fatalf("exit %d, %+v\n%s%s", c.code, c.callReport, c.out, c.err)
	}
	if len(c.Hops) != 2 || c.Hops[0].SIPStatus != 503 || c.Hops[0].Target != "udp:"+broken.Addr() || c.Hops[0].By != "carrier" || c.Hops[1].SIPStatus != 486 || c.Hops[1].Trunk != "main" {
		t.Errorf("hops %+v", c.Hops)
	}
	if !strings.Contains(c.out, "hop main udp:"+broken.Addr()+": status 503 Said") {
		t.Errorf("the hops are not told:\n%s", c.out)
	}
	invite := <-came
	if from := invite.Get("From"); !strings.Contains(from, "sip:862160001111@") || !strings.HasPrefix(invite.URI(), "sip:+8613800138000@") {
		t.Errorf("to %s, from %s", invite.URI(), from)
	}
	for _, want := range []string{" RTP/SAVP 9 8 ", "a=ptime:40\r\n", "c=IN IP4 203.0.113.9\r\n"} {
		if !strings.Contains(string(invite.Body), want) {
			t.Errorf("the offer lacks %q:\n%s", want, invite.Body)
		}
	}
}

func TestFlagsSayHowAPeerIsCalled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		listen func(string) (*siptest.Peer, error)
		flags  string
		via    string
		offer  string
	}{
		{"as it comes", siptest.Listen, "", "SIP/2.0/UDP ", " RTP/AVP 8 0 101\r\n"},
		{"by TCP, wideband first", siptest.ListenTCP, "--transport tcp --codec g722,pcma", "SIP/2.0/TCP ", " RTP/AVP 9 8 101\r\n"},
		{"encrypted", siptest.Listen, "--srtp required --codec pcmu", "SIP/2.0/UDP ", " RTP/SAVP 0 101\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.listen("127.0.0.1:0")
			came := busyPeer(t, p, err)
			c := callBy(t, append([]string{"1000", "--trunk", "sip:" + p.Addr()}, strings.Fields(tt.flags)...)...)
			if c.code != 0 || c.Disposition != "busy" || c.Hops != nil {
				t.Fatalf("exit %d, %+v\n%s%s", c.code, c.callReport, c.out, c.err)
			}
			invite := <-came
			if !strings.HasPrefix(invite.Get("Via"), tt.via) || !strings.Contains(string(invite.Body), tt.offer) {
				t.Errorf("INVITE by %s:\n%s", invite.Get("Via"), invite.Body)
			}
		})
	}
}

func TestFlagsThatMakeNoLineAreRefused(t *testing.T) {
	t.Parallel()
	config := writeFile(t, "trunks:\n  - {name: main, addr: 127.0.0.1:5060, rate: 1, channels: 1}\n")
	for _, tt := range []struct{ name, flags, want string }{
		{"a trunk nobody configured", "--trunk other", "neither sip:HOST:PORT nor a trunk of the config"},
		{"a configured trunk with a codec of its own", "--trunk main --codec pcma", "leave --codec out"},
		{"a transport that is none", "--trunk sip:127.0.0.1:5060 --transport sctp", `transport "sctp"`},
		{"srtp that is none", "--trunk sip:127.0.0.1:5060 --srtp yes", `srtp "yes"`},
		{"a codec we lack", "--trunk sip:127.0.0.1:5060 --codec g729", `codec "g729"`},
		{"authorities that are not there", "--trunk sip:127.0.0.1:5060 --transport tls --tls-ca /nowhere.pem", "/nowhere.pem"},
	} {
		if c := callBy(t, append([]string{"1000", "-c", config}, strings.Fields(tt.flags)...)...); c.code != 1 || !strings.Contains(c.err, tt.want) {
			t.Errorf("%s: exit %d, %s", tt.name, c.code, c.err)
		}
	}
}

func TestLinesOfLoadTellHopsToo(t *testing.T) {
	b, err := json.Marshal(loadLine{1, callFacts{Hops: hopsOf([]sip.Hop{
		{Trunk: "a", Target: "udp:192.0.2.1:5060", Cause: sip.Cause{Status: 503, Phrase: "Busy", Q850: 34, Reason: "Q.850;cause=34", By: sip.ByCarrier, RetryAfter: time.Minute}},
		{Trunk: "b", Target: "udp:192.0.2.2:5060"},
	})}})
	want := `"hops":[{"trunk":"a","target":"udp:192.0.2.1:5060","sip_status":503,"phrase":"Busy","q850":34,"reason":"Q.850;cause=34","by":"carrier","retry_after":60},` +
		`{"trunk":"b","target":"udp:192.0.2.2:5060","sip_status":0,"phrase":"","q850":0,"reason":"","by":"","retry_after":0}]`
	if err != nil || !strings.Contains(string(b), want) {
		t.Errorf("%v: %s", err, b)
	}
	if hopsOf([]sip.Hop{{Trunk: "a"}}) != nil {
		t.Error("one hop is told")
	}
}
