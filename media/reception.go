package media

import "time"

// Limits of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// An arrival says what a sequence number means to a reception.
type arrival uint8

const (
	fresh     arrival = iota // first copy, in or out of order
	repeated                 // a copy of one already here
	ancient                  // too old to tell
	stranger                 // an SSRC not (yet) believed
	restarted                // fresh, and the first of a new SSRC or sequence
)

// A reception follows one source by RFC 3550 appendix A: loss by sequence
// number, jitter by timestamp. It knows no clock and no socket.
type reception struct {
	ssrc    uint32
	started bool
	base    uint32 // extended sequence number counting began with
	max     uint32 // highest extended sequence number
	seen    uint64 // which of the 64 up to max have come; bit 0 is max

	expectedBefore uint64 // of earlier SSRCs and sequences
	received       uint64 // in this sequence, without copies
	receivedBefore uint64
	late           uint64 // came behind a younger one

	rival     uint32 // an SSRC that must show two packets in a row
	rivalNext uint16
	hasRival  bool
	badNext   uint16 // a jump must be followed by its successor
	hasBad    bool

	transit    int64
	hasTransit bool
	jitter     uint32 // RFC 3550 A.8, scaled by 16, in timestamp units
}

// admit files one packet's sequence number and says what it was.
func (r *reception) admit(h header) arrival {
	switch {
	case !r.started:
		r.start(h)
		return restarted
	case h.ssrc != r.ssrc:
		if !r.hasRival || r.rival != h.ssrc || r.rivalNext != h.seq {
			r.rival, r.rivalNext, r.hasRival = h.ssrc, h.seq+1, true
			return stranger
		}
		r.start(h)
		return restarted
	}
	r.hasRival = false
	ahead := h.seq - uint16(r.max)
	switch {
	case ahead == 0:
		return repeated
	case ahead < maxDropout:
		r.max += uint32(ahead)
		r.seen = r.seen<<min(ahead, 64) | 1
	case -ahead <= maxMisorder: // behind
		behind := -ahead
		if behind >= 64 || uint32(behind) > r.max-r.base {
			return ancient
		}
		if r.seen&(1<<behind) != 0 {
			return repeated
		}
		r.seen |= 1 << behind
		r.late++
	case r.hasBad && h.seq == r.badNext:
		r.start(h)
		return restarted
	default:
		r.badNext, r.hasBad = h.seq+1, true
		return ancient
	}
	r.hasBad = false
	r.received++
	return fresh
}

// start begins a new sequence and keeps the totals of the old one.
func (r *reception) start(h header) {
	if r.started {
		r.expectedBefore += uint64(r.max-r.base) + 1
		r.receivedBefore += r.received
	}
	first := uint32(h.seq) + 1<<16 // room for an older one below
	r.ssrc, r.started, r.base, r.max, r.seen, r.received = h.ssrc, true, first, first, 1, 1
	r.hasRival, r.hasBad, r.hasTransit = false, false, false
}

// time notes when an audio packet came, by the kernel's clock where there is one.
func (r *reception) time(ts uint32, at time.Duration) {
	transit := int64(at/(time.Second/sampleRate)) - int64(ts)
	if r.hasTransit {
		d := int64(int32(transit - r.transit))
		if d < 0 {
			d = -d
		}
		r.jitter += uint32(min(d, 1<<20)) - (r.jitter+8)>>4
	}
	r.transit, r.hasTransit = transit, true
}

func (r *reception) expected() uint64 {
	if !r.started {
		return 0
	}
	return r.expectedBefore + uint64(r.max-r.base) + 1
}

func (r *reception) total() uint64 { return r.receivedBefore + r.received }

// lost is never negative: copies are not counted as received.
func (r *reception) lost() uint64 {
	if e := r.expected(); e > r.total() {
		return e - r.total()
	}
	return 0
}

func (r *reception) jitterTime() time.Duration {
	return time.Duration(r.jitter>>4) * (time.Second / sampleRate)
}
