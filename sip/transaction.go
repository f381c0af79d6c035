package sip

import (
	"context"
	"errors"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// transaction is a request of ours until its final response (RFC 3261 17.1, RFC
// 6026). It has no goroutine and no timer of its own: its owner asks when
// something is due and tells it of responses. In a call that is the owner of the
// call, so that a call costs one goroutine and one timer however many requests
// it sends.
type transaction struct {
	req      *gosip.Request
	branch   string
	lost     <-chan struct{} // closed when its stream breaks; nil for a datagram
	interval time.Duration   // until the repetition after the next
	next     time.Time       // when it is repeated (timers A and E); zero when never
	until    time.Time       // when it is given up (timers B and F); zero when never
	err      error           // why it could not be sent
}

// errSilence ends a transaction that nobody answers.
var errSilence = errors.New("no response")

// errBroken ends a transaction whose stream breaks: nothing repeats it there.
var errBroken = errors.New("the stream broke")

// start sends a request that wants an answer. ctx bounds the making of a stream.
func (a *Agent) start(ctx context.Context, req *gosip.Request) (*transaction, error) {
	now := time.Now()
	t := &transaction{req: req, branch: branch(req), until: now.Add(64 * gosip.T1)}
	if f := a.flowOf(req.Laddr); f != nil {
		if err := f.ensure(ctx); err != nil {
			return nil, err
		}
		t.lost = f.breaks()
	} else {
		t.interval, t.next = gosip.T1, now.Add(gosip.T1)
	}
	if err := a.put(req); err != nil {
		return nil, err
	}
	return t, nil
}

// answers reports whether a response belongs to the transaction (RFC 3261
// 17.1.3).
func (t *transaction) answers(res *gosip.Response) bool {
	return t.branch == branch(res) && t.req.Method == res.CSeq().MethodName
}

// progress takes a provisional: an INVITE is not repeated any more and may take
// as long as it takes, anything else is repeated more slowly.
func (t *transaction) progress() {
	if t.req.Method == gosip.INVITE {
		t.next, t.until = time.Time{}, time.Time{}
		return
	}
	t.interval = gosip.T2
}

// due repeats the request, if it is time; an error ends the transaction.
func (t *transaction) due(a *Agent, now time.Time) error {
	switch {
	case t.err != nil:
		return t.err
	case closed(t.lost):
		return errBroken
	case !t.until.IsZero() && !now.Before(t.until):
		return errSilence
	case t.next.IsZero() || now.Before(t.next):
		return nil
	}
	t.interval *= 2
	if t.req.Method != gosip.INVITE {
		t.interval = min(t.interval, gosip.T2)
	}
	t.next = now.Add(t.interval)
	return a.put(t.req)
}

// deadlines are when due has something to do.
func (t *transaction) deadlines(yield func(time.Time)) {
	if t.err != nil {
		yield(time.Unix(0, 0)) // at once
		return
	}
	if !t.next.IsZero() {
		yield(t.next)
	}
	if !t.until.IsZero() {
		yield(t.until)
	}
}

// closed reports whether a channel is; nil never is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// transact sends a request that is no call's and returns the final response, nil
// when there is none before ctx ends or the transaction gives up (RFC 3261
// 17.1.2.2).
func (a *Agent) transact(ctx context.Context, req *gosip.Request) *gosip.Response {
	answers := a.await(branch(req))
	defer a.unawait(branch(req))
	sending, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	t, err := a.start(sending, req)
	if err != nil {
		a.log.Debug("SIP request not sent", "method", req.Method.String(), "err", netError(err))
		return nil
	}
	timer := time.NewTimer(gosip.T1)
	defer timer.Stop()
	for {
		var next time.Time
		t.deadlines(func(at time.Time) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
		})
		timer.Reset(max(0, time.Until(next)))
		select {
		case res := <-answers:
			if t.answers(res) && res.StatusCode >= 200 {
				return res
			}
			t.progress()
		case now := <-timer.C:
			if t.due(a, now) != nil {
				return nil
			}
		case <-t.lost:
			return nil
		case <-ctx.Done():
			return nil
		case <-a.stop:
			return nil
		}
	}
}

// answersRoom is for a provisional or two and the final response; repetitions
// bring what is lost.
const answersRoom = 4

// await lists a request that is no call's under its branch.
func (a *Agent) await(branch string) <-chan *gosip.Response {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := make(chan *gosip.Response, answersRoom)
	a.awaited[branch] = answers
	return answers
}

func (a *Agent) unawait(branch string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.awaited, branch)
}
