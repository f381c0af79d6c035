package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func spoolIn(t *testing.T, dir string) *spool {
	t.Helper()
	s, err := openSpool(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *spool) mustAdd(t *testing.T, kind string, data any) {
	t.Helper()
	if err := s.add(kind, time.Now(), data); err != nil {
		t.Fatal(err)
	}
}

// taking drains and returns what was taken; refuse decides which facts fail.
func taking(t *testing.T, s *spool, refuse func(data string) error) (got []string, err error) {
	t.Helper()
	err = s.drain(context.Background(), func(_ context.Context, l spooled) error {
		if refuse != nil {
			if err := refuse(string(l.Data)); err != nil {
				return err
			}
		}
		got = append(got, string(l.Data))
		return nil
	})
	return got, err
}

func TestSpoolKeepsFactsOverARestartAndForgetsOnlyTheTaken(t *testing.T) {
	dir := t.TempDir()
	s := spoolIn(t, dir)
	for _, who := range []string{"a", "b", "c"} {
		s.mustAdd(t, "opt_out", who)
	}
	s.close()
	s = spoolIn(t, dir)
	if s.waiting() != 3 {
		t.Fatalf("waiting %d, want 3", s.waiting())
	}
	down := errors.New("down")
	got, err := taking(t, s, func(data string) error {
		if data == `"c"` {
			return down
		}
		return nil
	})
	if !errors.Is(err, down) || s.waiting() != 1 {
		t.Errorf("drain: %v, waiting %d; want down, 1", err, s.waiting())
	}
	again, err := taking(t, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`"a"`, `"b"`, `"c"`}, append(got, again...)); diff != "" || s.waiting() != 0 {
		t.Errorf("taken (-want +got):\n%s waiting %d", diff, s.waiting())
	}
}

func TestATornLineSwallowsNothing(t *testing.T) {
	s := spoolIn(t, t.TempDir())
	s.mustAdd(t, "opt_out", "a")
	f, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"kind":"opt_out","da`) // the disk was full
	f.Close()
	s.mustAdd(t, "opt_out", "b")
	got, err := taking(t, s, nil)
	if diff := cmp.Diff([]string{`"a"`, `"b"`}, got); diff != "" || err != nil || s.waiting() != 0 {
		t.Errorf("%v, waiting %d, taken (-want +got):\n%s", err, s.waiting(), diff)
	}
}

func TestTwoProcessesShareAFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := spoolIn(t, dir), spoolIn(t, dir)
	a.mustAdd(t, "opt_out", "of a")
	b.mustAdd(t, "opt_out", "of b")
	if got, _ := taking(t, a, nil); len(got) != 1 || b.waiting() != 1 {
		t.Errorf("a took %v and b has %d waiting; want its own one each", got, b.waiting())
	}
	b.lock.Close() // b is killed
	c := spoolIn(t, dir)
	if got, err := taking(t, c, nil); err != nil || len(got) != 1 || got[0] != `"of b"` {
		t.Errorf("the next process took %v, %v; want what the dead one left", got, err)
	}
}

func TestAFactAddedDuringADrainStays(t *testing.T) {
	s := spoolIn(t, t.TempDir())
	s.mustAdd(t, "result", "first")
	got, err := taking(t, s, func(data string) error {
		if data == `"first"` {
			return s.add("opt_out", time.Now(), "meanwhile")
		}
		return nil
	})
	if err != nil || len(got) != 1 || s.waiting() != 1 {
		t.Errorf("took %v, %v, waiting %d; want the first taken and one waiting", got, err, s.waiting())
	}
}

func TestOptOutsComeFirstAndTheImpossibleHoldsUpNothing(t *testing.T) {
	s := spoolIn(t, t.TempDir())
	s.mustAdd(t, "result", "of an attempt nobody knows")
	s.mustAdd(t, "result", "good")
	s.mustAdd(t, "opt_out", "stop")
	got, err := taking(t, s, func(data string) error {
		if data == `"of an attempt nobody knows"` {
			return fmt.Errorf("no such attempt: %w", errNever)
		}
		return nil
	})
	if diff := cmp.Diff([]string{`"stop"`, `"good"`}, got); diff != "" || err != nil || s.waiting() != 0 {
		t.Errorf("%v, waiting %d, taken (-want +got):\n%s", err, s.waiting(), diff)
	}
}
