package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoEvents is returned by Press when the other side has not agreed to
// telephone-event; SIP INFO or Play of TouchTones is then the way.
var ErrNoEvents = errors.New("telephone-event was not agreed")

// What a key press of ours looks like (RFC 4733 §2.5).
const (
	pressTime   = 100 * time.Millisecond
	pressPause  = 100 * time.Millisecond // of audio, between two presses
	pressEnds   = 3                      // §2.5.1.4: the end is sent three times
	pressVolume = 10                     // -10 dBm0
	pressMost   = 64                     // keys waiting at once
)

// A dialling is the keys that are being pressed on a leg; its shard's own.
type dialling struct {
	keys  []byte // waiting, the first is being pressed
	ts    uint32 // when it began; the timestamp of all its packets
	held  int    // samples so far
	ends  int    // end packets sent
	pause int    // samples until the next press
}

// Press sends keys as RFC 4733 events, one after the other. While a key is down it
// takes the place of audio, and what was playing goes on after it.
func (l *Leg) Press(keys string) error {
	keys = strings.ToUpper(keys)
	if rest := strings.Trim(keys, dtmfDigits); rest != "" {
		return fmt.Errorf("pressing keys: %q is none", rest)
	}
	err := ErrClosed
	l.shard.do(func() {
		switch f := &l.flow; {
		case l.gone:
		case f.terms.eventIn[1] < 0:
			err = ErrNoEvents
		case len(f.dial.keys)+len(keys) > pressMost:
			err = fmt.Errorf("more than %d keys are waiting", pressMost)
		default:
			f.dial.keys, err = append(f.dial.keys, keys...), nil
			f.pressing = len(f.dial.keys) > 0
		}
	})
	if err != nil {
		return fmt.Errorf("pressing keys: %w", err)
	}
	return nil
}

// busy tells whether the next packet, of so many samples, is a key's.
func (d *dialling) busy(samples int) bool {
	if len(d.keys) == 0 {
		return false
	}
	if d.pause > 0 {
		d.pause -= samples
		return false
	}
	return true
}

// press sends one packet of the current key in the place of one packet of audio.
func (l *Leg) press(s *shard, samples int) {
	f := &l.flow
	d := &f.dial
	if d.held == 0 && d.ends == 0 {
		d.ts, f.out.marker = f.out.ts, true
	}
	const whole = int(pressTime * sampleRate / time.Second)
	if d.ends == 0 {
		d.held = min(d.held+samples, max(whole, samples))
	}
	end := byte(0)
	if d.held >= whole {
		end = 0x80
		d.ends++
	}
	packet := s.out[:rtpHeaderSize+4]
	h := f.out
	h.pt, h.ts = uint8(f.terms.eventIn[1]), d.ts
	h.put(packet)
	payload := packet[rtpHeaderSize:]
	payload[0], payload[1] = byte(strings.IndexByte(dtmfDigits, d.keys[0])), end|pressVolume
	binary.BigEndian.PutUint16(payload[2:], uint16(d.held))
	f.out.ts += uint32(samples)
	l.send(s, packet)
	if d.ends == pressEnds {
		*d = dialling{keys: append(d.keys[:0], d.keys[1:]...), pause: int(pressPause * sampleRate / time.Second)}
		f.pressing = len(d.keys) > 0
		f.out.marker = true // the audio after it is a new talkspurt
	}
}
