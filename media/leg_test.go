package media

import (
	"testing"
	"time"
)

func open(t testing.TB, e *Engine, c LegConfig) *Leg {
	t.Helper()
	l, err := e.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func engine(t testing.TB, c Config) *Engine {
	t.Helper()
	e, err := NewEngine(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// await gives the next event of a kind.
func await(t testing.TB, l *Leg, kind EventKind) Event {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-l.Events():
			if !ok {
				t.Fatalf("events closed before %q", kind)
			}
			if e.Kind == kind {
				return e
			}
		case <-limit:
			t.Fatalf("no %q within 10 s", kind)
		}
	}
}

func TestTwoLegsTalk(t *testing.T) {
	e := engine(t, Config{})
	a := open(t, e, LegConfig{Loopback: true})
	b := open(t, e, LegConfig{Loopback: true})
	answer, err := b.Reoffer(a.Offer())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s%s", a.Offer(), answer)
	if err := a.Accept(answer); err != nil {
		t.Fatal(err)
	}
	await(t, a, EventFirst)
	await(t, b, EventFirst)
	id := a.Play(NewClip(make([]int16, 8000)))
	got := await(t, a, EventPlayed)
	if got.ID != id || got.Frames != 50 || got.Total != 50 {
		t.Fatalf("played %+v, want 50 of 50 of %d", got, id)
	}
	t.Logf("%+v", a.Close())
	t.Logf("%+v", b.Close())
	t.Logf("%+v", e.Stats())
}
