package media

import (
	"net/netip"
	"time"
)

// intake judges one datagram and tells whether it was taken. The order of the
// questions is the order of the reasons in Drops; only a packet that passes all
// of them changes anything but a counter. It came before now, the visit; jitter
// is measured by that, where it is known (not zero).
func (l *Leg) intake(b []byte, from netip.AddrPort, now, came time.Duration) bool {
	f := &l.flow
	if !f.live || !f.terms.dir.hears() {
		f.drops.Early++
		return false
	}
	if f.terms.mux && isRTCP(b) {
		l.hearRTCP(b, from, time.Time{}, now)
		return false
	}
	if f.guard != nil {
		if b = l.unwrap(b, from); b == nil {
			return false
		}
	}
	h, payload, ok := readRTP(b)
	if !ok || len(payload) == 0 {
		f.drops.Malformed++
		return false
	}
	codec, kind := f.usual.codec, audioPayload
	if h.pt != f.usual.pt {
		if codec, kind, ok = f.terms.hears(h.pt); !ok {
			f.drops.Type++
			return false
		}
	}
	if !f.latch.admit(from, h, now) {
		f.drops.Foreign++
		return false
	}
	switch f.heard.admit(h) {
	case stranger:
		f.drops.SSRC++
		return false
	case repeated, ancient:
		f.drops.Repeated++
		return false
	case restarted:
		f.keys = keypad{}
		if f.order != nil {
			f.order.restart()
		}
	}
	l.taken(now)
	switch kind {
	case audioPayload:
		f.usual = format{h.pt, codec}
		if came != 0 {
			f.heard.time(h.ts, came)
		}
		if f.order != nil {
			f.order.packet(h, codec, payload)
		}
		return true
	case eventPayload:
		if f.order != nil {
			f.order.touch = nil // they send events after all: not every key twice
		}
		l.keys(f.keys.packet(payload, h.ts, now))
	}
	if f.order != nil {
		f.order.other(h.seq)
	}
	return true
}

// taken notes that the other side is there.
func (l *Leg) taken(now time.Duration) {
	f := &l.flow
	if f.first == 0 {
		f.first = now
		l.mail.post(Event{Kind: EventFirst})
	}
	f.last, f.timedOut = now, false
}

func (l *Leg) keys(digits [2]byte) {
	for _, d := range digits {
		if d != 0 {
			l.pressed(d)
		}
	}
}

// touched tells the keys that were heard in the audio.
func (l *Leg) touched() {
	if t := l.flow.order.touch; t != nil && t.told > 0 {
		for _, d := range t.keys[:t.told] {
			l.pressed(d)
		}
		t.told = 0
	}
}

func (l *Leg) pressed(digit byte) {
	l.flow.digit++
	if l.flow.order != nil && l.flow.order.to != nil {
		l.flow.order.to.key(digit)
	}
	l.mail.post(Event{Kind: EventDigit, Digit: string(rune(digit))})
}
