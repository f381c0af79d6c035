package mediatest

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPacketsSurviveTheWire(t *testing.T) {
	want := Packet{Type: 8, Marker: true, Seq: 65535, Time: 1 << 31, SSRC: 7, Payload: []byte{1, 2, 3}}
	got, err := Parse(want.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, b := range [][]byte{nil, make([]byte, 11), make([]byte, 20)} {
		if _, err := Parse(b); err == nil {
			t.Errorf("%d bytes of nothing were a packet", len(b))
		}
	}
}

func TestAPressEndsThreeTimes(t *testing.T) {
	s := Source{EventType: 96}
	all := s.Press('#', 5)
	ends := 0
	for _, p := range all {
		if p.Time != all[0].Time || p.Payload[0] != 11 {
			t.Errorf("packet %+v", p)
		}
		if p.Payload[1]&0x80 != 0 {
			ends++
		}
	}
	if len(all) != 8 || ends != 3 || s.Press('x', 5) != nil {
		t.Errorf("%d packets, %d ends", len(all), ends)
	}
}

func TestPeerEchoes(t *testing.T) {
	a, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Echo()
	source := Source{Type: 8, SSRC: 3}
	if err := a.Send(source.Audio([]byte{1, 2}), b.Addr()); err != nil {
		t.Fatal(err)
	}
	got, err := a.Next(t.Context())
	if err != nil || got.SSRC != 3 || got.From != b.Addr() || b.Count() != 1 {
		t.Errorf("echo %+v, %v", got, err)
	}
	a.Close()
	b.Close()
	if _, err := a.Next(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestNetworkLosesAndRepeats(t *testing.T) {
	copies := []int{1, 0, 2}
	n := Network{Copies: func(_, _ netip.AddrPort, _ []byte) int {
		c := copies[0]
		copies = copies[1:]
		return c
	}}
	a, err := n.Listen(netip.MustParseAddrPort("10.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := n.Listen(netip.MustParseAddrPort("10.0.0.1:2"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen(b.Addr()); !errors.Is(err, ErrOccupied) {
		t.Errorf("the same address twice: %v", err)
	}
	for _, s := range []string{"x", "y", "z"} {
		if err := a.Send([]byte(s), b.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	for range 3 {
		p, from, err := b.Next(t.Context())
		if err != nil || from != a.Addr() {
			t.Fatalf("from %s, %v", from, err)
		}
		got += string(p)
	}
	if got != "xzz" {
		t.Errorf("got %q, want x once, y lost, z twice", got)
	}
}

func TestPowerMeasuresATone(t *testing.T) {
	pcm := Tone(450, time.Second, 8000, 0.1)
	if p := Power(pcm, 450, 8000); p < -20.2 || p > -19.8 {
		t.Errorf("a tone at -20 dB measures %.1f dB", p)
	}
	if p := Power(pcm, 1000, 8000); p > -80 {
		t.Errorf("beside it there are %.1f dB", p)
	}
	if n := len(Cadence(450, 350*time.Millisecond, 350*time.Millisecond, 3, 8000)); n != 16800 {
		t.Errorf("three times busy are %d samples", n)
	}
}
