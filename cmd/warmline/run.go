package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"warmline/dialer"
	"warmline/scheduler/tasks"
	"warmline/sip"
	"warmline/speech/openai"
	"warmline/web"
)

// Roles a process may have; serve without --role has all of them.
const (
	rolePlanner = "planner" // plans, relays wake-ups, sweeps after the dead
	roleDialer  = "dialer"  // claims and dials
	roleFriends = "friends" // invitations and messages
	roleWeb     = "web"     // API and callbacks
)

var allRoles = []string{rolePlanner, roleDialer, roleFriends, roleWeb}

// parts is what a running Warmline is made of. The demo, serve and the tests
// fill it, from the config or from simulators; run knows no difference.
type parts struct {
	config   Config
	stores   *stores
	clock    *clock
	log      *slog.Logger
	roles    []string
	listener net.Listener // where the API answers
	observe  func(dialer.Live)
	started  func(*house)
	decide   decider     // the door; compliance.Decide when nil
	strained func() bool // whether sound is late; asks the media engine when nil
}

// house is a running Warmline, for those who watch it from inside the process.
type house struct {
	parts
	id      string
	trees   *trees
	facts   *factBook
	planner *planner
	caller  *caller
	friends *friends
	url     string

	answering atomic.Bool // caller takes calls that come in
}

// answer gives a call that comes in to the caller, once there is one.
func (h *house) answer(in *sip.Incoming) {
	if !h.answering.Load() {
		in.RejectFor(503, "Service Unavailable", busyFor)
		return
	}
	h.caller.answer(in)
}

// run is Warmline: it starts the rooms of its roles and ends them in order when
// ctx ends. Stop planning, stop claiming, let calls finish, close.
func run(ctx context.Context, p parts) error {
	h := &house{parts: p, trees: newTrees(p.config.Dialogs), id: uuid.NewString()}
	if h.decide == nil {
		h.decide = decideByPolicy
	}
	var err error
	if h.facts, err = newFactBook(p.config, p.log); err != nil {
		return err
	}
	if err := p.stores.db.RegisterKey(ctx); err != nil {
		return err
	}
	h.url = p.config.PublicURL
	if h.url == "" && p.listener != nil {
		h.url = "http://" + p.listener.Addr().String()
	}
	h.planner = &planner{db: p.stores.db, config: p.config, trees: h.trees, facts: h.facts, clock: p.clock, log: p.log, decide: h.decide}
	sp, err := openSpool(p.config.dataDir(), p.log)
	if err != nil {
		return err
	}
	defer sp.close()
	if h.friends, err = newFriends(h, sp); err != nil {
		return err
	}
	handlers := map[string]tasks.Handler{}
	g, gctx := errgroup.WithContext(ctx)
	// What live calls need (workers for what follows, callbacks, the API) goes
	// on until the last of them has ended.
	last, stopLast := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLast()
	drained := make(chan struct{})
	if !h.has(roleDialer) {
		close(drained)
	}
	if h.has(roleDialer) {
		d, stop, err := newDialer(ctx, p.config, p.clock.now, p.log, h.answer)
		if err != nil {
			return err
		}
		defer stop()
		d.Observe = p.observe
		for _, t := range p.config.Trunks {
			if err := d.SIP.Serve(ctx, t.sip()); err != nil {
				return err
			}
		}
		if h.strained == nil {
			h.strained = func() bool { return d.Media.Stats().Strained }
		}
		h.caller = newCaller(h, d, sp)
		d.Line = h.caller.line
		// What an earlier process could not bring home comes first: until it
		// is, admission is closed and the heartbeat tries on.
		if err := sp.drain(ctx, h.caller.unspool); err != nil {
			p.log.Error("what the spool holds cannot be brought home yet; nobody is contacted from here", "waiting", sp.waiting(), "err", err)
		}
		if err := p.stores.db.Heartbeat(ctx, h.id, h.url); err != nil {
			return err
		}
		h.caller.rehearse(ctx)
		if err := h.caller.checkInbound(); err != nil {
			return err
		}
		h.answering.Store(true)
		handlers[tasks.Attempt] = h.caller.wake
		g.Go(func() error { return h.caller.expireRecordings(gctx) })
		g.Go(func() error { defer close(drained); return h.caller.run(gctx) })
	}
	if h.has(roleFriends) {
		handlers[tasks.Invite] = h.friends.invite
		handlers[tasks.Message] = h.friends.message
		g.Go(func() error { return h.friends.run(last) })
	}
	if !h.has(roleDialer) {
		g.Go(func() error { return h.bringHome(last, sp) })
	}
	if len(handlers) > 0 {
		w := &tasks.Worker{Redis: p.stores.redis, Handlers: handlers, Log: p.log}
		g.Go(func() error { return w.Run(last) })
	}
	if h.has(rolePlanner) {
		g.Go(func() error { return h.planner.run(gctx) })
		g.Go(func() error {
			return tasks.Relay(gctx, p.stores.db, p.stores.redis, 50*time.Millisecond, p.clock.now, p.log)
		})
		g.Go(func() error { return h.sweep(gctx) })
	}
	if p.listener != nil {
		g.Go(func() error { return h.serve(last) })
	}
	g.Go(func() error {
		<-gctx.Done()
		<-drained
		stopLast()
		return nil
	})
	if p.started != nil {
		p.started(h)
	}
	return g.Wait()
}

func (h *house) has(role string) bool { return slices.Contains(h.roles, role) }

// sweep gives back what dead dialers held.
func (h *house) sweep(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		requeued, unknown, err := h.stores.db.Sweep(ctx, h.clock.now(), deadAfter)
		switch {
		case err != nil && ctx.Err() == nil:
			h.log.Warn("sweeping after dead dialers", "err", err)
		case requeued+unknown > 0:
			h.log.Info("a dialer died", "requeued", requeued, "unknown", unknown)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// bringHome drains the spool of a process that does not dial: what a dead
// dialer left in this folder may have come to it.
func (h *house) bringHome(ctx context.Context, sp *spool) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := sp.drain(ctx, (&caller{db: h.stores.db, log: h.log}).unspool); err != nil && ctx.Err() == nil {
			h.log.Warn("bringing home what the spool holds", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// serve answers the API, health, metrics and callbacks on one port.
func (h *house) serve(ctx context.Context) error {
	api, err := web.New(web.Config{
		Store: h.stores.db, Now: h.clock.now, Log: h.log, Token: h.config.APIToken, Brand: h.config.Brand,
		Live: h.live, Hangup: h.hangup, Refuse: h.refuse, Collectors: h.metrics(),
		WeCom: h.friends.wecomCallback(), Receipts: h.friends.receipts(), Replies: h.friends.replies(), SMSPath: h.config.SMS.CallbackPath,
		Reveal: h.friends.reveal, Code: h.friends.code,
	})
	if err != nil {
		return err
	}
	s := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	done := make(chan error, 1) // the server's own end
	go func() { done <- s.Serve(h.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving %s: %w", h.listener.Addr(), err)
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(bye); err != nil {
		s.Close()
	}
	<-done
	return nil
}

// live lists this process's calls.
func (h *house) live() []dialer.Live {
	if h.caller == nil {
		return nil
	}
	return h.caller.dialer.Live()
}

func (h *house) hangup(attempt string) bool { return h.caller != nil && h.caller.hangup(attempt) }

// refuse says why no new call starts here, or "".
func (h *house) refuse() string {
	if h.caller == nil {
		return "no dialer in this process"
	}
	return h.caller.refuse()
}

// metrics are this process's own gauges.
func (h *house) metrics() []prometheus.Collector {
	if h.caller == nil {
		return nil
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	own := []prometheus.Collector{
		gauge("warmline_spool_waiting", "Facts on our own disk that PostgreSQL has not taken; above 0 no new contact starts.",
			func() float64 { return float64(h.caller.spool.waiting()) }),
		gauge("warmline_rtp_late_p99_seconds", "Send lateness of audio frames in the last ten seconds, 99th percentile.",
			func() float64 { return h.caller.engine.Stats().LateP99.Seconds() }),
		trunkMetrics{h.caller.dialer.SIP},
		gauge("warmline_rtp_busy_ratio", "Share of its time the busiest audio shard spends on calls.",
			func() float64 { return h.caller.engine.Stats().Busy }),
		gauge("warmline_rtp_strained", "1 while this process takes no new call because its audio is late or its processor full.",
			func() float64 {
				if h.caller.engine.Stats().Strained {
					return 1
				}
				return 0
			}),
	}
	if model, ok := h.caller.dialer.Understander.(*openai.Client); ok {
		own = append(own, understandingMetrics{model})
	}
	return own
}
