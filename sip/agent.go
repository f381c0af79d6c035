package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Config says where to listen and who we are.
type Config struct {
	Addr      string          // UDP address to listen on, as "127.0.0.1:0" or ":5060"
	UserAgent string          // User-Agent header; "warmline" when empty
	Log       *slog.Logger    // nil discards
	OnCall    func(*Incoming) // takes calls of the trunks given to Serve, each on a goroutine of its own; nil refuses them. Close waits for its return
	Key       []byte          // secret that marks our calls; keep it over restarts so that late answers are recognised. Random when empty
	DNS       []string        // DNS servers, host:port; the system's when empty
	DSCP      int             // class of our packets (RFC 2474); CS3 when 0, none when negative
}

// Agent is our end of all trunks: one UDP socket, the streams to trunks by TCP
// and TLS, and the calls on them.
type Agent struct {
	name  string
	log   *slog.Logger
	tags  tags
	dns   *resolver
	door  door
	stray strays

	onCall  func(*Incoming)
	waiting atomic.Int64 // calls that came in and are not answered

	targets targets
	nonces  nonces
	served  served

	forget func() bool // stops waiting for Listen's ctx
	conn   net.PacketConn
	socket *socket
	noise  *slog.Logger // for what others cause, at most a line a second
	laddr  gosip.Addr
	dscp   int
	flows  flows
	tcp    *spout // gives sipgo our TCP connections
	tls    *spout // gives sipgo our TLS connections
	tp     *gosip.TransportLayer
	tx     *gosip.TransactionLayer

	listenTCP sync.Once
	living    context.Context // ends with the agent
	die       context.CancelFunc
	leaving   context.Context // ends when Close begins
	retire    context.CancelFunc
	keepers   sync.WaitGroup // those that keep served trunks

	mu      sync.Mutex
	inlet   net.Listener                    // where trunks connect to us by TCP; nil before acceptTCP
	closed  bool                            // no new calls
	ended   bool                            // no new goroutines
	calls   map[string]*Call                // by Call-ID
	awaited map[string]chan *gosip.Response // by branch: answers to requests that are no call's
	stop    chan struct{}                   // closed when goroutines must end
	done    chan struct{}                   // closed when Close is through
	wg      sync.WaitGroup                  // socket reader, call owners, exchanges

	count counters
}

// counters are kept atomically by whoever counts.
type counters struct {
	dialed, incoming, answered, ended, forks, late, strangers, spoofed, lostEvents atomic.Uint64
}

// Stats counts since Listen.
type Stats struct {
	Dialed     uint64 // INVITEs that left
	Incoming   uint64 // calls that came in
	Answered   uint64 // calls answered
	Ended      uint64 // calls whose Ended was delivered
	Live       int    // calls not ended
	Lingering  int    // ended calls kept for late packets
	Forks      uint64 // answers of other forks, and answers that crossed our CANCEL, hung up
	Late       uint64 // answers to forgotten calls, hung up
	Dropped    uint64 // packets from addresses of no trunk, and more than a trunk may send outside calls
	Strangers  uint64 // requests outside any call, refused
	Spoofed    uint64 // requests and answers with a call's Call-ID but wrong tags, source or MAC
	Streams    int    // connections to trunks by TCP and TLS
	LostEvents uint64 // progress and key presses nobody read in time
}

// readBuffer holds about two thousand packets while the reader is busy.
const readBuffer = 4 << 20

// Listen opens the socket and starts to read. Closing ctx closes the agent.
func Listen(ctx context.Context, c Config) (*Agent, error) {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening for SIP: %w", err)
	}
	a, err := listenOn(ctx, conn, c)
	if err != nil {
		conn.Close()
	}
	return a, err
}

// listenOn starts an agent on a socket.
func listenOn(ctx context.Context, conn net.PacketConn, c Config) (*Agent, error) {
	if c.UserAgent == "" {
		c.UserAgent = "warmline"
	}
	if err := checkValue("user agent", c.UserAgent); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setSipgo()
	udp, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("listening for SIP on %s: not a UDP address", c.Addr)
	}
	a := &Agent{
		name:    c.UserAgent,
		log:     c.Log,
		tags:    newTags(c.Key),
		onCall:  c.OnCall,
		conn:    conn,
		laddr:   gosip.Addr{IP: udp.IP, Port: udp.Port},
		dscp:    c.DSCP,
		dns:     newResolver(c.DNS),
		tcp:     newSpout(&net.TCPAddr{IP: udp.IP, Port: udp.Port}),
		tls:     newSpout(&net.TCPAddr{IP: udp.IP, Port: udp.Port}),
		calls:   map[string]*Call{},
		awaited: map[string]chan *gosip.Response{},
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if a.dscp == 0 {
		a.dscp = cs3
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		if err := udp.SetReadBuffer(readBuffer); err != nil {
			c.Log.Warn("SIP socket keeps its small receive buffer", "err", err)
		}
		mark(udp, a.dscp)
	}
	a.door.ours = a.holds
	a.living, a.die = context.WithCancel(context.Background())
	a.leaving, a.retire = context.WithCancel(context.Background())
	lib := newQuiet(c.Log)
	a.noise, a.socket = lib, newSocket(a, conn)
	a.tp = gosip.NewTransportLayer(net.DefaultResolver, gosip.NewParser(), nil,
		gosip.WithTransportLayerLogger(lib))
	a.tp.OnMessage(a.overhear) // before the transactions, which lose the order
	a.tx = gosip.NewTransactionLayer(a.tp,
		gosip.WithTransactionLayerLogger(lib), gosip.WithTransactionLayerUnhandledResponseHandler(func(*gosip.Response) {}), // overheard
		gosip.WithTransactionLayerTerminateOnConnClose())
	a.tx.OnRequest(a.onRequest)

	a.wg.Go(func() {
		if err := a.tp.ServeUDP(a.socket); err != nil {
			a.log.Error("SIP socket stopped", "err", err)
		}
	})
	a.wg.Go(func() { a.tp.ServeTCP(a.tcp) }) // both end with their spout, and say so
	a.wg.Go(func() { a.tp.ServeTLS(a.tls) })
	<-a.socket.reading
	a.mu.Lock()
	a.forget = context.AfterFunc(ctx, func() { a.Close() })
	a.mu.Unlock()
	return a, nil
}

// Addr is where the agent listens.
func (a *Agent) Addr() string { return a.conn.LocalAddr().String() }

// Stats returns the counters and how many calls there are.
func (a *Agent) Stats() Stats {
	s := Stats{
		Dialed: a.count.dialed.Load(), Incoming: a.count.incoming.Load(), Answered: a.count.answered.Load(), Ended: a.count.ended.Load(),
		Forks: a.count.forks.Load(), Late: a.count.late.Load(), Dropped: a.door.dropped.Load(),
		Strangers: a.count.strangers.Load(), Spoofed: a.count.spoofed.Load(), LostEvents: a.count.lostEvents.Load(),
	}
	s.Streams = a.streams()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c.isOver() {
			s.Lingering++
		} else {
			s.Live++
		}
	}
	return s
}

// ErrClosed is Dial's error after Close.
var ErrClosed = errors.New("sip agent is closed")

// closeGrace is how long Close waits for carriers to confirm the hang-ups.
const closeGrace = 2 * time.Second

// Close hangs up every call, unregisters, waits a moment for the carriers to
// confirm, and closes socket and streams. It may be called more than once.
func (a *Agent) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		<-a.done
		return nil
	}
	a.closed = true
	var calls []*Call
	for _, c := range a.calls {
		calls = append(calls, c)
	}
	a.forget()
	a.mu.Unlock()
	defer close(a.done)

	a.retire()
	for _, c := range calls {
		c.Hangup("closing")
	}
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
waiting:
	for _, c := range calls {
		select {
		case <-c.settled:
		case <-grace.C:
			break waiting
		}
	}
	a.keepers.Wait() // each is bounded by its farewell
	for _, c := range calls {
		c.stir() // to depart
	}
	a.mu.Lock()
	a.ended = true
	inlet := a.inlet
	a.mu.Unlock()
	close(a.stop)
	a.die()
	a.tcp.Close()
	a.tls.Close()
	if inlet != nil {
		inlet.Close()
	}
	a.tx.Close()
	a.tp.Close()
	err := a.conn.Close()
	a.wg.Wait()
	return err
}

// spawn starts a goroutine that Close waits for, unless it is too late.
func (a *Agent) spawn(f func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return false
	}
	a.wg.Go(f)
	return true
}

func (a *Agent) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// enter lists a call under its Call-ID and starts its owner.
func (a *Agent) enter(c *Call, owner func()) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.calls[c.id] = c
	a.wg.Go(owner)
	return nil
}

func (a *Agent) leave(c *Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, c.id)
}

// holds is find for a Call-ID that is not parsed yet.
func (a *Agent) holds(callID []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[string(callID)] != nil
}

func (a *Agent) find(callID string) *Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[callID]
}

// sentBy is the address by which dest reaches us: the socket's, or on a
// wildcard socket that of the interface the kernel would use.
func (a *Agent) sentBy(dest netip.AddrPort) (sentBy, error) {
	local := sentBy{host: a.laddr.IP.String(), port: a.laddr.Port, transport: "UDP"}
	if !a.laddr.IP.IsUnspecified() {
		return local, nil
	}
	probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(dest))
	if err != nil {
		return sentBy{}, fmt.Errorf("finding the way to gateway %s: %w", dest, err)
	}
	defer probe.Close()
	local.host = probe.LocalAddr().(*net.UDPAddr).IP.String()
	return local, nil
}
