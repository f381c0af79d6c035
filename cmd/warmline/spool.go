package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// spool keeps what must not be lost while PostgreSQL does not answer: opt-outs
// and results, one JSON line each, fsynced before anyone is told it is noted.
// As long as it holds anything this process starts no new contact.
//
// A process has a file of its own, locked while it lives, so that processes may
// share a folder; who opens a folder takes over the files of the dead. What can
// never be brought home (an attempt that is in no database) goes to a file
// beside it, with an error in the log, and holds up nothing.
type spool struct {
	dir  string
	path string
	lock *os.File
	log  *slog.Logger

	draining sync.Mutex // one drain at a time; never held by add
	mu       sync.Mutex // guards the file
	n        atomic.Int64
}

// spooled is one line of the spool.
type spooled struct {
	Kind string          `json:"kind"` // opt_out or result
	At   time.Time       `json:"at"`
	Data json.RawMessage `json:"data"`
}

// errNever marks a fact that no later try will bring home either.
var errNever = errors.New("can never be brought home")

// openSpool opens a file in dir and moves into it what dead processes left.
func openSpool(dir string, log *slog.Logger) (*spool, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	f, err := os.CreateTemp(dir, "spool-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	s := &spool{dir: dir, path: f.Name(), lock: f, log: log}
	if err := s.adopt(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// adopt takes over the files whose owners are dead.
func (s *spool) adopt() error {
	files, err := filepath.Glob(filepath.Join(s.dir, "spool-*.jsonl"))
	if err != nil {
		return fmt.Errorf("looking for what dead processes left: %w", err)
	}
	for _, path := range files {
		if path == s.path {
			continue
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // its owner has just left
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			f.Close()
			continue // its owner lives
		}
		err = s.take(path)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// take appends another file's facts to ours, then removes it.
func (s *spool) take(path string) error {
	lines, err := s.read(path)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := s.append(l); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(path), syncDir(s.dir))
}

// waiting is how many facts wait for PostgreSQL.
func (s *spool) waiting() int { return int(s.n.Load()) }

// close leaves: an empty file goes away, one with facts stays for the next.
func (s *spool) close() {
	if s.waiting() == 0 {
		os.Remove(s.path)
	}
	s.lock.Close()
}

// add writes one fact and returns when the disk has it.
func (s *spool) add(kind string, at time.Time, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	if err := s.append(spooled{kind, at, b}); err != nil {
		return fmt.Errorf("spooling %s: %w", kind, err)
	}
	return nil
}

func (s *spool) append(l spooled) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > 0 {
		// A line torn by a full disk or a kill must not swallow this one.
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(s.dir)); err != nil {
		return err
	}
	s.n.Add(1)
	return nil
}

// drain hands the facts to take, opt-outs first and each kind oldest first, and
// forgets those taken. It stops at the first that take refuses, unless with
// errNever: such a fact is put aside. Facts added meanwhile stay.
func (s *spool) drain(ctx context.Context, take func(context.Context, spooled) error) error {
	if s.waiting() == 0 {
		return nil
	}
	s.draining.Lock()
	defer s.draining.Unlock()
	s.mu.Lock()
	lines, err := s.read(s.path)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	slices.SortStableFunc(lines, func(a, b spooled) int { return rank(a.Kind) - rank(b.Kind) })
	gone := map[string]bool{}
	for _, l := range lines {
		if err = take(ctx, l); errors.Is(err, errNever) {
			err = s.putAside(l, err)
		}
		if err != nil {
			break
		}
		gone[l.key()] = true
	}
	if len(gone) == 0 {
		return err
	}
	return errors.Join(err, s.forget(gone))
}

func rank(kind string) int {
	if kind == "opt_out" {
		return 0
	}
	return 1
}

func (l spooled) key() string { return l.Kind + l.At.String() + string(l.Data) }

// forget rewrites the file without the facts that are gone.
func (s *spool) forget(gone map[string]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, err := s.read(s.path)
	if err != nil {
		return err
	}
	lines = slices.DeleteFunc(lines, func(l spooled) bool { return gone[l.key()] })
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		err = errors.Join(err, enc.Encode(l))
	}
	// In place: the lock is on this very file. What is cut off has been taken
	// already, and taking it twice is taking it once.
	f, ferr := os.OpenFile(s.path, os.O_RDWR, 0)
	if err = errors.Join(err, ferr); err != nil {
		return fmt.Errorf("rewriting the spool: %w", err)
	}
	if _, err = f.WriteAt(b.Bytes(), 0); err == nil {
		err = f.Truncate(int64(b.Len()))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("rewriting the spool: %w", err)
	}
	s.n.Store(int64(len(lines)))
	return nil
}

// putAside keeps a fact for people to look at.
func (s *spool) putAside(l spooled, why error) error {
	s.log.Error("a spooled fact is put aside; look at spool.rejected in the data folder", "kind", l.Kind, "err", why)
	return s.reject(l)
}

func (s *spool) reject(l any) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "spool.rejected"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("putting a fact aside: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// read returns the facts of a file. A line that cannot be read was torn in the
// writing and nobody was told it is noted; it is put aside all the same.
func (s *spool) read(path string) ([]spooled, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	defer f.Close()
	var out []spooled
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var l spooled
			if json.Unmarshal(line, &l) == nil {
				out = append(out, l)
			} else if err := s.reject(string(line)); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the spool: %w", err)
		}
	}
}

// syncDir makes a new or removed name last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
