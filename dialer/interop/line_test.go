package interop

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warmline/media"
	"warmline/sip"
)

// A line is our end of every test: an agent and an engine, as a dialer has.
type line struct {
	*testing.T
	ctx    context.Context
	fail   context.CancelCauseFunc // ends the run with a reason
	agent  *sip.Agent
	engine *media.Engine
}

// runBound ends a run whose peer does nothing more.
const runBound = 30 * time.Second

func newLine(t *testing.T) *line {
	t.Helper()
	t.Parallel()
	bound, stop := context.WithTimeout(context.Background(), runBound)
	t.Cleanup(stop)
	ctx, fail := context.WithCancelCause(bound)
	t.Cleanup(func() { fail(nil) })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { agent.Close() })
	// A block of ports of its own, so that late packets of one run are no
	// strangers' packets in another.
	rtp := ports(t)
	engine, err := media.NewEngine(media.Config{PortMin: rtp, PortMax: rtp + portsGiven - 1, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	return &line{T: t, ctx: ctx, fail: fail, agent: agent, engine: engine}
}

// A party is one call of ours with its sound.
type party struct {
	*line
	call *sip.Call
	leg  *media.Leg
	ear  *ear
}

// dial calls through a trunk; the leg's offer goes out and every answer comes
// back to it, as in dialer.
func (l *line) dial(trunk sip.Trunk, config media.LegConfig) *party {
	l.Helper()
	config.Loopback = true
	leg, err := l.engine.Open(config)
	if err != nil {
		l.Fatal(err)
	}
	p := &party{line: l, leg: leg, ear: listen(l.ctx, leg.Tap())}
	l.Cleanup(func() {
		leg.Close()
		<-p.ear.done
	})
	if p.call, err = l.agent.Dial(l.ctx, trunk, sip.Invite{
		To: "callee", From: "02150001234", SDP: leg.Offer(), RingTimeout: runBound, AttemptID: "interop", OnOffer: leg.Reoffer,
	}); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if l.Failed() {
			p.showLadder()
		}
	})
	return p
}

func (p *party) showLadder() {
	var b strings.Builder
	for _, turn := range p.call.Ladder() {
		arrow := "<── "
		if turn.Sent {
			arrow = "──> "
		}
		b.WriteString(turn.At.Format("05.000 ") + arrow + turn.Line + "\n")
	}
	p.Logf("our ladder:\n%s", b.String())
}

// event waits for the call to do something and lets the leg have what SDP comes
// on the way.
func (p *party) event(kind sip.EventKind) sip.Event {
	p.Helper()
	for {
		select {
		case e, open := <-p.call.Events():
			if !open {
				p.Fatalf("the call ended while waiting for %q", kind)
			}
			if len(e.SDP) > 0 && (e.Kind == sip.Early || e.Kind == sip.Answered) {
				if err := p.leg.Accept(e.SDP); err != nil {
					p.Fatalf("%v\n%s", err, e.SDP)
				}
			}
			if e.Kind == kind {
				return e
			}
			if e.Kind == sip.Ended {
				p.Fatalf("the call ended with %+v while waiting for %q", e.Cause, kind)
			}
		case <-p.ctx.Done():
			p.Fatalf("waited for %q in vain: %v", kind, context.Cause(p.ctx))
		}
	}
}

// ended waits for the end and wants it to be somebody's doing.
func (p *party) ended(by string) sip.Cause {
	p.Helper()
	why := p.event(sip.Ended).Cause
	if why.By != by {
		p.Errorf("ended by %s, want %s: %+v", why.By, by, why)
	}
	return why
}

// reinvite offers the session anew and lets the leg have the answer.
func (p *party) reinvite() {
	p.Helper()
	answer, err := p.call.Reinvite(p.ctx, p.leg.Offer())
	if err != nil {
		p.Fatal(err)
	}
	if err := p.leg.Accept(answer); err != nil {
		p.Fatalf("%v\n%s", err, answer)
	}
}

// sound waits for something on the leg.
func (p *party) sound(kind media.EventKind) media.Event {
	p.Helper()
	for {
		select {
		case e, open := <-p.leg.Events():
			if !open {
				p.Fatalf("the leg was closed while waiting for %q", kind)
			}
			if e.Kind == kind {
				return e
			}
			if e.Kind == media.EventTimeout {
				p.Fatalf("no sound came while waiting for %q", kind)
			}
		case <-p.ctx.Done():
			p.Fatalf("waited for %q in vain: %v", kind, context.Cause(p.ctx))
		}
	}
}

// say plays samples to their end.
func (p *party) say(pcm []int16) {
	p.Helper()
	id := p.leg.Play(media.NewClip(pcm))
	for {
		if e := p.sound(media.EventPlayed); e.ID == id {
			if e.Frames != e.Total {
				p.Errorf("%d of %d frames were played", e.Frames, e.Total)
			}
			return
		}
	}
}

// echoes says the melody until all of it has come back: once, unless frames are
// torn on a busy machine.
func (p *party) echoes() {
	p.Helper()
	for {
		p.say(melody())
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if likeness(melody(), p.ear.all()) >= carries {
				return
			}
		}
		if p.ctx.Err() != nil {
			p.Fatalf("the melody's echo was not heard: %v", context.Cause(p.ctx))
		}
	}
}

// talks says the melody twice to a peer that records it and has some silence
// pass its jitter buffer; meanwhile the peer's own melody is heard.
func (p *party) talks() {
	p.Helper()
	p.say(slices.Concat(melody(), make([]int16, rate/4), melody(), make([]int16, rate/2)))
	p.hears("the peer's melody", func(pcm []int16) bool { return likeness(melody(), pcm) >= carries })
}

// keys waits for as many key presses.
func (p *party) keys(n int) string {
	p.Helper()
	var b strings.Builder
	for range n {
		b.WriteString(p.sound(media.EventDigit).Digit)
	}
	return b.String()
}

// quiet waits until nothing has been sent for a while.
func (p *party) quiet(d time.Duration) {
	p.Helper()
	sent, since := uint64(0), time.Now()
	p.hears("our silence", func([]int16) bool {
		if now := p.leg.Stats().Sent; now != sent {
			sent, since = now, time.Now()
		}
		return time.Since(since) >= d
	})
}

// close ends the leg and gives its record.
func (p *party) close() media.Stats { return p.leg.Close() }

// clean fails unless sound went both ways and what came was the call's. A relay
// may let an RTCP packet or two astray before it has seen the answer.
func (p *party) clean(st media.Stats) {
	p.Helper()
	d := st.Drops
	if st.Sent < 50 || st.Received < 50 || st.Lost > st.Received/20 || st.SendErrors > 0 || d.Malformed+d.Type+d.Foreign+d.SSRC > 2 {
		p.Errorf("audio was not clean: %+v", st)
	}
}

// An ear keeps all that a leg hears.
type ear struct {
	mu   sync.Mutex
	pcm  []int16
	done chan struct{}
}

func listen(ctx context.Context, tap *media.Tap) *ear {
	e := &ear{done: make(chan struct{})}
	go func() {
		defer close(e.done)
		var b [8000]int16
		for {
			n, err := tap.Read(ctx, b[:])
			e.mu.Lock()
			e.pcm = append(e.pcm, b[:n]...)
			e.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return e
}

// all is what was heard so far.
func (e *ear) all() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.pcm)
}

// hears waits until what was heard satisfies.
func (p *party) hears(what string, is func(pcm []int16) bool) {
	p.Helper()
	for !is(p.ear.all()) {
		select {
		case <-p.ctx.Done():
			p.Fatalf("%s was not heard in %d samples: %v", what, len(p.ear.all()), context.Cause(p.ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
