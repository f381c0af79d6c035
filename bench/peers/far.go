package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"warmline/bench"
)

// Heard is what the phones heard since they were last asked.
type Heard struct {
	Up     int    `json:"up"`     // calls
	Heard  int    `json:"heard"`  // of them, those that said anything
	In     uint64 `json:"in"`     // packets
	Lost   uint64 `json:"lost"`   // by sequence number
	Gaps   uint64 `json:"gaps"`   // between packets of one call
	Even   uint64 `json:"even"`   // of them, those within 10 ms of 20 ms
	Echoed uint64 `json:"echoed"` // packets sent back
}

// farEnd is the other side of all calls: phones that answer and echo, on one
// thread and by one wheel. It prints its address, then answers every byte on
// standard input with what was heard since the last.
func farEnd(args []string) error {
	flags := flag.NewFlagSet("far", flag.ContinueOnError)
	n := flags.Int("n", 100, "phones")
	core := flags.Int("core", -1, "processor core to run on alone; -1 is any")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := bench.Pin(*core); err != nil {
		return err
	}
	x, err := newExchange(*n)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(0, true); err != nil {
		return fmt.Errorf("preparing standard input: %w", err)
	}
	enc := json.NewEncoder(os.Stdout)
	if err := enc.Encode(fmt.Sprintf("127.0.0.1:%d", x.door.Port)); err != nil {
		return fmt.Errorf("telling the address: %w", err)
	}
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	wheel, err := bench.NewWheel(0)
	if err != nil {
		return err
	}
	for {
		wheel.Next()
		x.signal()
		for i := int(wheel.Tick % bench.Phases); i < len(x.phones); i += bench.Phases {
			x.listen(&x.phones[i])
		}
		if wheel.Tick%bench.Phases != 0 {
			continue
		}
		if open, err := x.asked(enc); !open {
			return err
		}
	}
}

// exchange is the phones and the door calls come in by.
type exchange struct {
	door   *bench.Wire
	phones []phone
	free   []int          // phones without a call
	calls  map[string]int // by Call-ID
	heard  Heard
	buffer [4096]byte
}

// phone echoes one call.
type phone struct {
	wire *bench.Wire
	up   bool
	said bool // anything since the last question
	any  bool // anything in this call
	seq  uint16
	at   time.Time
}

func newExchange(n int) (*exchange, error) {
	door, err := bench.Bind()
	if err != nil {
		return nil, err
	}
	wires, err := bench.BindAll(n)
	if err != nil {
		return nil, err
	}
	x := &exchange{door: door, phones: make([]phone, n), calls: map[string]int{}}
	for i, w := range wires {
		if err := w.Stamp(); err != nil {
			return nil, err
		}
		x.phones[i].wire = w
		x.free = append(x.free, n-1-i)
	}
	return x, nil
}

// signal answers what has come to the door.
func (x *exchange) signal() {
	for {
		n, _, ok := x.door.Take(x.buffer[:])
		if !ok {
			return
		}
		answer := x.answer(x.buffer[:n])
		if answer == nil {
			continue
		}
		x.door.To = x.door.From
		x.door.Send(answer) // lost, it is asked for again
	}
}

// seat gives a call its phone, the same one when the INVITE is repeated.
func (x *exchange) seat(call string) (port int, ok bool) {
	i, known := x.calls[call]
	if !known {
		if len(x.free) == 0 {
			return 0, false
		}
		i = x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
		x.calls[call] = i
		p := &x.phones[i]
		for p.wire.Receive(x.buffer[:]) { // of a call before
		}
		*p = phone{wire: p.wire, up: true}
	}
	return x.phones[i].wire.Port, true
}

// clear ends a call; its phone rests longest before it is used again.
func (x *exchange) clear(call string) {
	if i, ok := x.calls[call]; ok {
		delete(x.calls, call)
		x.phones[i].up = false
		x.free = slices.Insert(x.free, 0, i)
	}
}

// evenness is how far a gap may be from the packet time.
const evenness = 10 * time.Millisecond

// listen takes what a phone has heard and says it back.
func (x *exchange) listen(p *phone) {
	if !p.up {
		return
	}
	for {
		n, at, ok := p.wire.Take(x.buffer[:])
		if !ok {
			return
		}
		if n < 12 || x.buffer[0]>>6 != 2 || x.buffer[1] >= 192 && x.buffer[1] <= 223 {
			continue // no RTP, or the RTCP of a call whose port is the one below (RFC 5761 4)
		}
		x.note(p, binary.BigEndian.Uint16(x.buffer[2:]), at)
		p.wire.To = p.wire.From
		if p.wire.Send(x.buffer[:n]) {
			x.heard.Echoed++
		}
	}
}

// note counts one packet.
func (x *exchange) note(p *phone, seq uint16, at time.Time) {
	x.heard.In++
	p.said = true
	if p.any {
		x.heard.Gaps++
		if gap := at.Sub(p.at); gap >= 20*time.Millisecond-evenness && gap <= 20*time.Millisecond+evenness {
			x.heard.Even++
		}
		if missing := int16(seq - p.seq - 1); missing > 0 {
			x.heard.Lost += uint64(missing)
		}
	}
	p.any, p.seq, p.at = true, seq, at
}

// asked tells what was heard, once for each byte on standard input; it reports
// false when that has ended.
func (x *exchange) asked(enc *json.Encoder) (open bool, err error) {
	var b [1]byte
	switch got, err := unix.Read(0, b[:]); {
	case err == nil && got == 0:
		return false, nil
	case err == unix.EAGAIN, err == unix.EINTR:
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reading standard input: %w", err)
	}
	for i := range x.phones {
		p := &x.phones[i]
		if p.up {
			x.heard.Up++
		}
		if p.up && p.said {
			x.heard.Heard++
		}
		p.said = false
	}
	if err := enc.Encode(x.heard); err != nil {
		return false, fmt.Errorf("telling what was heard: %w", err)
	}
	x.heard = Heard{}
	return true, nil
}
