package media

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Config is what an engine needs to know; the zero value works on loopback.
type Config struct {
	IP      string       // to bind; "" is 127.0.0.1
	Public  string       // to announce in SDP when it is not IP (behind NAT)
	PortMin int          // 0 is 16384, below Linux's own ephemeral ports
	PortMax int          // 0 is 32767
	Shards  int          // 0 is one per processor
	Calls   int          // at most at once; open files and ports must be enough for them; 0 is not checked
	Listen  ListenFunc   // nil is UDP
	Log     *slog.Logger // nil is silence
}

// ErrClosed is returned by an engine or a leg that has been closed.
var ErrClosed = errors.New("media is closed")

// An Engine carries the audio of all calls of a process.
type Engine struct {
	config Config
	ip     netip.Addr // bound
	public netip.Addr // announced
	ports  *ports
	shards []*shard
	epoch  time.Time

	mu     sync.RWMutex // held for reading while a leg is placed
	closed bool

	gate      sync.Mutex
	admission admission
}

// NewEngine starts the shards; Close stops them.
func NewEngine(c Config) (*Engine, error) {
	if c.IP == "" {
		c.IP = "127.0.0.1"
	}
	if c.Public == "" {
		c.Public = c.IP
	}
	if c.PortMin == 0 && c.PortMax == 0 {
		c.PortMin, c.PortMax = 16384, 32767
	}
	if c.Shards <= 0 {
		c.Shards = runtime.GOMAXPROCS(0)
	}
	rest := func() sleeper { return goSleeper{} }
	if c.Listen == nil {
		c.Listen, rest = listenUDP, newSleeper
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	// One second in the past, so that no duration of a leg is zero by chance.
	e := &Engine{config: c, epoch: time.Now().Add(-time.Second)}
	var err error
	if e.ip, err = netip.ParseAddr(c.IP); err != nil {
		return nil, fmt.Errorf("media address %q: %w", c.IP, err)
	}
	if e.public, err = netip.ParseAddr(c.Public); err != nil || e.public.IsUnspecified() {
		return nil, fmt.Errorf("media address %q cannot be announced in SDP", c.Public)
	}
	if e.ports, err = newPorts(c.PortMin, c.PortMax); err != nil {
		return nil, err
	}
	if c.Calls > 0 {
		if err := errors.Join(e.ports.fits(c.Calls), roomForCalls(c.Calls)); err != nil {
			return nil, fmt.Errorf("room for calls: %w", err)
		}
	}
	for range c.Shards {
		s := newShard(e.epoch, rest())
		e.shards = append(e.shards, s)
		go s.run()
	}
	return e, nil
}

// LegConfig is one call's wishes; the zero value is a usual trunk.
type LegConfig struct {
	Codecs   []Codec        // in order of preference; nil is PCMA, PCMU
	Loopback bool           // the trunk is on this machine: nothing else is spoken to or heard
	Sources  []netip.Prefix // where the trunk's media may come from besides the SDP address
	Signal   netip.Addr     // where its signalling comes from; media may, too
	Public   netip.Addr     // announced in SDP to this trunk; the zero Addr is the engine's own
	Security Security       // whether audio is encrypted
	PTime    int            // milliseconds a packet of ours holds when they do not say; 0 is 20

	FirstTimeout time.Duration // without a first packet; 0 is 15 s
	Timeout      time.Duration // without a further packet; 0 is 30 s
}

// Open binds a port pair and places a leg on the emptiest shard. It sends nothing
// before Accept.
func (e *Engine) Open(c LegConfig) (*Leg, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, ErrClosed
	}
	if c.Codecs == nil {
		c.Codecs = []Codec{PCMA, PCMU}
	}
	for _, codec := range c.Codecs {
		if !codec.known() {
			return nil, fmt.Errorf("opening leg: %s is not a codec of ours", codec)
		}
	}
	if len(c.Codecs) == 0 {
		return nil, fmt.Errorf("opening leg: %w", ErrNoCodec)
	}
	switch {
	case c.PTime == 0:
		c.PTime = 20
	case !slices.Contains(packetTimes, c.PTime):
		return nil, fmt.Errorf("opening leg: packet time of %d ms, want one of %v", c.PTime, packetTimes)
	}
	if p := c.Public; p.IsValid() && (p.IsUnspecified() || !e.ip.IsUnspecified() && p.Is4() != e.ip.Is4()) {
		return nil, fmt.Errorf("opening leg: %s cannot be announced for sound at %s", p, e.ip)
	}
	if c.FirstTimeout <= 0 {
		c.FirstTimeout = 15 * time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	port, rtp, rtcp, err := e.ports.bind(e.ip, e.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening leg: %w", err)
	}
	l := newLeg(e, c, port, rtp, rtcp)
	l.shard.load.Add(1)
	l.shard.tell(func() { l.shard.add(l) })
	return l, nil
}

// emptiest is the shard with the fewest legs.
func (e *Engine) emptiest() *shard {
	return slices.MinFunc(e.shards, func(a, b *shard) int { return int(a.load.Load() - b.load.Load()) })
}

// Stats adds up the shards.
func (e *Engine) Stats() EngineStats {
	now := time.Since(e.epoch)
	var st EngineStats
	var late, lately Lateness
	for _, s := range e.shards {
		st.Legs += int(s.load.Load())
		st.Sent += s.sent.Load()
		st.Received += s.received.Load()
		st.Dropped += s.dropped.Load()
		st.Skipped += s.skipped.Load()
		st.LateMax = max(st.LateMax, time.Duration(s.log.worst.Load()))
		long, _ := s.log.last(logbookSpan, now)
		short, busy := s.log.last(int(admissionLooks/time.Second), now)
		late.Add(&long)
		lately.Add(&short)
		st.Busy = max(st.Busy, busy)
	}
	st.LateP50, st.LateP99 = late.Percentile(0.50), late.Percentile(0.99)
	e.gate.Lock()
	defer e.gate.Unlock()
	st.Strained = e.admission.judge(now, lately.Percentile(0.99), st.Busy)
	return st
}

// Lateness is how late all frames left since the start.
func (e *Engine) Lateness() (all Lateness) {
	for _, s := range e.shards {
		s.do(func() { all.Add(&s.log.late) })
	}
	return all
}

// Close ends every leg still open and waits for the shards.
func (e *Engine) Close() {
	e.mu.Lock()
	already := e.closed
	e.closed = true
	e.mu.Unlock()
	for _, s := range e.shards {
		if !already {
			close(s.quit)
		}
		<-s.stopped
	}
	if !already {
		e.config.Log.LogAttrs(context.Background(), slog.LevelDebug, "media closed", slog.Uint64("sent", e.Stats().Sent))
	}
}

// random64 makes SSRCs, sequence numbers and session IDs that a
// stranger cannot guess (RFC 3550 §5.1).
func random64() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}
