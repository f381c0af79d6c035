package dialer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip"
)

// call is one live call. Everything below ctx belongs to the goroutine in run;
// workers hand their results to it through the inbox.
type call struct {
	dialer *Dialer
	job    Job
	door   Door
	log    *slog.Logger

	ctx     context.Context // ends with the call
	stop    context.CancelFunc
	workers sync.WaitGroup
	inbox   chan func() // eight: no call has more workers at once
	gone    chan struct{}
	pushed  atomic.Int64 // samples the ears were given

	res  Result
	live Live
	sip  *sip.Call
	leg  *media.Leg
	todo []func() // own messages, handled before anybody's

	session    *dialogs.Session
	sent       time.Time // the INVITE, monotonic
	started    time.Time // the answer, monotonic
	hanging    bool      // Hangup was asked for; only the end is awaited
	over       bool
	dropped    bool // ctx was cancelled
	inbound    bool // the person called us
	machine    string
	fault      string // disposition known before the end
	speechless bool   // our voice failed
	accepted   bool   // media has been agreed

	tape    *tape // nil: not recorded
	floor   floor
	hear    hearing
	handing *handing // nil while nobody is asked to take the call over
	doubt   *doubt   // a sentence that waits to be understood

	asked    int  // questions to the house not yet answered
	refuse   bool // an opt-out whose answer the tree waits for
	deciding int  // opt-outs the house has not answered

	window, barge, guard, refusal, talk, giveUp, handover, thinking *time.Timer
}

func newCall(d *Dialer, j Job, door Door) *call {
	c := &call{
		dialer: d, job: j, door: door, log: d.log(),
		inbox: make(chan func(), 8), gone: make(chan struct{}),
		res:    Result{Attempt: j.Attempt},
		live:   Live{Attempt: j.Attempt, Masked: j.Masked},
		window: idle(), barge: idle(), guard: idle(), refusal: idle(), talk: idle(), giveUp: idle(), handover: idle(), thinking: idle(),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// idle is a timer that has not been set.
func idle() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// close ends what the call started and waits for it.
func (c *call) close() {
	close(c.gone)
	c.stop()
	c.workers.Wait()
	for _, t := range []*time.Timer{c.window, c.barge, c.guard, c.refusal, c.talk, c.giveUp, c.handover, c.thinking} {
		t.Stop()
	}
	if c.live.State != "" {
		c.enter(Ended)
	}
}

// work runs f beside the call; close waits for it.
func (c *call) work(f func(ctx context.Context)) {
	c.workers.Go(func() { f(c.ctx) })
}

// post gives the owner a worker's result. After the call's end it is dropped.
func (c *call) post(f func()) {
	select {
	case c.inbox <- f:
	case <-c.gone:
	}
}

// run owns the call until it has ended.
func (c *call) run(ctx context.Context) {
	if c.job.Clip == nil {
		c.work(c.voiceTheRest)
	}
	cancelled := ctx.Done()
	for !c.over {
		if len(c.todo) > 0 {
			f := c.todo[0]
			c.todo = c.todo[1:]
			f()
			continue
		}
		select {
		case e, ok := <-c.sip.Events():
			c.signal(e, ok)
		case e := <-c.leg.Events():
			c.sound(e)
		case e, ok := <-c.hear.events:
			c.heard(e, ok)
		case f := <-c.inbox:
			f()
		case <-c.window.C:
			c.windowClosed()
		case <-c.barge.C:
			c.interrupted()
		case <-c.guard.C:
			c.playedOut()
		case <-c.refusal.C:
			c.refusalKept(false)
		case <-c.talk.C:
			c.talkedOut()
		case <-c.thinking.C:
			c.resolve()
		case <-c.handover.C:
			c.untold()
		case <-c.giveUp.C:
			c.over = true
		case <-cancelled:
			cancelled, c.dropped = nil, true
			c.hangup("shutting down")
		}
	}
	c.finish()
}

// signal handles what the trunk says.
func (c *call) signal(e sip.Event, ok bool) {
	if !ok {
		c.over = true
		return
	}
	c.delay(e)
	switch e.Kind {
	case "ringing":
		c.ringing(Ringing)
	case "early":
		c.ringing(EarlyMedia)
		if err := c.accept(e.SDP); err != nil { // the answer may still be better
			c.log.Warn("early media refused", "attempt", c.job.Attempt, "err", err)
		}
	case "answered":
		c.answered(e.SDP)
	case "info":
		c.key(e.Digit)
	case sip.Referred:
		c.referred(e)
	case "ended":
		c.res.Cause = e.Cause
		c.over = true
	}
}

// delay keeps how long the network took to say anything of the called side: the
// first ring, early media or final answer (post-dial delay).
func (c *call) delay(e sip.Event) {
	if c.res.PDD > 0 || c.sent.IsZero() {
		return
	}
	switch e.Kind {
	case sip.Ringing, sip.Early, sip.Answered:
	case sip.Ended:
		if e.Cause.By == sip.ByUs || e.Cause.By == sip.ByTimeout {
			return
		}
	default:
		return
	}
	c.res.PDD = time.Since(c.sent)
}

func (c *call) ringing(state string) {
	if c.res.Answered {
		return
	}
	if c.res.RingAt.IsZero() {
		c.res.RingAt = c.dialer.now()
	}
	c.enter(state)
}

// accept takes the other side's SDP, when there is some, and opens the ears.
func (c *call) accept(sdp []byte) error {
	if len(sdp) == 0 {
		return nil
	}
	if !c.inbound {
		signalled(c.leg, c.job.Trunk, c.sip.Gateway())
	}
	if err := c.leg.Accept(sdp); err != nil {
		return err
	}
	c.accepted = true
	c.openEars()
	return nil
}

// answered starts the conversation.
func (c *call) answered(sdp []byte) {
	if c.res.Answered {
		return
	}
	c.res.Answered, c.started, c.res.AnsweredAt = true, time.Now(), c.dialer.now()
	c.window.Stop()
	if err := c.accept(sdp); err != nil || !c.accepted {
		c.res.Err, c.fault = err, LineFault
		c.hangup("no common media")
		return
	}
	c.forgetEarly()
	c.attend(true)
	c.enter(InDialog)
	c.record()
	c.talk.Reset(c.maxTalk())
	if c.job.Clip != nil {
		c.playTest()
		return
	}
	session, actions := c.job.Tree.Start(c.job.Attempt, c.job.Facts, c.job.Ledger)
	c.session = session
	c.perform(actions)
}

// sound handles what the leg says.
func (c *call) sound(e media.Event) {
	switch e.Kind {
	case "digit":
		c.key(e.Digit)
	case "played":
		if p := c.floor.playing; p != nil && e.ID == p.id {
			p.frames = e.Frames
			c.playedOut()
		}
		if c.job.Clip != nil {
			c.hangup("clip played")
		}
		if h := c.handing; h != nil && !h.joined && h.hold == e.ID && h.hold != 0 && !c.hanging && c.floor.playing == nil {
			c.hold(h)
		}
	case "timeout":
		if c.res.Answered && !c.hanging {
			c.res.EndedBy = sip.ByTimeout
			c.hangup("no media")
		}
	}
}

// hangup asks the trunk to end the call and awaits only that.
func (c *call) hangup(reason string) {
	if c.hanging {
		return
	}
	if e, ok := c.undoubted(); ok {
		c.lastly(e) // what was said counts, whatever we made of it
	}
	c.cut()
	c.hanging = true
	for _, t := range []*time.Timer{c.window, c.barge, c.guard, c.refusal, c.talk, c.handover} {
		t.Stop()
	}
	if c.handing != nil {
		c.handing.stop() // the agent's call ends with this one
	}
	c.sip.Hangup(reason)
	c.giveUp.Reset(release)
}

// graceAfterLimit is what a tree may take to say goodbye at the talk limit.
const graceAfterLimit = 10 * time.Second

// talkedOut tells the tree that time is up, and hangs up when that did not help.
func (c *call) talkedOut() {
	if c.res.EndedBy == sip.ByTimeout {
		c.hangup("talk limit")
		return
	}
	c.resolve()
	c.res.EndedBy = sip.ByTimeout
	c.talk.Reset(graceAfterLimit)
	c.tell(dialogs.Event{Kind: dialogs.Timeout}, true)
}

func (c *call) maxTalk() time.Duration {
	if c.job.MaxTalk > 0 {
		return c.job.MaxTalk
	}
	if c.job.Clip != nil {
		return c.job.Clip.Duration() + overdue
	}
	if t := c.job.Tree.Limits().Talk; t > 0 {
		return t
	}
	return 2 * time.Minute
}

// clock is the time since the answer.
func (c *call) clock() time.Duration {
	if c.started.IsZero() {
		return 0
	}
	return time.Since(c.started)
}
