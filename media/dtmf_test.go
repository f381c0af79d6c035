package media

import (
	"testing"
	"time"

	"warmline/media/mediatest"
)

func TestOnePressIsOneDigit(t *testing.T) {
	press := func(keys string) []mediatest.Packet {
		s := mediatest.Source{EventType: 101}
		var all []mediatest.Packet
		for i := range keys {
			all = append(all, s.Press(keys[i], 5)...)
			s.Time += 800 // 100 ms between presses
		}
		return all
	}
	keep := func(all []mediatest.Packet, which ...int) (kept []mediatest.Packet) {
		for _, i := range which {
			kept = append(kept, all[i])
		}
		return kept
	}
	retimed := press("5")
	for i := range retimed {
		retimed[i].Time += uint32(160 * i)
	}
	var long []mediatest.Packet // 0xFFFF units, then the same press goes on
	for i := range 500 {
		ts, d := uint32(0), 160*(i+1)
		if d > 0xFFFF {
			ts, d = 0xFFFF, d-0xFFFF
		}
		end := byte(0)
		if i == 499 {
			end = 0x80
		}
		long = append(long, mediatest.Packet{Time: ts, Payload: []byte{9, end, byte(d >> 8), byte(d)}})
	}
	tests := []struct {
		name    string
		packets []mediatest.Packet
		want    string
	}{
		{"a whole press", press("7"), "7"},
		{"all sixteen keys", press("0123456789*#ABCD"), "0123456789*#ABCD"},
		{"the same key twice", press("11"), "11"},
		{"the start was lost", keep(press("7"), 3, 4, 5, 6, 7), "7"},
		{"only one end came", keep(press("7"), 6), "7"},
		{"the end was lost", keep(press("7"), 0, 1, 2), "7"},
		{"the end was lost and another key came", keep(press("78"), 0, 1, 2, 8, 9, 13), "78"},
		{"the end was lost and the same key came", keep(press("77"), 0, 1, 2, 8, 9, 13), "77"},
		{"packets changed places", keep(press("7"), 1, 0, 5, 3, 4, 6), "7"},
		{"a straggler after the next press", keep(press("78"), 0, 5, 8, 6, 13), "78"},
		{"every packet with a new timestamp", retimed, "5"},
		{"longer than the field", long, "9"},
		{"a flash is no digit", []mediatest.Packet{{Payload: []byte{16, 0x80, 0, 160}}}, ""},
		{"too short to be one", []mediatest.Packet{{Payload: []byte{1, 0x80, 0}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var k keypad
			got, now := "", time.Duration(0)
			for _, p := range tt.packets {
				for _, d := range k.packet(p.Payload, p.Time, now) {
					if d != 0 {
						got += string(rune(d))
					}
				}
				now += 20 * time.Millisecond
			}
			for range 2 {
				if d := k.tick(now + time.Second); d != 0 {
					got += string(rune(d))
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzKeypad(f *testing.F) {
	f.Add([]byte{1, 0, 0, 160, 0, 0, 1, 0x80, 1, 64, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var k keypad
		digits, packets := 0, 0
		for now := time.Duration(0); len(b) >= 6; now += 20 * time.Millisecond {
			for _, d := range k.packet(b[:4], uint32(b[4])<<24|uint32(b[5])<<8, now) {
				if d != 0 {
					digits++
				}
			}
			b = b[6:]
			packets++
			if k.tick(now) != 0 {
				digits++
			}
		}
		if digits > packets {
			t.Fatalf("%d digits out of %d packets", digits, packets)
		}
	})
}
