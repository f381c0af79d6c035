package dialer

import (
	"context"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/speech"
)

const (
	// bargeAfter is how long speech must last to stop a line: shorter is a
	// cough, a click or an echo.
	bargeAfter = 250 * time.Millisecond
	// defaultWindow is how long we listen when the tree does not say.
	defaultWindow = 5 * time.Second
	// settle is how long words may come after somebody fell quiet.
	settle = 1200 * time.Millisecond
	// longestTurn is how long somebody may speak without being understood.
	longestTurn = 15 * time.Second
	// machineWithin is when an answering machine introduces itself.
	machineWithin = 20 * time.Second
	// announced is how long the carrier may take to end a call after its
	// announcement was understood.
	announced = 5 * time.Second
)

// hearing is our turn to listen.
type hearing struct {
	opened  bool
	events  <-chan speech.Event // nil: nothing is heard
	tap     *media.Tap
	deaf    time.Duration // sound before this is not the answered person's
	voicing bool          // they speak now
	open    bool          // the listening window is open
	until   time.Time     // when it closes
	words   int           // finals and keys so far
}

// openEars starts recognising what comes in, once.
func (c *call) openEars() {
	if c.hear.opened || c.dialer.Ears == nil || c.job.Clip != nil {
		return
	}
	c.hear.opened = true // one tap, one reader, whatever comes of it
	stream, err := c.dialer.Ears.Open(c.ctx, speech.Options{Lang: c.job.Tree.Language()})
	if err != nil {
		c.log.Error("no ears", "attempt", c.job.Attempt, "err", err)
		return
	}
	c.hear.events = stream.Events()
	tap := c.leg.Tap()
	c.hear.tap = tap
	c.attend(c.res.Answered)
	c.work(func(ctx context.Context) { c.pump(ctx, tap, stream) })
}

// How much sound wakes the ears: little while the person may answer or interrupt,
// more while a carrier announces or an agent is asked.
const (
	attentive = 40 * time.Millisecond
	passive   = 100 * time.Millisecond
)

// attend says whether what is heard now is waited for.
func (c *call) attend(waiting bool) {
	switch {
	case c.hear.tap == nil:
	case waiting:
		c.hear.tap.Wake(attentive)
	default:
		c.hear.tap.Wake(passive)
	}
}

// deafen ends the ears: what two people say to each other is not for us.
func (c *call) deafen() {
	if c.hear.tap != nil {
		c.hear.tap.Close()
	}
	c.hear.events, c.hear.voicing = nil, false
}

// pump carries sound from the leg to the ears until the leg is closed.
func (c *call) pump(ctx context.Context, tap *media.Tap, stream speech.Stream) {
	defer stream.Close()
	pcm := make([]int16, 800) // five frames: a reader that was away catches up
	for {
		n, err := tap.Read(ctx, pcm)
		if err != nil {
			return
		}
		if err := stream.Push(pcm[:n]); err != nil {
			c.log.Error("the ears broke", "attempt", c.job.Attempt, "err", err)
			return
		}
		c.pushed.Add(int64(n))
	}
}

// position is how far the ears have heard.
func (c *call) position() time.Duration {
	return time.Duration(c.pushed.Load()) * time.Second / speech.Rate
}

// forgetEarly draws the line between the network's words and the person's.
func (c *call) forgetEarly() {
	c.hear.deaf, c.hear.voicing = c.position(), false
}

// heard handles what the ears say.
func (c *call) heard(e speech.Event, ok bool) {
	switch {
	case !ok || e.Kind == speech.Failed:
		c.hear.events, c.hear.voicing = nil, false
		if c.hear.open {
			c.window.Reset(max(0, time.Until(c.hear.until)))
		}
	case c.hanging:
	case !c.res.Answered:
		c.early(e)
	case e.At <= c.hear.deaf: // the end of an announcement
	case e.Kind == speech.Speech:
		c.voiceBegan(e.At)
	case e.Kind == speech.Quiet:
		c.voiceEnded()
	case e.Kind == speech.Final:
		c.words(e.Text)
	}
}

// early collects the network's words before the answer.
func (c *call) early(e speech.Event) {
	if e.Kind != speech.Final {
		return
	}
	c.res.Announced += e.Text
	if announcement(c.res.Announced) != "" {
		c.window.Reset(announced)
	}
}

func (c *call) voiceBegan(at time.Duration) {
	c.hear.voicing = true
	if c.hear.open {
		c.window.Reset(longestTurn)
	}
	if c.floor.playing != nil {
		c.barge.Reset(max(bargeAfter-(c.position()-at), 0))
	}
}

func (c *call) voiceEnded() {
	c.hear.voicing = false
	c.barge.Stop()
	if c.hear.open {
		c.window.Reset(max(settle, time.Until(c.hear.until)))
	}
}

// interrupted stops a line that somebody has been speaking over.
func (c *call) interrupted() {
	if c.hear.voicing && c.yields() {
		c.yield()
	}
}

// yield stops speaking and tells the tree who interrupted what.
func (c *call) yield() {
	line, heard := c.cut()
	c.tell(dialogs.Event{Kind: dialogs.Barge, LineID: line, Heard: heard}, false)
	c.tell(dialogs.Event{Kind: dialogs.Said, LineID: line, Heard: heard}, false)
}

// yields reports whether what is being said now may be cut off by a voice. A
// goodbye is said to its end.
func (c *call) yields() bool {
	p := c.floor.playing
	if p == nil || c.session.Done() || c.floor.then != nil && c.floor.then.Do == dialogs.HangUp {
		return false
	}
	line, _ := p.current()
	return !line.Protected
}

// words handles a finished sentence of the called side.
func (c *call) words(text string) {
	c.hear.voicing = false
	c.said("callee", text, "")
	if c.isMachine(text) {
		c.hangup("machine")
		return
	}
	c.hear.words++
	c.turn(dialogs.Event{Kind: dialogs.Heard, Text: text})
}

// isMachine reports whether the first words of an answer are an answering
// machine's, and keeps which.
func (c *call) isMachine(text string) bool {
	if c.hear.words == 0 && c.clock() < machineWithin {
		c.machine = machine(text)
	}
	return c.machine != ""
}

// key handles a pressed key.
func (c *call) key(digit string) {
	if digit == "" || c.session == nil || c.hanging {
		return
	}
	c.hear.words++
	c.said("callee", "["+digit+"]", "")
	c.turn(dialogs.Event{Kind: dialogs.Key, Key: digit})
}

// turn gives the tree what the called person did.
func (c *call) turn(e dialogs.Event) {
	c.closeWindow()
	if c.session.Done() {
		if c.afterword(e.Text); e.Key == "9" && !c.res.OptOut { // nine is no, to whomever they talk
			c.optOut([]string{"all"})
		}
		return
	}
	if c.yields() {
		c.yield()
		c.closeWindow()
	}
	if p := c.floor.playing; p != nil {
		line, share := p.current()
		e.LineID, e.Heard = line.ID, share
	}
	if c.doubt != nil {
		if e.Kind == dialogs.Heard {
			e.Text = c.joined(e.Text)
		} else {
			c.resolve() // a key needs no understanding; what was said before it came first
		}
	}
	if !c.wonder(e) {
		c.tell(e, true)
	}
}

// afterword honours a refusal said over the goodbye: the tree has ended, the
// duty has not.
func (c *call) afterword(text string) {
	if c.res.OptOut || text == "" {
		return
	}
	if dialogs.Understand(text, "", c.job.Tree.Language(), c.dialer.now()).Name == "opt_out" {
		c.optOut([]string{"all"})
	}
}

// openWindow listens for the person's answer.
func (c *call) openWindow(timeout time.Duration) {
	if timeout <= 0 {
		timeout = defaultWindow
	}
	c.hear.open, c.hear.until = true, time.Now().Add(timeout)
	if c.hear.voicing {
		timeout = longestTurn
	}
	c.window.Reset(timeout)
}

func (c *call) closeWindow() {
	c.hear.open = false
	c.window.Stop()
}

// windowClosed is nobody having said anything in time; before the answer, a
// carrier that goes on announcing.
func (c *call) windowClosed() {
	if !c.res.Answered {
		c.hangup("announcement")
		return
	}
	c.closeWindow()
	kind := dialogs.Silence
	if c.hear.events == nil { // they may have said anything
		kind = dialogs.Unheard
	}
	c.tell(dialogs.Event{Kind: kind}, false)
}
