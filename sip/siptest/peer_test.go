package siptest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pair opens two peers and a limit for the whole test.
func pair(t *testing.T) (caller, called *Peer, ctx context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	open := func() *Peer {
		p, err := Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	return open(), open(), ctx
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestPeerScriptsAForkedAnswer(t *testing.T) {
	caller, called, ctx := pair(t)
	if err := caller.Send([]byte("\r\n\r\n"), called.Addr()); err != nil { // a keep-alive is not a message
		t.Fatal(err)
	}
	if err := caller.Send([]byte(invite), called.Addr()); err != nil {
		t.Fatal(err)
	}
	req := must[*Message](t)(called.Wait(ctx, "INVITE"))
	for range 12 {
		if err := called.Reply(req, 180, "Ringing", "one"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tag := range []string{"one", "two"} {
		if err := called.Reply(req, 200, "OK", tag, NewSDP("127.0.0.1", 4000, 1), Q850(16, "x"), RecordRoute("127.0.0.1:1")); err != nil {
			t.Fatal(err)
		}
	}
	var tags []string
	for range 14 {
		m, _, err := caller.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Status() == 200 {
			tags = append(tags, m.ToTag())
			if got := len(m.All("Record-Route")); got != 3 || len(m.Body) == 0 || m.Get("Contact") == "" {
				t.Errorf("200 has %d Record-Routes, body %q, Contact %q", got, m.Body, m.Get("Contact"))
			}
			if via := m.All("Via")[0]; param(via, "received") != "127.0.0.1" || param(via, "rport") == "" {
				t.Errorf("topmost Via = %q, want received and rport", via)
			}
		}
	}
	if d := cmp.Diff([]string{"one", "two"}, tags); d != "" {
		t.Error(d)
	}
}

func TestPeerHangsUpInADialog(t *testing.T) {
	caller, called, ctx := pair(t)
	if err := caller.Send([]byte(invite), called.Addr()); err != nil {
		t.Fatal(err)
	}
	d := called.Dialog(must[*Message](t)(called.Wait(ctx, "INVITE")), "x")
	re := must[*Message](t)(d.Reinvite(NewSDP("127.0.0.1", 4000, 2)))
	ack := d.Request("ACK")
	must[*Message](t)(d.Bye())
	m := must[*Message](t)(caller.Wait(ctx, "BYE"))
	reSeq, _ := re.CSeq()
	ackSeq, _ := ack.CSeq()
	byeSeq, _ := m.CSeq()
	got := []any{m.URI(), m.FromTag(), m.ToTag(), m.All("Route"), m.Get("Reason"), ackSeq == reSeq, byeSeq == reSeq+1, caller.Count("INVITE")}
	want := []any{"sip:bot@127.0.0.1:5070", "x", "a1", []string{"<sip:10.0.0.1;lr>", "<sip:10.0.0.2;lr>"}, `Q.850;cause=16;text="Normal call clearing"`, true, true, 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPeerStopsWaitingWhenTold(t *testing.T) {
	_, called, ctx := pair(t)
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if m, err := called.Wait(ctx, "BYE"); err == nil {
		t.Errorf("Wait = %v, want an error", m)
	}
	called.Close()
	if _, _, err := called.Next(t.Context()); err == nil {
		t.Error("Next after Close gave no error")
	}
}

func TestDigestNamesWhatIsWrong(t *testing.T) {
	with := func(v string) *Message {
		return &Message{Start: "INVITE sip:b@h;user=phone SIP/2.0", Header: []Field{{"Proxy-Authorization", v}}}
	}
	// HA1 = MD5(u:r:p), HA2 = MD5(INVITE:uri), as RFC 2617 3.2.2 writes them.
	sum := digestSum("")
	good := sum(sum("u:r:p") + ":n:00000001:c:auth:" + sum("INVITE:sip:b@h;user=phone"))
	head := `Digest username="u", realm="r", nonce="n", qop=auth, nc=00000001, cnonce="c", algorithm=MD5, `
	for name, tt := range map[string]struct {
		value string
		ok    bool
	}{
		"the right answer":               {head + `uri="sip:b@h;user=phone", response="` + good + `"`, true},
		"a uri that lost its parameters": {head + `uri="sip:b@h", response="` + good + `"`, false},
		"a wrong response":               {head + `uri="sip:b@h;user=phone", response="0"`, false},
		"another scheme":                 {"Basic abc", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckDigest(with(tt.value), "r", "u", "p"); (err == nil) != tt.ok {
				t.Errorf("CheckDigest = %v, want ok %v", err, tt.ok)
			}
		})
	}
}
