package wecom

import (
	"context"
	"errors"
	"testing"
)

func TestGateHalvesAndGrowsBack(t *testing.T) {
	g := &gate{limit: maxParallel}
	for _, want := range []int{2, 1, 1} {
		g.halve()
		if g.limit != want {
			t.Fatalf("got %d, want %d", g.limit, want)
		}
	}
	for n := range growAfter*maxParallel + 1 {
		g.worked()
		if want := min(maxParallel, 1+(n+1)/growAfter); g.limit != want {
			t.Fatalf("after %d good calls: got %d, want %d", n+1, g.limit, want)
		}
	}
}

func TestGateGivesTheTurnOfWhoGaveUpToTheNext(t *testing.T) {
	g := &gate{limit: 1}
	if err := g.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.enter(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	entered := make(chan error)
	go func() { entered <- g.enter(t.Context()) }()
	g.leave()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	g.leave()
	if g.running != 0 || len(g.queue) != 0 {
		t.Errorf("%d running, %d waiting", g.running, len(g.queue))
	}
}

func TestForgetLeavesANewerToken(t *testing.T) {
	token := accessToken{value: "new"}
	token.forget("old")
	if token.value != "new" {
		t.Error("the refusal of an old token dropped the new one")
	}
	token.forget("new")
	if token.value != "" {
		t.Error("a refused token was kept")
	}
}
