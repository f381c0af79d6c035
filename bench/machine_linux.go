package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CPU is the processor time this process has used, user + system.
func CPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Ticks is the machine's time since boot, and what of it the host gave to
// others, in clock ticks of all cores together.
type Ticks struct{ Total, Stolen uint64 }

// ReadTicks reads the first line of /proc/stat.
func ReadTicks() (t Ticks, err error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return t, fmt.Errorf("reading the machine's time: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return t, errors.New("reading the machine's time: /proc/stat does not begin with cpu and eight numbers")
	}
	for i, f := range fields[1:9] { // guest time is part of user time
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return t, fmt.Errorf("reading the machine's time: %w", err)
		}
		t.Total += n
		if i == 7 {
			t.Stolen = n
		}
	}
	return t, nil
}

// Stolen is the share of the time between two readings that the host took.
func Stolen(from, to Ticks) float64 {
	if to.Total <= from.Total {
		return 0
	}
	return float64(to.Stolen-from.Stolen) / float64(to.Total-from.Total)
}

// pinned marks a process that Pin has begun anew; its value is the scheduling.
const pinned = "WARMLINE_BENCH_PINNED"

// fifoPriority is above every ordinary process, below the kernel's own threads.
const fifoPriority = 10

// Pin binds this process to one core, with SCHED_FIFO where that is permitted, and
// tells which scheduling it got. A runtime counts its cores and starts threads
// before main, so Pin sets both on one thread and begins the program anew from it.
// A negative core leaves the process where it is.
func Pin(core int) (scheduling string, err error) {
	if got := os.Getenv(pinned); got != "" {
		return got, nil
	}
	if core < 0 {
		return "SCHED_OTHER, not pinned", nil
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return "", fmt.Errorf("pinning to core %d: %w", core, err)
	}
	scheduling = "SCHED_FIFO"
	priority := int32(fifoPriority)
	if _, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, uintptr(unsafe.Pointer(&priority))); errno != 0 {
		scheduling = "SCHED_OTHER, as SCHED_FIFO is not permitted"
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("beginning anew on core %d: %w", core, err)
	}
	env := append(os.Environ(), pinned+"="+scheduling)
	return "", fmt.Errorf("beginning anew on core %d: %w", core, syscall.Exec(self, os.Args, env))
}
