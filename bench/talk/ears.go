package main

import (
	"context"
	"sync"
	"sync/atomic"

	"warmline/media"
)

// ears read taps as a recogniser does and keep nothing.
type ears struct {
	readers sync.WaitGroup
	deaf    atomic.Int64
}

// open listens to a leg until its end.
func (e *ears) open(l *media.Leg) {
	tap := l.Tap()
	e.readers.Go(func() {
		pcm := make([]int16, 320)
		samples := 0
		for {
			n, err := tap.Read(context.Background(), pcm)
			samples += n
			if err != nil { // the end of the leg
				break
			}
		}
		if samples == 0 {
			e.deaf.Add(1)
		}
	})
}

// count waits for the ends and tells how many heard nothing.
func (e *ears) count() int {
	e.readers.Wait()
	return int(e.deaf.Load())
}
