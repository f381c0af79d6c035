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
	var b logbook
	p99 := func(now time.Duration) time.Duration {
		late, _ := b.last(logbookSpan, now)
		return late.Percentile(0.99)
	}
	if p := p99(0); p != 0 {
		t.Errorf("without frames p99 is %v", p)
	}
	b.begin(time.Second)
	second := func(now, late time.Duration) {
		for range 100 {
			b.note(late)
		}
		b.busy += 300 * time.Millisecond
		b.copy(now)
	}
	second(2*time.Second, 50*time.Millisecond)
	if p := p99(2500 * time.Millisecond); p < 45*time.Millisecond || p > 55*time.Millisecond {
		t.Errorf("p99 of 50 ms is %v", p)
	}
	for i := range time.Duration(logbookSpan) {
		second((3+i)*time.Second, 100*time.Microsecond)
	}
	now := 12 * time.Second
	if p := p99(now); p > 150*time.Microsecond {
		t.Errorf("ten seconds later p99 is still %v", p)
	}
	if _, busy := b.last(2, now); busy < 0.29 || busy > 0.31 {
		t.Errorf("busy %.2f, want 0.30", busy)
	}
	if worst := time.Duration(b.worst.Load()); worst != 50*time.Millisecond {
		t.Errorf("the worst is %v", worst)
	}
	if p := p99(now + 5*time.Second); p < 4*time.Second {
		t.Errorf("a shard that has been stuck for five seconds is %v late", p)
	}
	b.walking.Store(false)
	if p := p99(now + time.Minute); p != 0 {
		t.Errorf("a shard without legs is %v late", p)
	}
}

func TestAPercentileLiesWhereItsFramesAre(t *testing.T) {
	var l, before Lateness
	before.note(time.Second)
	l.Add(&before)
	for i := range 1000 {
		l.note(time.Duration(i) * 10 * time.Microsecond)
	}
	l.Sub(&before)
	for _, share := range []float64{0.5, 0.99, 0.999} {
		want := share * 10_000
		if got := float64(l.Percentile(share).Microseconds()); got < want*0.95 || got > want*1.05 {
			t.Errorf("p%g is %.0f µs, want %.0f", 100*share, got, want)
		}
	}
	if l.Count() != 1000 {
		t.Errorf("%d frames, want 1000", l.Count())
	}
}
