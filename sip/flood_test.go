package sip_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

var floodFor = flag.Duration("flood", 10*time.Second, "how long TestCallsLiveThroughAFlood floods")

// TestCallsLiveThroughAFlood is the sentence: no growth under 5,000
// messages a second of garbage and of hostile but valid SIP while 50 calls
// complete. The flood comes from the trunk's own address, as who forges it
// would send it, and names calls that are up.
func TestCallsLiveThroughAFlood(t *testing.T) { // alone: it measures the process
	const calls, atOnce = 50, 10
	rate := 5000
	if raced { // there it looks for races, not for speed
		rate = 1000
	}
	ctx, stop := context.WithTimeout(context.Background(), *floodFor+time.Minute)
	defer stop()
	callee, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer callee.Close()
	a, err := sip.Listen(ctx, sip.Config{Addr: "127.0.0.1:0", OnCall: func(i *sip.Incoming) { i.Reject(486, "Busy Here") }})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	trunk := sip.Trunk{Name: "test", Addr: callee.Addr(), From: "1"}
	if err := a.Serve(ctx, trunk); err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	answering.Go(func() { answer(ctx, callee) })

	goroutines, memory := runtime.NumGoroutine(), rss(t)
	var ids sync.Map // Call-IDs of calls that are up
	flooding, calm := context.WithCancel(ctx)
	var sent atomic.Int64
	var hostile sync.WaitGroup
	hostile.Go(func() { inundate(flooding, t, a.Addr(), rate, &ids, &sent) })

	began := time.Now()
	spread := *floodFor / calls
	var failed atomic.Int64
	var talking sync.WaitGroup
	lines := make(chan bool, atOnce)
	for i := range calls {
		lines <- true
		talking.Go(func() {
			defer func() { <-lines }()
			if err := converse(ctx, a, trunk, &ids, min(time.Second, spread*atOnce/2)); err != nil {
				failed.Add(1)
				t.Errorf("call %d: %v", i, err)
			}
		})
		wait(ctx, time.Until(began.Add(time.Duration(i+1)*spread)))
	}
	talking.Wait()
	took := time.Since(began)
	calm()
	hostile.Wait()

	s := a.Stats()
	t.Logf("%d messages in %v (%.0f/s), %d dropped unread, %d strangers, %d spoofed, %d calls in", sent.Load(), took.Round(time.Millisecond),
		float64(sent.Load())/took.Seconds(), s.Dropped, s.Strangers, s.Spoofed, s.Incoming)
	if s.Answered != calls || s.Dropped == 0 || s.Spoofed == 0 || s.Incoming == 0 {
		t.Errorf("stats %+v", s)
	}
	grown := rss(t) - memory
	t.Logf("memory grew by %d KiB", grown>>10)
	if grown > 50<<20 {
		t.Errorf("memory grew by %d MiB, at most 50", grown>>20)
	}
	for a.Stats().Lingering > 0 && ctx.Err() == nil { // 64·T1 and everything is forgotten
		wait(ctx, 50*time.Millisecond)
	}
	for runtime.NumGoroutine() > goroutines+5 && ctx.Err() == nil {
		wait(ctx, 50*time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines+5 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	stop()
	answering.Wait()
}

// wait passes time that the test is made of: a pace, not a hope.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// answer takes every call, and repeats its 183 until PRACK and its 200 until ACK
// as a carrier does: a flood loses datagrams.
func answer(ctx context.Context, p *siptest.Peer) {
	type open struct {
		invite *siptest.Message
		status int
		again  time.Time
	}
	calls := map[string]*open{}
	say := func(o *open) {
		o.again = time.Now().Add(500 * time.Millisecond)
		if o.status == 183 {
			p.Reply(o.invite, 183, "Session Progress", "a", append(reliable(1), sdp(30000))...)
		} else {
			p.Reply(o.invite, 200, "OK", "a", sdp(30000))
		}
	}
	for ctx.Err() == nil {
		soon, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		m, _, _ := p.Next(soon)
		stop()
		for _, o := range calls {
			if time.Now().After(o.again) {
				say(o)
			}
		}
		if m == nil {
			continue
		}
		id := m.Get("Call-ID")
		o := calls[id]
		switch m.Method() {
		case "INVITE":
			if o == nil {
				o = &open{invite: m, status: 183}
				calls[id] = o
			}
			say(o)
		case "PRACK":
			p.Reply(m, 200, "OK", "")
			if o != nil && o.status == 183 {
				o.status = 200
				say(o)
			}
		case "ACK":
			delete(calls, id)
		case "BYE":
			p.Reply(m, 200, "OK", "")
		}
	}
}

// converse places a call, talks for a while and hangs up.
func converse(ctx context.Context, a *sip.Agent, trunk sip.Trunk, ids *sync.Map, talk time.Duration) error {
	c, err := a.Dial(ctx, trunk, sip.Invite{To: "13800138000", SDP: []byte(offer)})
	if err != nil {
		return err
	}
	ids.Store(c.ID(), true)
	defer ids.Delete(c.ID())
	up := false
	for e := range c.Events() {
		switch e.Kind {
		case sip.Answered:
			up = true
			wait(ctx, talk)
			c.Hangup("thank you")
		case sip.Ended:
			if !up || e.Cause.By != sip.ByUs {
				return fmt.Errorf("ended with %+v, answered %v", e.Cause, up)
			}
		}
	}
	return nil
}

// inundate sends what an enemy would, at a rate, and reads what comes back.
func inundate(ctx context.Context, t *testing.T, to string, rate int, ids *sync.Map, sent *atomic.Int64) {
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	go func() {
		buf := make([]byte, 1<<16)
		for {
			if _, err := conn.Read(buf); err != nil && ctx.Err() != nil {
				return
			}
		}
	}()
	rng := rand.New(rand.NewPCG(15, 41145))
	last, owed := time.Now(), 0.0
	for ctx.Err() == nil {
		now := time.Now()
		owed += min(now.Sub(last), 50*time.Millisecond).Seconds() * float64(rate) // what a busy machine kept us from is not made up for
		last = now
		for ; owed >= 1; owed-- {
			conn.Write(enmity(rng, ids, conn.LocalAddr().String()))
			sent.Add(1)
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// enmity is one hostile message.
func enmity(rng *rand.Rand, ids *sync.Map, from string) []byte {
	id := strconv.FormatUint(rng.Uint64(), 36)
	if rng.IntN(4) == 0 {
		ids.Range(func(k, _ any) bool { id = k.(string); return rng.IntN(3) > 0 })
	}
	methods := []string{"INVITE", "INVITE", "BYE", "CANCEL", "OPTIONS", "UPDATE", "NOTIFY", "INFO", "REFER", "REGISTER", "SUBSCRIBE", "PRACK", "ACK", "MESSAGE"}
	method := methods[rng.IntN(len(methods))]
	start := method + " sip:1@127.0.0.1 SIP/2.0"
	if rng.IntN(4) == 0 {
		start = []string{"SIP/2.0 200 OK", "SIP/2.0 183 Session Progress", "SIP/2.0 486 Busy Here", "SIP/2.0 401 Who"}[rng.IntN(4)]
	}
	m := fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%x\r\nFrom: <sip:x@y>;tag=%x\r\nTo: <sip:1@z>;tag=%x\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:x@%s>\r\nRSeq: 1\r\nRequire: 100rel\r\nContent-Length: 0\r\n\r\n",
		start, from, rng.Uint64(), rng.Uint64(), rng.Uint64(), id, rng.Uint32(), method, from)
	switch rng.IntN(8) {
	case 0: // garbage
		raw := make([]byte, 40+rng.IntN(1400))
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		raw[0] = 'I'
		return raw
	case 1: // almost SIP
		raw := []byte(m)
		for range 1 + rng.IntN(8) {
			raw[rng.IntN(len(raw))] = byte(32 + rng.IntN(95))
		}
		return raw
	case 2: // a request outside any dialog
		return []byte(strings.Replace(strings.Replace(m, "To: <sip:1@z>;tag", "To: <sip:1@z>;x", 1), "Require: 100rel\r\n", "", 1))
	case 3: // enormous
		return append([]byte(m[:len(m)-2]), append(bytes.Repeat([]byte("X-Much: of nothing at all\r\n"), 300), "\r\n"...)...)
	}
	return []byte(m)
}

// rss is the memory of this process as the system sees it; where there is no
// /proc, as Go's runtime sees it.
func rss(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Sys - m.HeapReleased)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
