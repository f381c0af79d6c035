package media

import (
	"net/netip"
	"testing"
	"time"
)

func TestReceptionCountsLossByNumber(t *testing.T) {
	tests := []struct {
		name                     string
		seqs                     []uint16
		received, expected, late uint64
	}{
		{"in order", []uint16{1, 2, 3}, 3, 3, 0},
		{"one lost", []uint16{1, 2, 4}, 3, 4, 0},
		{"over the edge of 16 bits", []uint16{65534, 65535, 0, 1}, 4, 4, 0},
		{"two changed places", []uint16{1, 3, 2, 4}, 4, 4, 1},
		{"a copy counts once", []uint16{1, 2, 2, 3, 1}, 3, 3, 0},
		{"older than the first is not ours", []uint16{10, 9, 11}, 2, 2, 0},
		{"a single wild number", []uint16{1, 2, 30000, 3}, 3, 3, 0},
		{"a restart shows twice", []uint16{1, 2, 30000, 30001, 30002}, 4, 4, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r reception
			for _, seq := range tt.seqs {
				r.admit(header{seq: seq, ssrc: 1})
			}
			if r.total() != tt.received || r.expected() != tt.expected || r.late != tt.late {
				t.Errorf("got %d of %d, %d late; want %d of %d, %d late", r.total(), r.expected(), r.late, tt.received, tt.expected, tt.late)
			}
		})
	}
}

func TestAnotherSSRCMustShowTwoInARow(t *testing.T) {
	var r reception
	steps := []struct {
		h    header
		want arrival
	}{
		{header{seq: 1, ssrc: 1}, restarted},
		{header{seq: 50, ssrc: 2}, stranger},
		{header{seq: 2, ssrc: 1}, fresh},
		{header{seq: 51, ssrc: 2}, stranger}, // the call's own packet came between
		{header{seq: 52, ssrc: 2}, restarted},
		{header{seq: 53, ssrc: 2}, fresh},
		{header{seq: 3, ssrc: 1}, stranger},
	}
	for i, s := range steps {
		if got := r.admit(s.h); got != s.want {
			t.Errorf("step %d: got %d, want %d", i, got, s.want)
		}
	}
	if r.total() != 4 || r.lost() != 0 {
		t.Errorf("received %d, lost %d; want 4 and 0", r.total(), r.lost())
	}
}

func TestJitterOfAnEvenStreamIsZeroAndOfAnUnevenOneIsNot(t *testing.T) {
	var even, uneven reception
	for i := range 1000 {
		d := time.Duration(i) * 20 * time.Millisecond
		even.time(uint32(i*160), d)
		uneven.time(uint32(i*160), d+time.Duration(i%2)*8*time.Millisecond)
	}
	if even.jitterTime() != 0 {
		t.Errorf("even stream: jitter %v", even.jitterTime())
	}
	if j := uneven.jitterTime(); j < 7*time.Millisecond || j > 9*time.Millisecond {
		t.Errorf("8 ms to and fro: jitter %v", j)
	}
}

func TestLatching(t *testing.T) {
	const sdp, port, allowed, foreign = "10.0.0.1:4000", "10.0.0.1:4444", "192.0.2.7:4000", "203.0.113.9:4000"
	type packet struct {
		from string
		at   time.Duration
		seq  uint16
		want bool
	}
	tests := []struct {
		name    string
		exact   bool
		packets []packet
		source  string
	}{
		{"the SDP address is right at once", false, []packet{{sdp, 0, 1, true}}, sdp},
		{"another port of the host wins with four in a row", false,
			[]packet{{port, 0, 1, false}, {port, 1, 2, false}, {port, 2, 3, false}, {port, 3, 4, true}, {sdp, 4, 9, false}}, port},
		{"four that are not in a row do not", false,
			[]packet{{port, 0, 1, false}, {port, 1, 2, false}, {port, 2, 4, false}, {port, 3, 5, false}, {port, 4, 6, false}}, sdp},
		{"an allowed prefix may win", false,
			[]packet{{allowed, 0, 1, false}, {allowed, 1, 2, false}, {allowed, 2, 3, false}, {allowed, 3, 4, true}}, allowed},
		{"a foreign host never does", false,
			[]packet{{foreign, 0, 1, false}, {foreign, 1, 2, false}, {foreign, 2, 3, false}, {foreign, 3, 4, false}, {foreign, 4, 5, false}}, sdp},
		{"nobody takes over a live call", false,
			[]packet{{sdp, 0, 1, true}, {port, 1, 1, false}, {port, 2, 2, false}, {port, 3, 3, false}, {port, 4, 4, false}}, sdp},
		{"after a second of silence the same host may move", false,
			[]packet{{sdp, 0, 1, true}, {port, time.Second, 1, false}, {port, time.Second, 2, false}, {port, time.Second, 3, false}, {port, time.Second, 4, true}}, port},
		{"after a second of silence another host may not, allowed or not", false,
			[]packet{{sdp, 0, 1, true}, {allowed, time.Second, 1, false}, {allowed, time.Second, 2, false}, {allowed, time.Second, 3, false}, {allowed, time.Second, 4, false}}, sdp},
		{"on loopback only the exact address counts", true,
			[]packet{{port, time.Hour, 1, false}, {port, time.Hour, 2, false}, {port, time.Hour, 3, false}, {port, time.Hour, 4, false}}, sdp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l latch
			l.aim(at(sdp), &LegConfig{Loopback: tt.exact, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
			for i, p := range tt.packets {
				if got := l.admit(at(p.from), header{seq: p.seq, ssrc: 5}, p.at); got != p.want {
					t.Errorf("packet %d from %s: admitted %v, want %v", i, p.from, got, p.want)
				}
			}
			if l.source != at(tt.source) {
				t.Errorf("latched to %s, want %s", l.source, tt.source)
			}
		})
	}
}

// TestAnAddressBehindTheirNATWaitsForAPacket: an RFC 1918 address from a trunk on
// the public network is nowhere, so nothing is sent until their audio has come.
func TestAnAddressBehindTheirNATWaitsForAPacket(t *testing.T) {
	four := func(l *latch, from string) (taken bool) {
		for i := range uint16(4) {
			taken = l.admit(at(from), header{seq: i, ssrc: 5}, time.Duration(i))
		}
		return taken
	}
	for _, tt := range []struct {
		name, sdp, signal, from string
		waits, taken            bool
	}{
		{"a private address of a public trunk", "10.1.2.3:4000", "203.0.113.5", "203.0.113.5:31000", true, true},
		{"a carrier-grade one", "100.64.1.1:4000", "203.0.113.5", "203.0.113.5:31000", true, true},
		{"and a stranger", "10.1.2.3:4000", "203.0.113.5", "198.51.100.9:31000", true, false},
		{"a private trunk", "10.1.2.3:4000", "10.1.2.1", "10.1.2.3:4000", false, true},
		{"a public address", "203.0.113.7:4000", "203.0.113.5", "203.0.113.7:4000", false, true},
		{"a trunk nobody told us of", "10.1.2.3:4000", "", "10.1.2.3:4000", false, true},
	} {
		var c LegConfig
		if tt.signal != "" {
			c.Signal = netip.MustParseAddr(tt.signal)
		}
		var l latch
		l.aim(at(tt.sdp), &c)
		if l.waits != tt.waits || l.source.IsValid() == tt.waits {
			t.Errorf("%s: waits %v, sends to %s", tt.name, l.waits, l.source)
		}
		if got := four(&l, tt.from); got != tt.taken || got && l.source != at(tt.from) || got && l.waits {
			t.Errorf("%s: four packets taken %v, sends to %s, waits %v", tt.name, got, l.source, l.waits)
		}
	}
}
