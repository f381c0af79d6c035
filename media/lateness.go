package media

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A lateness is a histogram of how late frames leave, in quarter octaves from
// 1 µs. It has two halves of five seconds each, so it forgets: what a dialer wants
// to know is how late frames are now.
type lateness struct {
	halves  [2][latenessBuckets]atomic.Uint64
	current atomic.Uint32
	turnAt  time.Duration // owned by the shard
	max     atomic.Int64  // since the start
}

const (
	latenessBuckets = 4 * 26 // up to about a minute
	latenessHalf    = 5 * time.Second
)

// note files one visit; only the shard calls it.
func (h *lateness) note(late, now time.Duration) {
	if now >= h.turnAt {
		h.turn(now)
	}
	if late > time.Duration(h.max.Load()) {
		h.max.Store(int64(late))
	}
	h.halves[h.current.Load()][bucketOf(late)].Add(1)
}

// turn empties the older half and makes it the current one; after a pause both go.
func (h *lateness) turn(now time.Duration) {
	other := 1 - h.current.Load()
	for i := range h.halves[other] {
		h.halves[other][i].Store(0)
	}
	if now-h.turnAt >= latenessHalf {
		for i := range h.halves[1-other] {
			h.halves[1-other][i].Store(0)
		}
	}
	h.current.Store(other)
	h.turnAt = now + latenessHalf
}

// addTo adds both halves to a sum over shards.
func (h *lateness) addTo(sum *[latenessBuckets]uint64) {
	for half := range h.halves {
		for i := range sum {
			sum[i] += h.halves[half][i].Load()
		}
	}
}

// bucketOf is four buckets an octave: the exponent and the next two bits.
func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < 4 {
		return int(us)
	}
	exp := bits.Len64(us) - 1
	return min(latenessBuckets-1, 4*(exp-1)+int(us>>(exp-2)&3))
}

// bucketEnd is the first duration above a bucket.
func bucketEnd(i int) time.Duration {
	if i < 4 {
		return time.Duration(i+1) * time.Microsecond
	}
	exp := i/4 + 1
	return time.Duration(uint64(4+i%4+1)<<(exp-2)) * time.Microsecond
}

// percentile is the upper edge of the bucket that holds the given share.
func percentile(sum *[latenessBuckets]uint64, share float64) time.Duration {
	total := uint64(0)
	for _, n := range sum {
		total += n
	}
	if total == 0 {
		return 0
	}
	rest := uint64(share * float64(total))
	for i, n := range sum {
		if rest < n {
			return bucketEnd(i)
		}
		rest -= n
	}
	return bucketEnd(latenessBuckets - 1)
}
