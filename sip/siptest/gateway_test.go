package siptest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func limit(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestInviteIsAnsweredOnceHoweverOftenItComes(t *testing.T) {
	g, ctx := brief(t), limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138101")
	inv := u.request("INVITE", 1, "", u.offer())
	for range 3 {
		u.send(inv)
	}
	busy := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 486))
	again := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 486)) // no ACK: it comes again
	if busy.ToTag() == "" || busy.ToTag() != again.ToTag() {
		t.Errorf("To tags %q and %q", busy.ToTag(), again.ToTag())
	}
	if got := g.Truth().Invites; got != 1 {
		t.Errorf("Invites = %d, want 1", got)
	}
}

func TestAnswerComesUntilItIsAcknowledged(t *testing.T) {
	t.Parallel()
	g, ctx := brief(t), limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138313")
	u.send(u.request("INVITE", 1, "", u.offer()))
	var m *Message
	for range 3 { // 0, 0.5 and 1.5 s after the answer
		m = must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 200))
	}
	if u.record(g).Acked {
		t.Error("acknowledged without an ACK")
	}
	u.send(u.request("ACK", 1, m.ToTag()))
	u.send(u.request("BYE", 2, m.ToTag()))
	must[*Message](t)(u.p.WaitStatus(ctx, "BYE", 200))
	if r := u.record(g); !r.Acked || !r.Byed || r.EndedBy != "us" {
		t.Errorf("record = %+v", r)
	}
	u.send(u.request("BYE", 2, m.ToTag())) // a retransmission is answered too
	must[*Message](t)(u.p.WaitStatus(ctx, "BYE", 200))
}

func TestByeComesUntilItIsAnswered(t *testing.T) {
	g, ctx := brief(t, func(o *Options) { o.Patience = 200 * time.Millisecond }), limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138300")
	u.send(u.request("INVITE", 1, "", u.offer()))
	m := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 200))
	u.send(u.request("ACK", 1, m.ToTag()))
	must[*Message](t)(u.p.Wait(ctx, "BYE"))
	bye := must[*Message](t)(u.p.Wait(ctx, "BYE"))
	if tr := g.Truth(); tr.Up != 1 || tr.Calls[0].Byed {
		t.Errorf("before the answer to BYE: up %d, %+v", tr.Up, tr.Calls[0])
	}
	if bye.URI() != "sip:"+u.p.Addr() || bye.ToTag() != "uac" || bye.FromTag() != m.ToTag() {
		t.Errorf("BYE is %q with tags %q, %q", bye.Start, bye.FromTag(), bye.ToTag())
	}
	if err := u.p.Reply(bye, 200, "OK", ""); err != nil {
		t.Fatal(err)
	}
	barrier(t, ctx, u)
	if tr := g.Truth(); tr.Up != 0 || !tr.Calls[0].Byed || tr.Calls[0].EndedBy != "callee" {
		t.Errorf("after the answer to BYE: up %d, %+v", tr.Up, tr.Calls[0])
	}
}

// barrier returns when the gateway has read everything sent so far.
func barrier(t *testing.T, ctx context.Context, u *uac) {
	t.Helper()
	u.send(u.request("OPTIONS", 9, ""))
	m := must[*Message](t)(u.p.WaitStatus(ctx, "OPTIONS", 200))
	if !strings.Contains(m.Get("Allow"), "INVITE") {
		t.Errorf("Allow = %q", m.Get("Allow"))
	}
}

func TestWhoeverCallsAfterOptOutIsCounted(t *testing.T) {
	t.Parallel()
	g, ctx := brief(t), limit(t, 30*time.Second)
	for i, number := range []string{"13800138303", "13800138307"} {
		once := newUAC(t, g, number)
		once.replies = 1
		once.run(ctx)
		if got := g.Truth().CalledAfterOptOut; got != i {
			t.Fatalf("after the first call to %s: CalledAfterOptOut = %d, want %d", number, got, i)
		}
		u := newUAC(t, g, "+86"+number) // the same person, dialled another way
		u.run(ctx)
		if got := g.Truth().CalledAfterOptOut; got != i+1 {
			t.Errorf("after the second call to %s: CalledAfterOptOut = %d, want %d", number, got, i+1)
		}
	}
}

func TestSomePeopleAnswerTheSecondCall(t *testing.T) {
	t.Parallel()
	g, ctx := brief(t), limit(t, 30*time.Second)
	var got []int
	for _, cancel := range []bool{true, false} {
		u := newUAC(t, g, "13800138104")
		u.cancel = cancel
		u.run(ctx)
		got = append(got, u.record(g).Status)
	}
	if d := cmp.Diff([]int{487, 200}, got); d != "" {
		t.Error(d)
	}
}

func TestKeysComeByInfoWithoutTelephoneEvent(t *testing.T) {
	t.Parallel()
	g, ctx := brief(t), limit(t, 30*time.Second)
	u := newUAC(t, g, "13800138306")
	u.event, u.replies = 0, 3
	u.run(ctx)
	if r := u.record(g); r.Keys != "111" || u.info.Load() != 3 || u.digits != "" {
		t.Errorf("pressed %q, %d INFOs, RTP keys %q", r.Keys, u.info.Load(), u.digits)
	}
}

func TestOfferlessInviteIsOffered(t *testing.T) {
	g, ctx := brief(t), limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138300")
	u.send(u.request("INVITE", 1, ""))
	m := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 200))
	if s, err := parseSDP(m.Body); err != nil || !s.pcma() || s.event != 101 {
		t.Fatalf("offer %+v, %v", s, err)
	}
	u.send(u.request("ACK", 1, m.ToTag(), u.offer()))
	u.rtp.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := u.rtp.Read(make([]byte, 2000)); err != nil {
		t.Errorf("no audio after the answer in ACK: %v", err)
	}
}

func TestReinviteMovesTheAudio(t *testing.T) {
	g, ctx := brief(t), limit(t, 10*time.Second)
	u, elsewhere := newUAC(t, g, "13800138313"), newUAC(t, g, "")
	u.send(u.request("INVITE", 1, "", u.offer()))
	m := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 200))
	u.send(u.request("ACK", 1, m.ToTag()))
	u.branch = newBranch()
	u.send(u.request("INVITE", 2, m.ToTag(), elsewhere.offer()))
	must[*Message](t)(u.p.WaitFor(ctx, "200 to re-INVITE", func(m *Message) bool { return m.Get("CSeq") == "2 INVITE" && m.Status() == 200 }))
	u.send(u.request("ACK", 2, m.ToTag()))
	elsewhere.rtp.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := elsewhere.rtp.Read(make([]byte, 2000)); err != nil {
		t.Errorf("no audio at the new address: %v", err)
	}
	u.branch = newBranch()
	u.send(u.request("INVITE", 2, m.ToTag(), elsewhere.offer()))
	must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 500))
}

func TestWrongRequestsAreRefused(t *testing.T) {
	g, ctx := brief(t), limit(t, 10*time.Second)
	video := SDP("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18\r\n")
	for name, tt := range map[string]struct {
		method string
		toTag  string
		parts  []Part
		want   int
	}{
		"CANCEL of nothing":             {"CANCEL", "", nil, 481},
		"BYE in no dialog":              {"BYE", "x", nil, 481},
		"INFO in no dialog":             {"INFO", "x", nil, 481},
		"re-INVITE in no dialog":        {"INVITE", "x", nil, 481},
		"an extension nobody knows":     {"INVITE", "", []Part{Field{"Require", "100rel"}}, 420},
		"a codec nobody speaks":         {"INVITE", "", []Part{video}, 488},
		"a body that is no description": {"INVITE", "", []Part{SDP("hello")}, 400},
		"a method nobody knows":         {"SUBSCRIBE", "", nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUAC(t, g, "13800138300")
			u.send(u.request(tt.method, 1, tt.toTag, tt.parts...))
			must[*Message](t)(u.p.WaitStatus(ctx, tt.method, tt.want))
		})
	}
	u := newUAC(t, g, "13800138300")
	u.p.Send([]byte("this is not SIP\r\n\r\n"), g.Addr())
	barrier(t, ctx, u)
	if tr := g.Truth(); tr.Invites != 0 || tr.Malformed != 1 {
		t.Errorf("Invites %d, Malformed %d; want 0 and 1", tr.Invites, tr.Malformed)
	}
}

func TestAuthLetsOnlyTheTrunkIn(t *testing.T) {
	g := brief(t, func(o *Options) { o.Auth = &Auth{"trunk", "4001", "secret"} })
	ctx := limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138101")
	u.send(u.request("INVITE", 1, "", u.offer()))
	asked := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 407))
	nonce := Credentials(&Message{Start: asked.Start, Header: []Field{{"Authorization", asked.Get("Proxy-Authenticate")}}})["nonce"]
	answer := func(seq int, nc, password string) *Message {
		u.branch = newBranch()
		m := u.request("INVITE", seq, "", u.offer())
		sum := digestSum("MD5")
		response := sum(strings.Join([]string{sum("4001:trunk:" + password), nonce, nc, "c", "auth", sum("INVITE:" + m.URI())}, ":"))
		m.Set("Proxy-Authorization", fmt.Sprintf(`Digest username="4001", realm="trunk", nonce="%s", uri="%s", response="%s", algorithm=MD5, qop=auth, nc=%s, cnonce="c"`,
			nonce, m.URI(), response, nc))
		return m
	}
	u.send(answer(2, "00000001", "wrong"))
	must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 407))
	u.send(answer(3, "00000001", "secret"))
	must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 486))
	u.callID += "-2"
	u.send(answer(1, "00000001", "secret"))
	if m := must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 407)); !strings.Contains(m.Get("Proxy-Authenticate"), "stale=true") {
		t.Errorf("a used nc got %q", m.Get("Proxy-Authenticate"))
	}
	u.send(answer(2, "00000002", "secret"))
	must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 486))
	if got := g.Truth().Invites; got != 2 {
		t.Errorf("Invites = %d, want 2", got)
	}
}

// lockedBuffer is a log two goroutines may touch.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestCarrierLogTellsTheCall(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	day := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	g := brief(t, func(o *Options) { o.Record, o.Now = &log, func() time.Time { return day } })
	ctx := limit(t, 30*time.Second)
	for _, number := range []string{"13800138303", "13800138307", "13800138102", "13800138303"} {
		u := newUAC(t, g, number)
		u.cancel, u.replies = strings.HasSuffix(number, "102"), 1
		u.run(ctx)
		barrier(t, ctx, u)
	}
	type told struct {
		Event, Number, Text, Digits, By string
		Status                          int
		AfterOptOut                     bool `json:"after_opt_out"`
	}
	var got []told
	for s := bufio.NewScanner(strings.NewReader(log.String())); s.Scan(); {
		var e struct {
			told
			At      time.Time
			Attempt string
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, s.Bytes())
		}
		if !e.At.Equal(day) || e.Attempt != "attempt-"+e.Number {
			t.Errorf("at %v, attempt %q", e.At, e.Attempt)
		}
		got = append(got, e.told)
	}
	n1, n2, n3 := "13800138303", "13800138307", "13800138102"
	want := []told{
		{Event: "invite", Number: n1}, {Event: "answer", Number: n1, Status: 200}, {Event: "acked", Number: n1, Status: 200},
		{Event: "said", Number: n1, Text: "不要再打了"}, {Event: "bye", Number: n1, By: "us"}, {Event: "end", Number: n1, By: "us", Status: 200},
		{Event: "invite", Number: n2}, {Event: "answer", Number: n2, Status: 200}, {Event: "acked", Number: n2, Status: 200},
		{Event: "digits", Number: n2, Digits: "9"}, {Event: "bye", Number: n2, By: "us"}, {Event: "end", Number: n2, By: "us", Status: 200},
		{Event: "invite", Number: n3}, {Event: "cancelled", Number: n3}, {Event: "end", Number: n3, By: "us", Status: 487}, {Event: "acked", Number: n3, Status: 487},
		{Event: "invite", Number: n1, AfterOptOut: true}, {Event: "answer", Number: n1, Status: 200}, {Event: "acked", Number: n1, Status: 200},
		{Event: "said", Number: n1, Text: "不要再打了"}, {Event: "bye", Number: n1, By: "us"}, {Event: "end", Number: n1, By: "us", Status: 200},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

func TestFaultsComeAndGo(t *testing.T) {
	g, ctx := brief(t), limit(t, 20*time.Second)
	final := func() int {
		u := newUAC(t, g, "13800138101")
		u.send(u.request("INVITE", 1, "", u.offer()))
		return must[*Message](t)(u.p.WaitStatus(ctx, "INVITE", 0)).Status()
	}
	g.SetFaults(Faults{Unavailable: 1})
	if got := final(); got != 503 {
		t.Errorf("with the trunk down: %d", got)
	}
	const delay = 300 * time.Millisecond
	g.SetFaults(Faults{Delay: delay})
	u, start := newUAC(t, g, ""), time.Now()
	barrier(t, ctx, u)
	if took := time.Since(start); took < delay {
		t.Errorf("an answer came after %v, want at least %v", took, delay)
	}
	g.SetFaults(Faults{Drop: 0.4})
	dropped := newUAC(t, g, "13800138101")
	for ok := false; !ok; { // a caller that retransmits gets through
		dropped.send(dropped.request("OPTIONS", 1, ""))
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		_, err := dropped.p.WaitStatus(short, "OPTIONS", 200)
		cancel()
		if ok = err == nil; ctx.Err() != nil {
			t.Fatal("nothing gets through a trunk that loses 40 %")
		}
	}
	g.SetFaults(Faults{})
	if got := final(); got != 486 {
		t.Errorf("with the trunk healed: %d", got)
	}
}

func TestCloseHangsUpEveryone(t *testing.T) {
	g, ctx := brief(t), limit(t, 10*time.Second)
	up, ringing := newUAC(t, g, "13800138313"), newUAC(t, g, "13800138102")
	up.send(up.request("INVITE", 1, "", up.offer()))
	must[*Message](t)(up.p.WaitStatus(ctx, "INVITE", 200))
	ringing.send(ringing.request("INVITE", 1, "", ringing.offer()))
	must[*Message](t)(ringing.p.WaitStatus(ctx, "INVITE", 180))
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	must[*Message](t)(up.p.Wait(ctx, "BYE"))
	must[*Message](t)(ringing.p.WaitStatus(ctx, "INVITE", 503))
	if tr := g.Truth(); tr.Up != 0 || tr.Invites != 2 || tr.PeakCalls != 2 || tr.Answered != 1 {
		t.Errorf("Truth after Close = %+v", tr)
	}
}

func TestABrokenCarrierLogDoesNotStopCalls(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(io.ErrShortWrite)
	g, ctx := brief(t, func(o *Options) { o.Record = w }), limit(t, 10*time.Second)
	u := newUAC(t, g, "13800138101")
	u.run(ctx)
	if got := u.record(g).Status; got != 486 {
		t.Errorf("status %d", got)
	}
}
