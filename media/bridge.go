package media

import "sync/atomic"

// pipeFrames bounds what waits between two legs, a power of two; primed is how
// many frames a side wants before it begins, crowded how many are too late to be
// caught up with by waiting.
const (
	pipeFrames  = 16
	pipePrimed  = 2
	pipeCrowded = 8
)

// A Bridge lets two legs hear each other: what one says is what the other is
// sent, as it came when both speak the same codec. Each side goes through its own
// shard, a ring with one writer and one reader between them. A Play on a bridged
// leg is heard by that side instead of the other, until it is over: hold music,
// or a word to one of them. Keys are passed on where the other side takes them.
type Bridge struct {
	a, b     *Leg
	toA, toB *pipe
}

// NewBridge joins two legs until Close; a leg that was bridged before is taken
// over. It may be closed after either leg.
func NewBridge(a, b *Leg) *Bridge {
	br := &Bridge{a: a, b: b, toA: newPipe(), toB: newPipe()}
	a.join(br.toB, br.toA)
	b.join(br.toA, br.toB)
	return br
}

// Close gives both legs back to themselves: silence, or what is played to them.
func (br *Bridge) Close() {
	br.a.part(br.toB)
	br.b.part(br.toA)
}

func (l *Leg) join(to, from *pipe) {
	l.shard.do(func() {
		if !l.gone {
			l.flow.ear().to = to
			l.flow.from = &inlet{pipe: from}
		}
	})
}

// part undoes join, unless another bridge has taken over.
func (l *Leg) part(to *pipe) {
	l.shard.do(func() {
		if order := l.flow.order; order != nil && order.to == to {
			order.to, l.flow.from = nil, nil
		}
	})
}

// A pipe carries packets' audio from one shard to another; nobody waits.
type pipe struct {
	frames        [pipeFrames]pipeFrame
	written, read atomic.Uint64
	keys          chan byte // a few presses may wait while one is sent
}

type pipeFrame struct {
	codec Codec
	quiet bool // n samples were lost
	n     int
	b     [maxPayload]byte
}

func newPipe() *pipe { return &pipe{keys: make(chan byte, 16)} }

// put adds a packet; a full pipe loses it.
func (p *pipe) put(codec Codec, payload []byte) {
	if f := p.next(); f != nil {
		f.codec, f.quiet, f.n = codec, false, copy(f.b[:], payload)
		p.written.Add(1)
	}
}

// lack adds silence for what was lost, so that the other side stays in time.
func (p *pipe) lack(samples int) {
	if f := p.next(); f != nil {
		f.quiet, f.n = true, samples
		p.written.Add(1)
	}
}

func (p *pipe) next() *pipeFrame {
	written := p.written.Load()
	if written-p.read.Load() == pipeFrames {
		return nil
	}
	return &p.frames[written%pipeFrames]
}

// key passes a press on, if there is room.
func (p *pipe) key(digit byte) {
	select {
	case p.keys <- digit:
	default:
	}
}

// An inlet is the reading end: the bytes of the frame in hand, in our codec.
type inlet struct {
	pipe   *pipe
	flows  bool // enough came to begin
	b      [maxPayload]byte
	at, n  int
	codec  Codec // of b
	linear [maxPayload]int16
	theirs decoder
	ours   encoder
}

// keys takes over what was pressed on the other leg.
func (in *inlet) keys(d *dialling) {
	for len(d.keys) < pressMost {
		select {
		case key := <-in.pipe.keys:
			d.keys = append(d.keys, key)
		default:
			return
		}
	}
}

// fill writes the next audio to b, silence where there is none.
func (in *inlet) fill(b []byte, codec Codec) {
	waiting := in.pipe.written.Load() - in.pipe.read.Load()
	if !in.flows {
		if waiting < pipePrimed {
			hush(b, codec)
			return
		}
		in.flows = true
	}
	if waiting > pipeCrowded { // come closer to now
		in.pipe.read.Add(1)
	}
	for n := 0; n < len(b); {
		if in.at == in.n || in.codec != codec {
			if in.flows = in.fetch(codec); !in.flows {
				hush(b[n:], codec)
				return
			}
		}
		c := copy(b[n:], in.b[in.at:in.n])
		n, in.at = n+c, in.at+c
	}
}

// fetch takes the next frame over, by linear samples when the codecs differ.
func (in *inlet) fetch(codec Codec) bool {
	read := in.pipe.read.Load()
	if read == in.pipe.written.Load() {
		return false
	}
	f := &in.pipe.frames[read%pipeFrames]
	in.at, in.n, in.codec = 0, f.n, codec
	switch {
	case f.quiet:
		hush(in.b[:f.n], codec)
	case f.codec == codec:
		copy(in.b[:], f.b[:f.n])
	default:
		n := in.theirs.decode(in.linear[:], f.b[:f.n], f.codec)
		in.ours.encode(in.b[:], in.linear[:n], codec)
	}
	in.pipe.read.Store(read + 1)
	return true
}
