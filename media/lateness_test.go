package media

import (
	"testing"
	"time"
)

func TestLatenessBucketsHoldWhatTheySay(t *testing.T) {
	for d := time.Duration(0); d < 40*time.Second; d += d/7 + time.Microsecond {
		i := bucketOf(d)
		if d >= bucketEnd(i) || i > 0 && d < bucketEnd(i-1) {
			t.Fatalf("%v is in bucket %d, from %v to %v", d, i, bucketEnd(i-1), bucketEnd(i))
		}
	}
	if i := bucketOf(time.Hour); i != latenessBuckets-1 {
		t.Errorf("an hour is in bucket %d", i)
	}
	if i := bucketOf(-time.Second); i != 0 {
		t.Errorf("early is in bucket %d", i)
	}
}

func TestLatenessForgets(t *testing.T) {
	var h lateness
	p99 := func() time.Duration {
		var sum [latenessBuckets]uint64
		h.addTo(&sum)
		return percentile(&sum, 0.99)
	}
	if p99() != 0 {
		t.Errorf("without frames p99 is %v", p99())
	}
	for i := range 100 {
		h.note(50*time.Millisecond, time.Second+time.Duration(i))
	}
	if p := p99(); p < 50*time.Millisecond || p > 70*time.Millisecond {
		t.Errorf("p99 of 50 ms is %v", p)
	}
	for now := 2 * time.Second; now < 13*time.Second; now += 20 * time.Millisecond {
		h.note(100*time.Microsecond, now)
	}
	if p := p99(); p > 200*time.Microsecond {
		t.Errorf("ten seconds later p99 is still %v", p)
	}
	if time.Duration(h.max.Load()) != 50*time.Millisecond {
		t.Errorf("the worst is %v", time.Duration(h.max.Load()))
	}
}
