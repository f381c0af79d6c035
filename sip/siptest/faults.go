package siptest

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// Faults are what may go wrong with the trunk. Shares are 0 to 1; the same
// traffic meets the same losses in every run.
type Faults struct {
	Unavailable float64       `json:"unavailable"` // INVITEs answered 503 with Retry-After 2
	Drop        float64       `json:"drop"`        // SIP datagrams lost, each way
	DropRTP     float64       `json:"drop_rtp"`    // RTP packets lost, each way
	Delay       time.Duration `json:"delay"`       // added to everything the gateway signals
}

// faultState belongs to the owner goroutine.
type faultState struct {
	Faults
	rng  *rand.Rand
	held []heldPacket // delayed, in order of time
}

type heldPacket struct {
	at  time.Time
	raw []byte
	to  netip.AddrPort
}

func (f *faultState) seed() { f.rng = rand.New(rand.NewPCG(3261, 3550)) }

func (f *faultState) hit(share float64) bool { return share > 0 && f.rng.Float64() < share }

func (f *faultState) loseRTP() bool { return f.hit(f.DropRTP) }

// SetFaults changes what goes wrong from now on; the zero Faults heal the trunk.
func (g *Gateway) SetFaults(f Faults) {
	g.do(func() { g.faults.Faults = f })
}

// Faults returns what goes wrong at present.
func (g *Gateway) Faults() Faults {
	var f Faults
	g.do(func() { f = g.faults.Faults })
	return f
}

// send signals, unless a fault loses or delays it.
func (g *Gateway) send(raw []byte, to netip.AddrPort) {
	if g.faults.hit(g.faults.Drop) {
		return
	}
	if g.faults.Delay > 0 || len(g.faults.held) > 0 { // never overtake what is held
		g.faults.held = append(g.faults.held, heldPacket{time.Now().Add(g.faults.Delay), raw, to})
		return
	}
	g.write(raw, to)
}

func (g *Gateway) write(raw []byte, to netip.AddrPort) {
	if _, err := g.conn.WriteTo(raw, net.UDPAddrFromAddrPort(to)); err != nil {
		g.o.Log.Debug("sending SIP", "to", to, "err", err)
	}
}

// release sends what has been held long enough.
func (g *Gateway) release(now time.Time) {
	for len(g.faults.held) > 0 && !now.Before(g.faults.held[0].at) {
		h := g.faults.held[0]
		g.faults.held = g.faults.held[1:]
		g.write(h.raw, h.to)
	}
}
