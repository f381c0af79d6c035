package siptest

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Options say how the gateway behaves. The zero value is a trunk on a free
// loopback port whose people hum and take their time.
type Options struct {
	Addr string       // host:port to listen on; "" means 127.0.0.1:0
	Log  *slog.Logger // one line per refused datagram; nil discards

	// Voice turns a text into A-law at 8 kHz. It is called once per text, from
	// one goroutine; nil means a hum of 150 ms a character.
	Voice func(text string) []byte

	Ring     time.Duration // the longest ring; 0 means 2.5 s. A number rings a stable 0.32 to 1 of it
	Pace     float64       // how many times faster than life phones ring; 0 means 1. Speech keeps its pace
	Quiet    time.Duration // silence that ends the bot's turn; 0 means 400 ms
	Patience time.Duration // silence after which a person hangs up; 0 means 15 s

	Keep bool // keep what each call heard, for CallRecord.Audio

	PortMin, PortMax int // RTP ports, even ones used; 0 means 40000 to 59999

	Now    func() time.Time // stamps what is recorded; nil means time.Now. Waits never use it
	Record io.Writer        // the carrier's log, one JSON object a line, one Write each; nil for none
	Auth   *Auth            // challenge INVITEs; nil for an open trunk
}

// Auth is what a caller must prove by digest (RFC 3261 22) before it may dial.
type Auth struct{ Realm, User, Password string }

// Gateway is a carrier trunk with people behind it. One goroutine owns every
// call, its signalling and its audio; a second reads the SIP socket and a third
// voices texts ahead.
type Gateway struct {
	o    Options
	conn *net.UDPConn
	ip   netip.Addr
	addr string

	in     chan datagram // 512: a burst of INVITEs while one turn of the wheel is sent
	ops    chan func()
	texts  chan string // 128: more than all texts of all people
	quit   chan struct{}
	done   chan struct{} // closed when the owner has ended
	closed sync.Once
	others sync.WaitGroup
	after  sync.Mutex // guards what the owner owned, once it has ended

	// What follows belongs to the owner goroutine.
	calls   map[string]*call // by Call-ID and caller's tag
	callers map[string]*call // by Call-ID: people who call us
	wheel   [wheelSlots][]*call
	visits  map[string]int       // calls a number has had
	stopped map[string]time.Time // when a number's person asked for no more
	voices  map[string][]byte    // nil while being voiced
	books   books
	faults  faultState
	nonces  nonceBook
	port    int
	tags    int
	buf     [2048]byte
}

type datagram struct {
	raw  []byte
	from netip.AddrPort
}

// Start opens the gateway. Close it to free its sockets.
func Start(o Options) (*Gateway, error) {
	o.fill()
	a, err := net.ResolveUDPAddr("udp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("resolving gateway address %s: %w", o.Addr, err)
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		return nil, fmt.Errorf("listening on gateway address %s: %w", o.Addr, err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	ip := local.Addr().Unmap()
	if ip.IsUnspecified() {
		conn.Close()
		return nil, fmt.Errorf("starting the gateway on %s: it needs one address to put into SDP, such as 127.0.0.1", o.Addr)
	}
	conn.SetReadBuffer(4 << 20) // best effort: the default holds about 100 datagrams
	g := &Gateway{
		o: o, conn: conn, ip: ip, addr: conn.LocalAddr().String(),
		in: make(chan datagram, 512), ops: make(chan func()), texts: make(chan string, 128),
		quit: make(chan struct{}), done: make(chan struct{}),
		calls: map[string]*call{}, callers: map[string]*call{}, visits: map[string]int{}, stopped: map[string]time.Time{},
		voices: map[string][]byte{}, port: o.PortMin,
	}
	g.faults.seed()
	g.nonces = nonceBook{key: []byte(rand.Text()), used: map[string]bool{}}
	g.others.Go(g.read)
	g.others.Go(g.speakAhead)
	go g.own()
	return g, nil
}

func (o *Options) fill() {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Voice == nil {
		o.Voice = hum
	}
	if o.Pace <= 0 {
		o.Pace = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	orElse := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	orElse(&o.Ring, 2500*time.Millisecond)
	orElse(&o.Quiet, 400*time.Millisecond)
	orElse(&o.Patience, 15*time.Second)
	if o.PortMin <= 0 || o.PortMax <= o.PortMin {
		o.PortMin, o.PortMax = 40000, 59999
	}
	o.PortMin += o.PortMin % 2
}

// Addr is the gateway's host:port: where a trunk points.
func (g *Gateway) Addr() string { return g.addr }

// Close hangs up every call, closes the sockets and waits for the goroutines.
// Truth may still be asked afterwards.
func (g *Gateway) Close() error {
	var err error
	g.closed.Do(func() {
		close(g.quit)
		<-g.done
		err = g.conn.Close()
		g.others.Wait()
	})
	return err
}

// do runs f where nothing else touches the gateway's state.
func (g *Gateway) do(f func()) {
	ran := make(chan struct{})
	select {
	case g.ops <- func() { f(); close(ran) }:
		<-ran
	case <-g.done:
		g.after.Lock()
		defer g.after.Unlock()
		f()
	}
}

// read hands datagrams to the owner until the socket closes.
func (g *Gateway) read() {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := g.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n <= 4 { // a keep-alive (RFC 5626 3.5.1)
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		select {
		case g.in <- datagram{slices.Clone(buf[:n]), from}:
		case <-g.quit:
			return
		}
	}
}

// speakAhead voices the texts the owner will need, so that it never waits.
func (g *Gateway) speakAhead() {
	for {
		select {
		case text := <-g.texts:
			audio := g.o.Voice(text)
			if len(audio) == 0 {
				audio = hum(text)
			}
			select {
			case g.ops <- func() { g.voices[text] = audio }:
			case <-g.quit:
				return
			}
		case <-g.quit:
			return
		}
	}
}

// voice returns a text's audio, or nil while it is still being made.
func (g *Gateway) voice(text string) []byte {
	audio, asked := g.voices[text]
	if !asked {
		select {
		case g.texts <- text:
			g.voices[text] = nil
		default: // asked again at the next frame
		}
	}
	return audio
}
