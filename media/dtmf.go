package media

import (
	"encoding/binary"
	"time"
)

// dtmfSilence ends an event whose end was lost: 3000 timestamp units.
const dtmfSilence = 375 * time.Millisecond

// A repeat follows the packet before it closely, and there are at most three; the
// same key pressed again starts with a short duration.
const (
	dtmfRepeat  = 45 * time.Millisecond
	dtmfRepeats = 3 * frameSamples
)

const dtmfDigits = "0123456789*#ABCD" // RFC 4733 §3.2, event codes 0 to 15

// A keypad turns RFC 4733 packets into digits, one per press. A press is known
// by timestamp and code; it is told at its first end packet, or when the next
// press begins, or after silence, whatever of it was lost or came twice.
type keypad struct {
	pressed  bool // an event is current (told or not)
	told     bool
	code     uint8
	ts       uint32
	duration uint16
	last     time.Duration
}

// packet takes one telephone-event payload. It gives up to two digits in order:
// a press whose end was lost, and the one this packet ends. Zero is no digit.
func (k *keypad) packet(payload []byte, ts uint32, now time.Duration) (digits [2]byte) {
	if len(payload) < 4 || int(payload[0]) >= len(dtmfDigits) {
		return digits
	}
	code, end := payload[0], payload[1]&0x80 != 0
	duration := binary.BigEndian.Uint16(payload[2:])
	if k.pressed && int32(ts-k.ts) < 0 && now-k.last < time.Minute {
		return digits // a straggler of an earlier press
	}
	if !k.same(code, ts, duration, now) {
		digits[0] = k.release()
		*k = keypad{pressed: true, code: code, ts: ts}
	}
	k.duration, k.last = max(k.duration, duration), now
	if end && !k.told {
		k.told = true
		digits[1] = dtmfDigits[code]
	}
	return digits
}

// same tells whether a packet is about the current press: the same timestamp, a
// timestamp inside the press or just after it with no shorter duration (senders
// that move it with every packet, repeated ends included), or the continuation of
// a press longer than 0xFFFF units (RFC 4733 §2.5.1.3).
func (k *keypad) same(code uint8, ts uint32, duration uint16, now time.Duration) bool {
	if !k.pressed || code != k.code {
		return false
	}
	ahead, length := ts-k.ts, uint32(k.duration)
	if !k.told {
		length = max(length, uint32(duration))
	}
	if ahead == 0 || ahead < length {
		return true
	}
	if duration >= k.duration && now-k.last <= dtmfRepeat && ahead < length+dtmfRepeats {
		return true
	}
	if !k.told && length > 0xFFFF-1600 && ahead >= length && ahead <= 0xFFFF {
		k.ts, k.duration = ts, 0
		return true
	}
	return false
}

// tick ends a press that has fallen silent without an end packet.
func (k *keypad) tick(now time.Duration) byte {
	if !k.pressed || k.told || now-k.last < dtmfSilence {
		return 0
	}
	return k.release()
}

// release tells the current press if it has not been told.
func (k *keypad) release() byte {
	if !k.pressed || k.told {
		return 0
	}
	k.told = true
	return dtmfDigits[k.code]
}
