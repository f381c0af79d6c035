package sip

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/ipv4"
)

func TestAPeerThatStopsAnsweringPingsIsDead(t *testing.T) { // RFC 5626 4.4.1
	for _, tt := range []struct {
		name  string
		pongs int
		dead  bool
	}{
		{"it answered once", 1, true},
		{"it never answers, as one without RFC 5626", 0, false},
		{"it always answers", 1 << 20, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				a := &Agent{log: slog.New(slog.DiscardHandler), stop: make(chan struct{})}
				s := newStream(ours, &flow{agent: a, every: 30 * time.Second})
				go s.keepAlive()
				go func() { // sipgo's reader
					b := make([]byte, 64)
					for {
						if _, err := s.Read(b); err != nil {
							return
						}
					}
				}()
				go func() {
					b := make([]byte, 4)
					for n := 0; ; n++ {
						if _, err := io.ReadFull(theirs, b); err != nil {
							return
						}
						if n < tt.pongs {
							theirs.Write([]byte("\r\n"))
						}
					}
				}()
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if s.isDead() != tt.dead {
					t.Errorf("dead %v after five minutes, want %v", s.isDead(), tt.dead)
				}
				close(a.stop)
				theirs.Close()
				s.Close()
				synctest.Wait()
			})
		})
	}
}

func TestSIPSocketsAreMarkedCS3(t *testing.T) {
	a, err := Listen(t.Context(), Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if tos, err := ipv4.NewPacketConn(a.conn).TOS(); err != nil || tos != cs3<<2 {
		t.Errorf("TOS %#x, %v; want %#x", tos, err, cs3<<2)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	f, err := a.flowTo("TCP", to, "", &Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tos, err := ipv4.NewConn(f.conn.Conn).TOS(); err != nil || tos != cs3<<2 {
		t.Errorf("TOS of a connection %#x, %v; want %#x", tos, err, cs3<<2)
	}
}
