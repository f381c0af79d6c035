package media

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadSleeper is precise to some microseconds. A signal ends the sleep early;
// the shard looks at the clock again.
var threadSleeper = sleeper{thread: true, sleep: func(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil)
}}
