package media

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// TestKeysGoOutAsRFC4733Says: one timestamp and a growing duration per press, the
// marker on its first packet, three ends, their payload type, and time goes on.
func TestKeysGoOutAsRFC4733Says(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil { // theirs is type 96
			t.Fatal(err)
		}
		l.Play(NewClip(mediatest.Tone(500, time.Second, 8000, 0.5)))
		before := hear(t, rtp)
		if err := l.Press("1#"); err != nil {
			t.Fatal(err)
		}
		for _, code := range []byte{1, 11} {
			p := hear(t, rtp)
			for p.Type == 8 {
				before, p = p, hear(t, rtp)
			}
			start := p.Time
			if start != before.Time+160 {
				t.Errorf("a press begins at %d after audio at %d", start, before.Time)
			}
			for i := range 7 { // 100 ms in five packets, the fifth the first of three ends
				end := i >= 4
				duration := binary.BigEndian.Uint16(p.Payload[2:])
				if p.Type != 96 || p.Time != start || p.Seq != before.Seq+1 || p.Marker != (i == 0) ||
					p.Payload[0] != code || (p.Payload[1]&0x80 != 0) != end || int(duration) != 160*min(i+1, 5) {
					t.Fatalf("packet %d of key %d: %+v", i, code, p)
				}
				before, p = p, hear(t, rtp)
			}
			if p.Type != 8 || p.Time != start+7*160 || !p.Marker {
				t.Errorf("audio goes on with %+v, 7 frames after %d", p, start)
			}
			before = p
		}
	})
}

func TestPressedKeysAreHeardByALegOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ptime := range []string{"a=ptime:10", "a=ptime:20", "a=ptime:60"} {
			var n mediatest.Network
			e := inMemory(t, &n)
			a, b := open(t, e, LegConfig{}), open(t, e, LegConfig{})
			join(t, a, b)
			if _, err := a.Reoffer(append(b.Offer(), ptime+"\r\n"...)); err != nil {
				t.Fatal(err)
			}
			const keys = "0011*#D"
			if err := a.Press("0011*#d"); err != nil {
				t.Fatal(err)
			}
			got := ""
			for len(got) < len(keys) {
				got += await(t, b, EventDigit).Digit
			}
			if got != keys {
				t.Errorf("with %s %q was heard as %q", ptime, keys, got)
			}
			e.Close()
		}
	})
}

func TestKeysThatCannotBePressed(t *testing.T) {
	e := engine(t, Config{})
	l := open(t, e, LegConfig{})
	if err := l.Press("1"); !errors.Is(err, ErrNoEvents) {
		t.Errorf("before the answer: %v, want %v", err, ErrNoEvents)
	}
	if err := l.Press("1x"); err == nil {
		t.Error("x was pressed")
	}
	if err := l.Accept(mediatest.Answer(at("127.0.0.1:9"))); err != nil {
		t.Fatal(err)
	}
	if err := l.Press("0123456789012345678901234567890123456789012345678901234567890123456789"); err == nil {
		t.Error("70 keys at once were taken")
	}
	l.Close()
	if err := l.Press("1"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v, want %v", err, ErrClosed)
	}
}
