package media

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A timerSleeper is a timerfd in Go's poller. A shard that sleeps gives its
// processor to others as with time.Sleep, which it would not if its thread slept
// in the kernel; it is woken within some tens of microseconds.
type timerSleeper struct {
	file  *os.File
	conn  syscall.RawConn
	fd    int
	spec  unix.ItimerSpec
	asked bool
	err   error // of setting the timer
	wait  func(uintptr) bool
}

// newSleeper gives exact sleep, or Go's where the kernel refuses it.
func newSleeper() sleeper {
	s, err := newTimerSleeper()
	if err != nil {
		return goSleeper{}
	}
	return s
}

func newTimerSleeper() (*timerSleeper, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	s := &timerSleeper{fd: fd, file: os.NewFile(uintptr(fd), "shard timer")}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("waiting for a timer: %w", err)
	}
	// The first question sets the timer and says no, so that the poller waits; what
	// it was woken by need not be read, as setting the timer anew forgets it. The
	// timer must not be set before: what fires before the first question is
	// forgotten by the poller, which hears of it once only, and nothing would wake
	// the shard any more.
	s.wait = func(uintptr) bool {
		if s.asked {
			return true
		}
		s.asked = true
		s.err = unix.TimerfdSettime(s.fd, 0, &s.spec, nil)
		return s.err != nil
	}
	return s, nil
}

func (s *timerSleeper) sleep(d time.Duration) {
	s.spec.Value = unix.NsecToTimespec(int64(max(d, 1)))
	s.asked, s.err = false, nil
	if err := s.conn.Read(s.wait); err != nil || s.err != nil {
		time.Sleep(d)
	}
}

func (s *timerSleeper) close() { _ = s.file.Close() }
