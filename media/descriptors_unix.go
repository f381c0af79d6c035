//go:build unix

package media

import (
	"fmt"
	"syscall"
)

// roomForCalls raises the soft limit of open files to the hard one and tells
// whether the calls fit: two sockets each, and a thousand files for the rest.
func roomForCalls(calls int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if limit.Cur < limit.Max {
		raised := syscall.Rlimit{Cur: limit.Max, Max: limit.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	return fitsFiles(calls, uint64(limit.Cur))
}
