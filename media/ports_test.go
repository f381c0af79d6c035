package media

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

func TestPortsAreEvenAndRest(t *testing.T) {
	p, err := newPorts(10001, 10006)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	take := func() int { port, _ := p.take(now); return port }
	if a, b, c := take(), take(), take(); a != 10002 || b != 10004 || c != 0 {
		t.Fatalf("took %d, %d, %d; want 10002, 10004 and none: 10006 has no odd neighbour", a, b, c)
	}
	p.release(10004, now)
	p.release(10002, now.Add(time.Second))
	now = now.Add(quarantine - 1)
	if port := take(); port != 0 {
		t.Fatalf("port %d came back before its rest was over", port)
	}
	now = now.Add(2 * time.Second)
	if a, b := take(), take(); a != 10004 || b != 10002 {
		t.Errorf("took %d, %d; want the longest rested first", a, b)
	}
}

func TestPortRangesAreChecked(t *testing.T) {
	for _, r := range [][2]int{{0, 10}, {10, 5}, {10, 70000}, {11, 12}, {65535, 65535}} {
		if _, err := newPorts(r[0], r[1]); err == nil {
			t.Errorf("ports %d to %d were accepted", r[0], r[1])
		}
	}
}

// TestOccupiedPortsAreSkipped runs over both kinds of socket.
func TestOccupiedPortsAreSkipped(t *testing.T) {
	for name, listen := range map[string]ListenFunc{"raw": listenUDP, "net": listenNet} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, Config{Listen: listen, PortMin: 21000, PortMax: 21039})
			first := open(t, e, LegConfig{})
			second := open(t, engine(t, Config{Listen: listen, PortMin: first.port, PortMax: first.port + 9}), LegConfig{})
			if second.port == first.port {
				t.Errorf("both legs have port %d", first.port)
			}
		})
	}
}

func TestWhenPortsRunOut(t *testing.T) {
	e := engine(t, Config{PortMin: 21100, PortMax: 21101})
	l := open(t, e, LegConfig{})
	if _, err := e.Open(LegConfig{}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a second leg on one port: %v, want %v", err, ErrNoPorts)
	}
	l.Close()
	if _, err := e.Open(LegConfig{}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a port that has not rested: %v, want %v", err, ErrNoPorts)
	}
}

func TestSocketsCarryDatagramsAndTheirSource(t *testing.T) {
	for name, listen := range map[string]ListenFunc{"raw": listenUDP, "net": listenNet} {
		for _, ip := range []string{"127.0.0.1", "::1"} {
			t.Run(name+" on "+ip, func(t *testing.T) {
				a, b := bound(t, listen, ip), bound(t, listen, ip)
				if _, _, _, ok := a.Receive(make([]byte, 10)); ok {
					t.Fatal("received before anything was sent")
				}
				const all = 16 // the time of arrival is told with every sixteenth at least
				buf := make([]byte, 100)
				got, sent, timed := 0, 0, 0
				for limit := time.Now().Add(5 * time.Second); got < all && time.Now().Before(limit); {
					if sent == got { // a portable socket keeps no more than a few
						if err := a.Send([]byte("hello"), b.at); err != nil {
							t.Fatal(err)
						}
						sent++
					}
					n, from, came, ok := b.Receive(buf)
					if !ok {
						continue
					}
					got++
					if string(buf[:n]) != "hello" || from != a.at {
						t.Fatalf("received %q from %s, want hello from %s", buf[:n], from, a.at)
					}
					if came.IsZero() {
						continue
					}
					timed++
					if age := time.Since(came); age < -time.Second || age > 6*time.Second {
						t.Errorf("it came %v ago", age)
					}
				}
				if got != all || timed == 0 {
					t.Errorf("%d of %d came, %d with their time", got, all, timed)
				}
			})
		}
	}
}

type boundSocket struct {
	Packets
	at netip.AddrPort
}

// bound takes the first free port of a small range.
func bound(t *testing.T, listen ListenFunc, ip string) boundSocket {
	t.Helper()
	for port := uint16(21200); port < 21300; port++ {
		at := netip.AddrPortFrom(netip.MustParseAddr(ip), port)
		p, err := listen(at)
		if errors.Is(err, ErrOccupied) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return boundSocket{p, at}
	}
	t.Fatal("no free port")
	return boundSocket{}
}
