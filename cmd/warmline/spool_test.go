package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

func TestSpoolKeepsFactsOverARestartAndForgetsOnlyTheTaken(t *testing.T) {
	dir := t.TempDir()
	s, err := openSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"a", "b", "c"} {
		if err := s.add("opt_out", time.Now(), who); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"kind":"opt_out","da`) // a crash in mid-write
	f.Close()

	if s, err = openSpool(dir); err != nil {
		t.Fatal(err)
	}
	if s.waiting() != 3 {
		t.Fatalf("waiting %d, want 3", s.waiting())
	}
	var got []string
	down := errors.New("down")
	err = s.drain(context.Background(), func(_ context.Context, l spooled) error {
		if len(got) == 2 {
			return down
		}
		got = append(got, string(l.Data))
		return nil
	})
	if !errors.Is(err, down) || s.waiting() != 1 {
		t.Errorf("drain: %v, waiting %d; want down, 1", err, s.waiting())
	}
	if err := s.drain(context.Background(), func(_ context.Context, l spooled) error {
		got = append(got, string(l.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[2] != `"c"` || s.waiting() != 0 {
		t.Errorf("got %v, waiting %d", got, s.waiting())
	}
}
