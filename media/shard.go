package media

import (
	"sync/atomic"
	"time"
)

const (
	tickTime   = 2 * time.Millisecond
	wheelSlots = 60 // 120 ms: a whole number of every packet time
	phases     = 10 // slots of a 20 ms packet time; new legs are spread over them
)

// A shard is one goroutine that visits its legs, each once per packet time.
type shard struct {
	epoch   time.Time // of every time.Duration here
	rest    sleeper
	cmds    chan func() // run between ticks; 64 so that a storm of calls does not wait in turn
	quit    chan struct{}
	stopped chan struct{}

	wheel  [wheelSlots]queue
	tick   int64
	start  time.Duration // when tick 0 was due
	legs   int
	filled [phases]int

	in  [maxDatagram]byte
	out [rtpHeaderSize + maxPayload + maxTag]byte

	taken, given uint64 // packets of this turn, which received and sent are told at its end

	load                             atomic.Int64 // legs, for placing
	sent, received, dropped, skipped atomic.Uint64
	log                              logbook
}

func newShard(epoch time.Time, rest sleeper) *shard {
	return &shard{epoch: epoch, rest: rest, cmds: make(chan func(), 64), quit: make(chan struct{}), stopped: make(chan struct{})}
}

func (s *shard) now() time.Duration { return time.Since(s.epoch) }

// run walks the wheel until quit; without legs it sleeps on its commands.
func (s *shard) run() {
	defer close(s.stopped)
	defer s.rest.close()
	for {
		if s.legs == 0 {
			select {
			case f := <-s.cmds:
				now := s.now()
				s.start = now - time.Duration(s.tick)*tickTime
				s.log.begin(now)
				f()
			case <-s.quit:
				s.end()
				return
			}
			continue
		}
		if !s.between() {
			s.end()
			return
		}
		due := s.start + time.Duration(s.tick)*tickTime
		began := s.now()
		for began < due {
			s.rest.sleep(due - began)
			began = s.now()
		}
		s.turn()
		s.account(began)
	}
}

// account enters a turn in the log.
func (s *shard) account(began time.Duration) {
	now := s.now()
	s.log.busy += now - began
	if now >= s.log.next {
		s.log.copy(now)
	}
	if s.legs == 0 {
		s.log.walking.Store(false)
	}
}

// between runs waiting commands; false means the end.
func (s *shard) between() bool {
	for {
		select {
		case f := <-s.cmds:
			f()
		case <-s.quit:
			return false
		default:
			return true
		}
	}
}

// turn visits everybody in the current slot and moves on by one. What a visit needs
// of a leg is on its way from memory while the legs before it are visited.
func (s *shard) turn() {
	slot := &s.wheel[s.tick%wheelSlots]
	leg := slot.empty()
	due := s.start + time.Duration(s.tick)*tickTime
	for leg != nil {
		next := leg.after
		if next != nil {
			prefetch(next.socket, socketLines)
			if next.after != nil {
				next.after.prefetch()
			}
		}
		leg.after = nil
		switch {
		case leg.gone:
		case leg.due > s.tick: // for a later round
			slot.add(leg)
		default:
			leg.due = s.tick + s.meet(leg, due)
			s.wheel[leg.due%wheelSlots].add(leg)
		}
		leg = next
	}
	s.sent.Add(s.given)
	s.received.Add(s.taken)
	s.given, s.taken = 0, 0
	s.tick++
}

// meet visits one leg and gives the ticks until the next visit. A visit that is
// more than two periods late gives up the frames it missed.
func (s *shard) meet(l *Leg, due time.Duration) int64 {
	now := s.now()
	late := now - due
	s.log.note(late)
	period := l.period()
	next := int64(1)
	if late > 2*period {
		missed := int64(late / period)
		if l.flow.live {
			l.flow.skip(int(missed))
			s.skipped.Add(uint64(missed))
		}
		next += missed
	}
	l.visit(s, now)
	return next * int64(l.period()/tickTime)
}

// add places a leg in the emptiest phase.
func (s *shard) add(l *Leg) {
	best := 0
	for p := range s.filled {
		if s.filled[p] < s.filled[best] {
			best = p
		}
	}
	s.filled[best]++
	l.phase = best
	l.due = s.tick + 1 + (int64(best)-(s.tick+1)%phases+phases)%phases
	s.wheel[l.due%wheelSlots].add(l)
	s.legs++
}

// remove takes a leg out; its slot forgets it when it comes by.
func (s *shard) remove(l *Leg) {
	l.gone = true
	s.filled[l.phase]--
	s.legs--
}

// end runs what was told before quit, so that no leg is forgotten, and ends all legs.
func (s *shard) end() {
	for {
		select {
		case f := <-s.cmds:
			f()
		default:
			s.finishAll()
			return
		}
	}
}

func (s *shard) finishAll() {
	for i := range s.wheel {
		for l := s.wheel[i].empty(); l != nil; l = l.after {
			if !l.gone {
				l.finish(s)
			}
		}
	}
}

// tell has f run on the shard, after what was told before; false when it has ended.
func (s *shard) tell(f func()) bool {
	select {
	case s.cmds <- f:
		return true
	case <-s.stopped:
		return false
	}
}

// do runs f on the shard and waits for it; false when the shard has ended.
func (s *shard) do(f func()) bool {
	done := make(chan struct{})
	if !s.tell(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-s.stopped:
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

// A queue is a list of legs through their own pointers, first in first out.
type queue struct{ head, tail *Leg }

func (q *queue) add(l *Leg) {
	if q.tail == nil {
		q.head, q.tail = l, l
		return
	}
	q.tail.after, q.tail = l, l
}

// empty gives the first leg of the list, which is then nobody's.
func (q *queue) empty() *Leg {
	head := q.head
	*q = queue{}
	return head
}
