package media

import (
	"runtime"
	"sync"
	"time"
)

// A sleeper lets a shard wait for its next slot. Go's own timers are rounded to
// the poller's milliseconds and cost several system calls a sleep; a shard that
// owns its thread sleeps in the kernel instead. In tests time may be virtual, so
// an engine on other sockets than UDP uses Go's.
type sleeper struct {
	sleep  func(time.Duration)
	thread bool // sleep is meant for a thread of one's own
}

var goSleeper = sleeper{sleep: time.Sleep}

// spared counts the processors that engines of this process have been given.
var spared struct {
	mu sync.Mutex
	n  int
}

// spare gives Go's scheduler n processors more (or takes them back). A thread that
// sleeps in the kernel keeps its processor until somebody needs one; with a spare
// one for each such thread nobody has to take it away, 500 times a second.
func spare(n int) {
	if n == 0 {
		return
	}
	spared.mu.Lock()
	defer spared.mu.Unlock()
	spared.n += n
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

// processors are those of the machine, without the spare ones.
func processors() int {
	spared.mu.Lock()
	defer spared.mu.Unlock()
	return max(1, runtime.GOMAXPROCS(0)-spared.n)
}
