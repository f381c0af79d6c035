package main

import (
	"sync/atomic"
	"time"
)

// clock is the world's time: wall time plus an offset, at wall speed. The demo
// starts its world at ten o'clock of a working day and adds a day; production
// leaves the offset at zero. Timeouts of SIP, RTP, leases and queues use
// monotonic time and never this.
type clock struct{ offset atomic.Int64 }

// now is the world's time.
func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// set moves the world to t.
func (c *clock) set(t time.Time) { c.offset.Store(int64(time.Until(t))) }
