package bench

import "time"

// A Window is what one process did in about one second.
type Window struct {
	Seconds float64 `json:"seconds"` // how long it was
	CPU     float64 `json:"cpu"`     // seconds of processor, user + system
	Out     uint64  `json:"out"`     // packets sent
	In      uint64  `json:"in"`      // packets received
	Skipped uint64  `json:"skipped"` // frames not sent because it was too late
	Steal   float64 `json:"steal"`   // share of the machine's time the host took

	// How late packets left, in microseconds.
	Late50  float64 `json:"late_p50_us"`
	Late99  float64 `json:"late_p99_us"`
	Late999 float64 `json:"late_p999_us"`
}

// maxSteal is the share of stolen time above which a window says nothing.
const maxSteal = 0.01

// lateFloor is how late the floor's 99th packet may leave before the window
// measures the machine and not us: half a slot of the wheel's 20 ms.
const lateFloor = 10 * time.Millisecond

// Good tells whether the host left the process alone.
func (w Window) Good() bool { return w.Steal <= maxSteal }

// GoodFloor asks the same of a floor, which must not be late itself either.
func (w Window) GoodFloor() bool {
	return w.Good() && w.Skipped == 0 && w.Late99 <= float64(lateFloor.Microseconds())
}

// CallMinute is the processor time of one call-minute in milliseconds: of 3,000
// packets out and as many in.
func (w Window) CallMinute() float64 {
	if w.Out == 0 {
		return 0
	}
	return w.CPU * 1000 / (float64(w.Out) / 3000)
}

// A Lateness is a histogram in steps of one microsecond; what is later than the
// last step is filed there.
type Lateness struct {
	counts [1 << 17]uint32 // 131 ms
	total  uint64
}

// Note files one packet.
func (l *Lateness) Note(late time.Duration) {
	us := min(max(0, late.Microseconds()), int64(len(l.counts)-1))
	l.counts[us]++
	l.total++
}

// Percentile is the lateness in microseconds that the given share stayed below.
func (l *Lateness) Percentile(share float64) float64 {
	rest := uint64(share * float64(l.total))
	for us, n := range l.counts {
		if rest < uint64(n) {
			return float64(us + 1)
		}
		rest -= uint64(n)
	}
	return 0
}

// Reset forgets everything.
func (l *Lateness) Reset() { *l = Lateness{} }
