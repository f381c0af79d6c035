package media

import (
	"math"
	"time"
)

// The E-model (ITU-T G.107) in its short form: everything that is not loss or delay
// has its default, which leaves 93.2 of 100.
const (
	bestR       = 93.2
	lateR       = 0.024 // for each millisecond from mouth to ear
	talkOverMS  = 177.3 // beyond which people begin to talk over each other
	talkOverR   = 0.11  // for each millisecond beyond
	worstLoss   = 95.0  // what total loss takes away
	plainBpl    = 4.3   // G.113 appendix I, G.711 whose losses are left silent, as our ears leave them
	concealed   = 25.1  // and G.711 whose losses a telephone covers up
	lookEvery   = 20 * time.Millisecond
	bufferFrame = 2 // times the jitter: what a jitter buffer holds
)

// A path is one direction of a call as far as quality goes.
type path struct {
	loss  float64 // share of packets lost, 0 to 1
	delay time.Duration
	bpl   float64 // how well loss is borne, by codec and concealment
}

// rating is the transmission rating R, 0 to 93.2. G.711 and G.722 at 64 kbit/s have
// no impairment of their own on the scale of telephones; loss is taken as random.
func (p path) rating() float64 {
	ms := float64(p.delay) / float64(time.Millisecond)
	percent := 100 * max(0, min(1, p.loss))
	r := bestR - lateR*ms - talkOverR*max(0, ms-talkOverMS) - worstLoss*percent/(percent+p.bpl)
	return max(0, r)
}

// opinion is the mean opinion score of a rating, 1 to 4.5 (G.107 annex B).
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}

// judge fills in R and MOS: those of the worse direction. What we heard is known by
// our own counting, what they heard by their reports.
func (st *Stats) judge(expected uint64, ptime int) {
	if expected == 0 {
		return
	}
	half := st.RoundTrip / 2
	heard := path{loss: float64(st.Lost) / float64(expected), bpl: plainBpl,
		delay: half + lookEvery + bufferFrame*st.Jitter + time.Duration(ptime)*time.Millisecond}
	r := heard.rating()
	if st.RTCPReceived > 0 && st.Sent > 0 {
		sent := path{loss: float64(st.RemoteLost) / float64(st.Sent), bpl: concealed,
			delay: half + bufferFrame*st.RemoteJitter + time.Duration(ptime)*time.Millisecond}
		r = min(r, sent.rating())
	}
	st.R, st.MOS = math.Round(10*r)/10, math.Round(100*opinion(r))/100
}
