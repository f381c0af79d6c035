// Command farend is the other side of N calls, as a process of its own: N
// sockets, each answering whoever speaks to it with 50 RTP packets a second
// (PCMA, silence), spread over slots of 2 ms. A socket nobody has spoken to for a
// tenth of a second is silent.
//
// It prints its ports as a JSON array, then answers every letter on standard input
// with one line of JSON: how many packets came and went so far. From an s on it
// speaks SRTP (AEAD_AES_128_GCM, [bench.FarKey]), from a p on plainly again; what it
// hears it does not open either way.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"warmline/bench"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "farend:", err)
		os.Exit(1)
	}
}

func run() error {
	n := flag.Int("n", 100, "sockets")
	core := flag.Int("core", -1, "processor core to run on alone; -1 is any")
	flag.Parse()
	if _, err := bench.Pin(*core); err != nil {
		return err
	}
	wires, err := bench.BindAll(*n)
	if err != nil {
		return err
	}
	phones := make([]phone, *n)
	ports := make([]int, *n)
	for i, w := range wires {
		ports[i] = w.Port
		phones[i] = phone{wire: w, quiet: silent}
		binary.BigEndian.PutUint32(phones[i].packet[8:], uint32(i+1)) // SSRC
		phones[i].packet[0], phones[i].packet[1] = 2<<6, 8
		for j := 12; j < bench.PacketSize; j++ {
			phones[i].packet[j] = 0xD5
		}
	}
	if err := unix.SetNonblock(0, true); err != nil {
		return fmt.Errorf("preparing standard input: %w", err)
	}
	enc := json.NewEncoder(os.Stdout)
	if err := enc.Encode(ports); err != nil {
		return fmt.Errorf("telling the ports: %w", err)
	}
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // nothing here allocates while it runs
	return answer(phones, enc)
}

// silent is the number of visits without a packet after which a phone hangs up.
const silent = 5

type phone struct {
	wire   *bench.Wire
	quiet  int // visits since the last packet
	packet [bench.PacketSize]byte
	buffer [bench.PacketSize]byte
	seq    uint16
	ts     uint32

	sealer *sealer // nil: plainly
	turns  uint32  // of seq, since the sealer came
	sealed [bench.PacketSize + 16]byte
}

// Count is what the far end has heard and said.
type Count struct {
	In  uint64 `json:"in"`
	Out uint64 `json:"out"`
}

// answer walks the wheel until standard input ends.
func answer(phones []phone, enc *json.Encoder) error {
	wheel, err := bench.NewWheel(0)
	if err != nil {
		return err
	}
	var c Count
	var asked [1]byte
	for {
		wheel.Next()
		for i := int(wheel.Tick % bench.Phases); i < len(phones); i += bench.Phases {
			phones[i].visit(&c)
		}
		if wheel.Tick%bench.Phases != 0 {
			continue
		}
		switch got, err := unix.Read(0, asked[:]); {
		case err == nil && got == 0:
			return nil
		case err == nil && asked[0] == '\n':
		case err == nil:
			if err := speak(phones, asked[0]); err != nil {
				return err
			}
			if err := enc.Encode(c); err != nil {
				return fmt.Errorf("telling the count: %w", err)
			}
		case err != unix.EAGAIN && err != unix.EINTR:
			return fmt.Errorf("reading standard input: %w", err)
		}
	}
}

// speak changes how all phones speak, if the letter says so.
func speak(phones []phone, how byte) (err error) {
	if how != 's' && how != 'p' {
		return nil
	}
	var s *sealer
	if how == 's' {
		if s, err = newSealer(); err != nil {
			return err
		}
	}
	for i := range phones {
		p := &phones[i]
		p.sealer, p.seq, p.turns = s, 0, 0 // whoever hears them now has heard nothing before
	}
	return nil
}

// visit takes what has come and says one packet back.
func (p *phone) visit(c *Count) {
	heard := false
	for p.wire.ReceiveFrom(p.buffer[:]) {
		if pt := p.buffer[1]; pt >= 192 && pt <= 223 {
			continue // the RTCP of whoever speaks to the port below
		}
		c.In++
		heard, p.wire.To = true, p.wire.From
	}
	switch {
	case heard:
		p.quiet = 0
	case p.quiet < silent:
		p.quiet++
	}
	if p.quiet >= silent {
		return
	}
	binary.BigEndian.PutUint16(p.packet[2:], p.seq)
	binary.BigEndian.PutUint32(p.packet[4:], p.ts)
	packet := p.packet[:]
	if p.sealer != nil {
		packet = p.sealer.seal(p.sealed[:0], packet, p.turns)
	}
	if !p.wire.Send(packet) {
		return // whoever spoke here before has gone: the kernel tells so once
	}
	c.Out++
	if p.seq++; p.seq == 0 {
		p.turns++
	}
	p.ts += 160
}
