package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen shows progress: one redrawn line on a terminal, a plain line every few
// seconds elsewhere.
type screen struct {
	mu   sync.Mutex
	w    io.Writer
	tty  bool
	wide int // what the last status line took
	last time.Time
}

// plainEvery is how often a status goes to something that is no terminal.
const plainEvery = 5 * time.Second

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		s.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return s
}

// say prints a line that stays.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// Write lets a logger speak on the screen.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	return s.w.Write(b)
}

// status shows what is going on.
func (s *screen) status(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	if !s.tty {
		if time.Since(s.last) >= plainEvery {
			s.last = time.Now()
			fmt.Fprintln(s.w, line)
		}
		return
	}
	s.clear()
	fmt.Fprint(s.w, line)
	s.wide = len(line)
}

func (s *screen) clear() {
	if s.wide > 0 {
		fmt.Fprint(s.w, "\r"+strings.Repeat(" ", s.wide)+"\r")
		s.wide = 0
	}
}

// done leaves the cursor on a fresh line.
func (s *screen) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}
