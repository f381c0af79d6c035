package media

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAShortSleepAlwaysEnds keeps a timer that fires before the poller waits from
// putting a shard to sleep for ever: seen as a call whose sound stopped when the
// machine was busy.
func TestAShortSleepAlwaysEnds(t *testing.T) {
	var busy atomic.Bool
	var collector sync.WaitGroup
	busy.Store(true)
	collector.Go(func() {
		for busy.Load() {
			runtime.GC() // stops the world anywhere, also between setting and waiting
		}
	})
	defer collector.Wait()
	defer busy.Store(false)
	s, err := newTimerSleeper()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var slept atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); slept.Add(1) {
			s.sleep(time.Duration(slept.Load()%20) * time.Microsecond)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("sleep %d never ended", slept.Load()+1)
	}
}
