package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// spool keeps what must not be lost while PostgreSQL does not answer: opt-outs
// and results, one JSON line each, fsynced before anyone is told it is noted.
// As long as it holds anything this process starts no new contact.
type spool struct {
	path string
	mu   sync.Mutex
	n    atomic.Int64
}

// spooled is one line of the spool.
type spooled struct {
	Kind string          `json:"kind"` // opt_out or result
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data"`
}

// openSpool opens dir's spool and counts what an earlier process left in it.
func openSpool(dir string) (*spool, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	s := &spool{path: filepath.Join(dir, "spool.jsonl")}
	lines, err := s.read()
	if err != nil {
		return nil, err
	}
	s.n.Store(int64(len(lines)))
	return s, nil
}

// waiting is how many facts wait for PostgreSQL.
func (s *spool) waiting() int { return int(s.n.Load()) }

// add writes one fact and returns when the disk has it.
func (s *spool) add(kind string, at time.Time, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	line, err := json.Marshal(spooled{kind, at, b})
	if err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	_, err = f.Write(append(line, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	s.n.Add(1)
	return nil
}

// drain hands every fact, oldest first, to take and forgets those taken; it
// stops at the first that take refuses. Facts added meanwhile are kept.
func (s *spool) drain(ctx context.Context, take func(context.Context, spooled) error) error {
	if s.waiting() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, err := s.read()
	if err != nil {
		return err
	}
	done := 0
	for _, l := range lines {
		if err = take(ctx, l); err != nil {
			break
		}
		done++
	}
	if done > 0 {
		if werr := s.rewrite(lines[done:]); werr != nil {
			return errors.Join(err, werr)
		}
	}
	s.n.Store(int64(len(lines) - done))
	return err
}

// read returns the lines; one torn by a crash while being written was never
// acknowledged to anybody and is left out.
func (s *spool) read() ([]spooled, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	defer f.Close()
	var out []spooled
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return out, nil
		}
		var l spooled
		if json.Unmarshal(line, &l) == nil {
			out = append(out, l)
		}
	}
}

func (s *spool) rewrite(lines []spooled) error {
	tmp := s.path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("rewriting the spool: %w", err)
	}
	enc := json.NewEncoder(f)
	for _, l := range lines {
		err = errors.Join(err, enc.Encode(l))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("rewriting the spool: %w", err)
	}
	return os.Rename(tmp, s.path)
}
