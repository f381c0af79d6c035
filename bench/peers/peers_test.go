package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"warmline/bench"
	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

func request(method, call string) []byte {
	return fmt.Appendf(nil, "%s sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:1@127.0.0.1>;tag=a\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", method, call, call, method)
}

func TestAPhoneAnswersAndIsFreeAfterTheBYE(t *testing.T) {
	x, err := newExchange(1)
	if err != nil {
		t.Fatal(err)
	}
	first := x.answer(request("INVITE", "a"))
	for _, want := range []string{"SIP/2.0 200 OK\r\n", "\r\nTo: <sip:1000@127.0.0.1>;tag=far\r\n", "\r\nCSeq: 1 INVITE\r\n", fmt.Sprintf("m=audio %d RTP/AVP 8 101", x.phones[0].wire.Port)} {
		if !strings.Contains(string(first), want) {
			t.Errorf("the answer lacks %q:\n%s", want, first)
		}
	}
	if again := x.answer(request("INVITE", "a")); !bytes.Equal(first, again) {
		t.Errorf("a repeated INVITE is answered differently:\n%s", again)
	}
	if busy := x.answer(request("INVITE", "b")); !strings.HasPrefix(string(busy), "SIP/2.0 486 ") {
		t.Errorf("a call too many is answered\n%s", busy)
	}
	if x.answer(request("ACK", "a")) != nil || x.answer([]byte("SIP/2.0 200 OK\r\n\r\n")) != nil || x.answer(nil) != nil {
		t.Error("ACK, a response or nothing is answered")
	}
	x.answer(request("BYE", "a"))
	if got := x.answer(request("INVITE", "b")); !strings.HasPrefix(string(got), "SIP/2.0 200 ") {
		t.Errorf("after the BYE the phone is answered by\n%s", got)
	}
}

func TestLossAndGapsAreCountedByCall(t *testing.T) {
	x := &exchange{}
	var p phone
	at := time.Unix(0, 0)
	for _, step := range []struct {
		seq uint16
		gap time.Duration
	}{{65535, 0}, {0, 20 * time.Millisecond}, {1, 31 * time.Millisecond}, {2, 9 * time.Millisecond}, {5, 20 * time.Millisecond}, {4, 15 * time.Millisecond}} {
		at = at.Add(step.gap)
		x.note(&p, step.seq, at)
	}
	if x.heard != (Heard{In: 6, Lost: 2, Gaps: 5, Even: 3}) {
		t.Errorf("counted %+v", x.heard)
	}
}

func TestCleanIsWhatTheRulesSay(t *testing.T) {
	clean := func() look {
		return look{calls: 100, seconds: 1, heard: Heard{Up: 100, Heard: 100, In: 5000, Gaps: 5000, Even: 4950, Echoed: 5000}, windows: []bench.Window{{Out: 5000, In: 5000}}}
	}
	for _, tt := range []struct {
		name string
		bend func(*look)
		want string
	}{
		{"nothing is missing", func(*look) {}, ""},
		{"a call failed", func(l *look) { l.state.Failed = 1 }, "1 calls failed"},
		{"a call is silent", func(l *look) { l.heard.Heard = 99 }, "100 calls were up and 99 heard"},
		{"packets are missing", func(l *look) { l.heard.In = 4970 }, "99.40 % of 50 packets a second came"},
		{"packets are lost", func(l *look) { l.heard.Lost = 5 }, "0.10 % were lost"},
		{"the echo is lost", func(l *look) { l.windows[0].In = 4970 }, "99.40 % of the echo came"},
		{"the sound is uneven", func(l *look) { l.heard.Even = 4949 }, "98.98 % of gaps were even"},
	} {
		l := clean()
		tt.bend(&l)
		if got := l.dirt(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestPhonesHearTheDialer(t *testing.T) {
	x, err := newExchange(3)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	s := &speaker{clip: media.NewClip(tone(time.Minute)), trunk: sip.Trunk{Name: "bench", Addr: fmt.Sprintf("127.0.0.1:%d", x.door.Port), From: "1"}}
	s.dialer = &dialer.Dialer{SIP: agent, Media: engine, Observe: s.observe}
	told := make(chan State)
	go func() {
		s.to(2)
		told <- s.state()
	}()
	var st State
	for end := time.Now().Add(20 * time.Second); (st.Up == 0 || x.heard.Gaps < 100) && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		x.signal()
		for i := range x.phones {
			x.listen(&x.phones[i])
		}
		select {
		case st = <-told:
		default:
		}
	}
	go func() {
		s.to(0)
		told <- s.state()
	}()
	for up := true; up; time.Sleep(2 * time.Millisecond) {
		x.signal()
		select {
		case now := <-told:
			up = false
			if now.Up != 0 {
				t.Errorf("%d calls are up after all were hung up", now.Up)
			}
		default:
		}
	}
	if st.Up != 2 || st.Failed != 0 || x.heard.Gaps < 100 || x.heard.Even == 0 || x.heard.Echoed != x.heard.In {
		t.Errorf("state %+v, heard %+v", st, x.heard)
	}
	if len(x.calls) != 0 || len(x.free) != 3 {
		t.Errorf("%d calls are left, %d phones free", len(x.calls), len(x.free))
	}
}
