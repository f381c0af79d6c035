package media

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// A Lateness is a histogram of how late frames left, in eighths of an octave from
// one microsecond. It only grows; the difference of two is what lay between.
type Lateness struct {
	counts [latenessBuckets]uint64
}

// latenessBuckets reach up to about a minute.
const latenessBuckets = 8 * 24

func (l *Lateness) note(late time.Duration) { l.counts[bucketOf(late)]++ }

// Add adds another histogram.
func (l *Lateness) Add(o *Lateness) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
}

// Sub takes away an earlier state of the same histogram.
func (l *Lateness) Sub(o *Lateness) {
	for i, n := range o.counts {
		l.counts[i] -= n
	}
}

// Count is the number of frames.
func (l *Lateness) Count() (n uint64) {
	for _, c := range l.counts {
		n += c
	}
	return n
}

// Percentile is the lateness the given share of frames stayed below; within a
// bucket frames count as evenly spread. Zero without frames.
func (l *Lateness) Percentile(share float64) time.Duration {
	rest := share * float64(l.Count())
	for i, n := range l.counts {
		if n > 0 && rest <= float64(n) {
			begin := time.Duration(0)
			if i > 0 {
				begin = bucketEnd(i - 1)
			}
			return begin + time.Duration(rest/float64(n)*float64(bucketEnd(i)-begin))
		}
		rest -= float64(n)
	}
	return 0
}

// bucketOf is one bucket a microsecond up to 8, then eight an octave: the
// exponent and the next three bits.
func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < 8 {
		return int(us)
	}
	exp := bits.Len64(us) - 1
	return min(latenessBuckets-1, 8*(exp-2)+int(us>>(exp-3)&7))
}

// bucketEnd is the first duration above a bucket.
func bucketEnd(i int) time.Duration {
	if i < 8 {
		return time.Duration(i+1) * time.Microsecond
	}
	exp := i/8 + 2
	return time.Duration(uint64(8+i%8+1)<<(exp-3)) * time.Microsecond
}

// A logbook is how a shard keeps its time: what it writes itself without a lock,
// and once a second a copy that others may read. It remembers ten seconds, so it
// forgets: what a dialer wants to know is how late frames are now.
type logbook struct {
	late Lateness      // the shard's own, since the start
	busy time.Duration // the shard's own: spent on legs
	next time.Duration // when the next copy is due

	worst   atomic.Int64 // since the start
	walking atomic.Bool  // there are legs to visit

	mu     sync.Mutex
	copies [logbookSpan + 1]moment // a ring; the newest is the one before at
	at     int
	kept   int
}

// logbookSpan is how many seconds a logbook remembers.
const logbookSpan = 10

type moment struct {
	at, busy time.Duration
	late     Lateness
}

// note files one visit.
func (b *logbook) note(late time.Duration) {
	if late > time.Duration(b.worst.Load()) {
		b.worst.Store(int64(late))
	}
	b.late.note(late)
}

// begin is called when the first leg comes after a time without any.
func (b *logbook) begin(now time.Duration) {
	b.mu.Lock()
	b.kept = 0
	b.mu.Unlock()
	b.copy(now)
	b.walking.Store(true)
}

// copy makes the last second known.
func (b *logbook) copy(now time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.copies[b.at] = moment{now, b.busy, b.late}
	b.at = (b.at + 1) % len(b.copies)
	b.kept = min(b.kept+1, len(b.copies))
	b.next = now + time.Second
}

// last gives what the shard did in the given number of whole seconds before the
// newest copy: how late its frames were, and which share of the time its legs
// took. A shard that should be writing and has not for two seconds is stuck: it
// is as late as that.
func (b *logbook) last(seconds int, now time.Duration) (late Lateness, busy float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept == 0 {
		return late, 0
	}
	newest := &b.copies[(b.at-1+len(b.copies))%len(b.copies)]
	oldest := &b.copies[(b.at-1-min(seconds, b.kept-1)+len(b.copies))%len(b.copies)]
	silent := now - newest.at
	if b.walking.Load() && silent > 2*time.Second {
		late.note(silent)
		return late, 1
	}
	if silent > time.Duration(seconds+1)*time.Second { // no legs since
		return late, 0
	}
	late = newest.late
	late.Sub(&oldest.late)
	if length := newest.at - oldest.at; length > 0 {
		busy = float64(newest.busy-oldest.busy) / float64(length)
	}
	return late, busy
}
