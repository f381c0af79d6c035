package sip

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// targets is what the agent knows of every target it has used: how many calls
// are on it, its breaker, its health. It decides nothing but the order.
type targets struct {
	mu     sync.Mutex
	known  map[targetKey]*targetState
	trunks map[string]*trunkLoad
}

type targetKey struct {
	trunk   string
	network string
	dest    netip.AddrPort
}

type targetState struct {
	breaker
	health
	live   int           // calls on it
	placed uint64        // INVITEs it got
	status int           // of the last OPTIONS; 0 when it was not answered
	rtt    time.Duration // of the last OPTIONS answered
	asked  time.Time     // when OPTIONS last went
	failed string        // the last failure, in words
	used   time.Time
}

type trunkLoad struct {
	live int
	pace pace
}

// maxTargets bounds what is remembered: `warmline load` may name a trunk a line.
const maxTargets = 4096

// at finds or makes a target's state. The caller holds mu.
func (ts *targets) at(k targetKey) *targetState {
	if s := ts.known[k]; s != nil {
		s.used = time.Now()
		return s
	}
	if ts.known == nil {
		ts.known, ts.trunks = map[targetKey]*targetState{}, map[string]*trunkLoad{}
	}
	if len(ts.known) >= maxTargets {
		ts.forget()
	}
	s := &targetState{used: time.Now()}
	ts.known[k] = s
	return s
}

// forget makes room: the targets without calls, half of them, longest unused first.
func (ts *targets) forget() {
	var idle []targetKey
	for k, s := range ts.known {
		if s.live == 0 {
			idle = append(idle, k)
		}
	}
	slices.SortFunc(idle, func(a, b targetKey) int { return ts.known[a].used.Compare(ts.known[b].used) })
	for _, k := range idle[:(len(idle)+1)/2] {
		delete(ts.known, k)
	}
	for name, load := range ts.trunks {
		if load.live == 0 {
			delete(ts.trunks, name)
		}
	}
}

// load finds or makes a trunk's. The caller holds mu.
func (ts *targets) load(trunk string) *trunkLoad {
	if l := ts.trunks[trunk]; l != nil {
		return l
	}
	if ts.trunks == nil {
		ts.known, ts.trunks = map[targetKey]*targetState{}, map[string]*trunkLoad{}
	}
	l := &trunkLoad{}
	ts.trunks[trunk] = l
	return l
}

// way is one endpoint a call may try: its trunk's place in the route, and the
// call as that trunk wants it written.
type way struct {
	trunk  *Trunk
	rank   int // of the trunk in the route
	at     endpoint
	ips    []netip.Addr // of the whole trunk
	form   form
	backup bool // not the first trunk: paced and bounded here, because the caller asked only for the first
}

func (w *way) key() targetKey { return targetKey{w.trunk.Name, w.at.network, w.at.dest} }

// choose picks the way the next INVITE takes and counts the call on it; false
// when none is left. What it passes over stays for later.
func (ts *targets) choose(ways []way, now time.Time) (i int, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	looks := make([]look, 0, len(ways))
	for i := range ways {
		w := &ways[i]
		if !ts.admits(w, now) {
			continue
		}
		s, l := ts.at(w.key()), ts.load(w.trunk.Name)
		looks = append(looks, look{
			i: i, down: s.down, rank: w.rank, busy: share(l.live, w.trunk.Channels), priority: w.at.priority,
			weight: w.at.weight, live: s.live, placed: s.placed, dice: rand.Uint32(),
		})
	}
	slices.SortFunc(looks, compare)
	for _, k := range looks {
		w := &ways[k.i]
		if l := ts.load(w.trunk.Name); !w.backup {
			l.pace.count(now, w.trunk.Rate)
		} else if !l.pace.take(now, w.trunk.Rate) {
			continue
		}
		ts.sit(w, now)
		return k.i, true
	}
	return 0, false
}

// sit counts a call on its target. The caller holds mu.
func (ts *targets) sit(w *way, now time.Time) {
	s := ts.at(w.key())
	s.start(now)
	s.live++
	s.placed++
	ts.load(w.trunk.Name).live++
}

// seat counts a call on a target it was sent to.
func (ts *targets) seat(w *way, now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.sit(w, now)
}

// look is what the order of ways depends on.
type look struct {
	i        int
	down     bool
	rank     int     // of the trunk: lower first
	busy     float64 // share of the trunk's channels in use
	priority int     // of the target: lower first
	weight   int
	live     int
	placed   uint64
	dice     uint32
}

// compare orders ways: healthy ones first, then by the trunk's rank and load,
// then by the target's priority (RFC 2782) and its load by weight. Targets of
// equal load share calls by weight; dice decide the rest.
func compare(a, b look) int {
	return cmp.Or(
		boolean(a.down)-boolean(b.down),
		cmp.Compare(a.rank, b.rank),
		cmp.Compare(a.busy, b.busy),
		cmp.Compare(a.priority, b.priority),
		cmp.Compare(uint64(a.live)*heft(b), uint64(b.live)*heft(a)),
		cmp.Compare((a.placed+1)*heft(b), (b.placed+1)*heft(a)),
		cmp.Compare(a.dice, b.dice),
	)
}

// heft is a weight that may be divided by: RFC 2782 leaves weight 0 a small chance.
func heft(l look) uint64 { return uint64(l.weight)*100 + 1 }

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func share(live, channels int) float64 {
	if channels <= 0 {
		channels = 1 << 10 // of a trunk without a limit only the number counts
	}
	return float64(live) / float64(channels)
}

// outcome is what an INVITE told of its target.
type outcome int

const (
	unknown  outcome = iota // we gave up before it said anything
	worked                  // it did its work
	doubtful                // it refused us; many of these in a row are its failure
	failed                  // it failed
)

// note tells a target's breaker how an INVITE went.
func (ts *targets) note(k targetKey, o outcome, why Cause, now time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch s := ts.at(k); o {
	case worked:
		s.succeed()
	case failed:
		s.fail(now, why.RetryAfter)
		s.failed = why.words()
	case doubtful:
		s.doubt(now)
		s.failed = why.words()
	default:
		s.forgo()
	}
}

// open reports whether choose would take any of these ways now.
func (ts *targets) open(ways []way, now time.Time) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for i := range ways {
		w := &ways[i]
		if ts.admits(w, now) && (!w.backup || ts.load(w.trunk.Name).pace.ready(now, w.trunk.Rate)) {
			return true
		}
	}
	return false
}

// admits reports whether a way is open: its breaker lets a call through, and a
// backup trunk has a channel free. The caller holds mu.
func (ts *targets) admits(w *way, now time.Time) bool {
	full := w.backup && w.trunk.Channels > 0 && ts.load(w.trunk.Name).live >= w.trunk.Channels
	return ts.at(w.key()).allows(now) && !full
}

// closed says of ways that are all closed why the first one is.
func (ts *targets) closed(ways []way) string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for i := range ways {
		w := &ways[i]
		if s := ts.at(w.key()); !s.until.IsZero() {
			return fmt.Sprintf("%s is left alone until %s after %q", w.at, s.until.Format(time.TimeOnly), s.failed)
		}
	}
	return "all of them are full"
}

// release takes a call off its target.
func (ts *targets) release(k targetKey) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	s, l := ts.at(k), ts.load(k.trunk)
	s.live, l.live = max(0, s.live-1), max(0, l.live-1)
}
