package media

import "time"

// A sleeper lets a shard wait for its next slot; it may wake early, never much
// too late. Go's own timers are rounded up to the poller's milliseconds; where the
// kernel has timers that the poller can wait for, they are exact. In tests time
// may be virtual, so an engine on other sockets than UDP uses Go's.
type sleeper interface {
	sleep(time.Duration)
	close()
}

type goSleeper struct{}

func (goSleeper) sleep(d time.Duration) { time.Sleep(d) }
func (goSleeper) close()                {}
