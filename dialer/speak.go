package dialer

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"warmline/dialogs"
	"warmline/media"
	"warmline/speech"
)

const (
	frame = 20 * time.Millisecond
	// prepareWithin bounds the preparation of lines during a call.
	prepareWithin = 5 * time.Second
	// overdue is how long after its end a playlist may be reported as played.
	overdue = 2 * time.Second
	// stopWithin is how long a leg may take to say where it stopped: it is
	// visited once in 20 ms.
	stopWithin = 200 * time.Millisecond
)

// floor is whose turn it is while we speak: what plays, what comes after it.
type floor struct {
	queue     []dialogs.Line // waits for the playlist to end
	preparing []dialogs.Line // a worker is fetching its clips
	playing   *playlist
	batch     int             // of the preparation that still counts
	then      *dialogs.Action // listen or hangup, once everything is said
	reached   bool            // some line was heard past half
}

// playlist is what the leg is playing.
type playlist struct {
	id      uint64
	lines   []dialogs.Line
	ends    []int // frame at which each line ends
	frames  int   // how many left, once the leg has told; −1 before
	began   time.Time
	beganAt time.Duration // since the answer
}

func (f *floor) busy() bool { return f.playing != nil || f.preparing != nil || len(f.queue) > 0 }

// speak adds lines to what is to be said.
func (c *call) speak(lines []dialogs.Line) {
	c.floor.queue = append(c.floor.queue, lines...)
	if c.floor.playing == nil && c.floor.preparing == nil {
		c.nextBatch()
	}
}

// nextBatch has the queued lines voiced by a worker. Most are in memory; none of
// it may hold up the owner.
func (c *call) nextBatch() {
	c.floor.preparing, c.floor.queue = c.floor.queue, nil
	c.floor.batch++
	batch, lines := c.floor.batch, c.floor.preparing
	c.work(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, prepareWithin)
		defer cancel()
		p := &playlist{frames: -1}
		var clips []*media.Clip
		var failed error
		for _, l := range lines {
			var parts []*media.Clip
			if parts, failed = c.voice(ctx, l); failed != nil {
				break
			}
			clips = append(clips, parts...)
			p.lines = append(p.lines, l)
			p.ends = append(p.ends, frames(clips))
		}
		c.post(func() {
			if c.floor.batch == batch && !c.hanging {
				c.play(p, clips, failed)
			}
		})
	})
}

// play starts a prepared playlist. When one of its lines has no sound none is
// played: it may be the one that says who is calling.
func (c *call) play(p *playlist, clips []*media.Clip, failed error) {
	c.floor.preparing = nil
	if failed != nil || len(clips) == 0 {
		c.giveUpSpeaking(failed)
		return
	}
	p.began, p.beganAt = time.Now(), c.clock()
	p.id = c.leg.Play(clips...)
	c.floor.playing = p
	c.guard.Reset(time.Duration(frames(clips))*frame + overdue)
	first := p.lines[0]
	c.live.Node, c.live.Who, c.live.Words = first.Node, "bot", first.Text()
	c.dialer.show(c.live)
	if c.hear.voicing {
		c.barge.Reset(bargeAfter)
	}
}

// giveUpSpeaking ends a call whose words have no sound: silence at a person who
// waits for an answer is worse than the end.
func (c *call) giveUpSpeaking(err error) {
	c.res.Err = err
	c.log.Error("a line could not be spoken", "attempt", c.job.Attempt, "err", err)
	c.speechless = c.floor.then == nil || c.floor.then.Do != dialogs.HangUp
	c.hangup("no voice")
}

// playedOut ends the playlist that has been played.
func (c *call) playedOut() {
	c.guard.Stop()
	c.barge.Stop()
	line, heard := c.account()
	if len(c.floor.queue) > 0 {
		c.nextBatch()
		return
	}
	c.tell(dialogs.Event{Kind: dialogs.Said, LineID: line, Heard: heard}, false)
}

// cut stops speaking where it is, forgets what was still to be said, and reports
// the line it stopped in and how much of it was heard.
func (c *call) cut() (line string, heard float64) {
	waiting := append(c.floor.preparing, c.floor.queue...)
	c.floor.batch++
	c.floor.preparing, c.floor.queue = nil, nil
	c.guard.Stop()
	c.barge.Stop()
	if c.floor.playing == nil {
		if len(waiting) > 0 {
			return waiting[0].ID, 0
		}
		return "", 0
	}
	c.leg.Stop()
	c.awaitStop()
	return c.account()
}

// awaitStop waits for the leg to say how far it got; other events keep their
// place for later.
func (c *call) awaitStop() {
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	p := c.floor.playing
	for p.frames < 0 {
		select {
		case e := <-c.leg.Events():
			if e.Kind == "played" && e.ID == p.id {
				p.frames = e.Frames
			} else {
				c.todo = append(c.todo, func() { c.sound(e) })
			}
		case <-late.C:
			p.frames = p.elapsed()
		}
	}
}

// account writes down what of the playlist was heard, and returns the line it
// ended in and its share.
func (c *call) account() (line string, share float64) {
	p := c.floor.playing
	if p == nil {
		return "", 0
	}
	c.floor.playing = nil
	if p.frames < 0 {
		p.frames = p.elapsed()
	}
	begin := 0
	for i, l := range p.lines {
		got := p.share(i, p.frames)
		if got == 0 && i > 0 {
			break
		}
		line, share = l.ID, got
		if got > 0 {
			at := p.beganAt + time.Duration(begin)*frame
			c.res.Transcript = append(c.res.Transcript, Turn{At: at, Who: "bot", Text: l.Text()})
		}
		c.floor.reached = c.floor.reached || got > 0.5
		begin = p.ends[i]
	}
	return line, share
}

// share is how much of line i is within so many frames.
func (p *playlist) share(i, frames int) float64 {
	begin := 0
	if i > 0 {
		begin = p.ends[i-1]
	}
	if p.ends[i] == begin {
		return 1
	}
	return min(max(float64(frames-begin)/float64(p.ends[i]-begin), 0), 1)
}

// elapsed is how many frames must have left by the clock.
func (p *playlist) elapsed() int {
	return min(int(time.Since(p.began)/frame), p.ends[len(p.ends)-1])
}

// current is the line being played, and how much of it.
func (p *playlist) current() (dialogs.Line, float64) {
	n := p.elapsed()
	for i := range p.lines {
		if n < p.ends[i] {
			return p.lines[i], p.share(i, n)
		}
	}
	return p.lines[len(p.lines)-1], 1
}

func frames(clips []*media.Clip) (n int) {
	for _, c := range clips {
		n += c.Frames()
	}
	return n
}

// voice returns a line's clips, made now if they are not kept.
func (c *call) voice(ctx context.Context, l dialogs.Line) (clips []*media.Clip, err error) {
	for _, p := range l.Parts {
		clip, err := c.part(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("line %s: %w", l.ID, err)
		}
		if clip != nil {
			clips = append(clips, clip)
		}
	}
	return clips, nil
}

// part returns the clip of one part, or nil when it is only punctuation.
func (c *call) part(ctx context.Context, p dialogs.Part) (*media.Clip, error) {
	if p.Audio != "" {
		return c.dialer.Prompts.Recording(ctx, p.Audio)
	}
	if !strings.ContainsFunc(p.Text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return nil, nil
	}
	t := c.job.Tree
	return c.dialer.Prompts.Clip(ctx, speech.Utterance{
		Text: p.Text, Voice: t.Voice().Name, Lang: t.Language(), Rate: t.Voice().Rate,
	})
}

// voiceTheRest makes the tree's fixed parts while the phone rings.
func (c *call) voiceTheRest(ctx context.Context) {
	for _, p := range c.job.Tree.Fixed() {
		if _, err := c.part(ctx, p); err != nil {
			if ctx.Err() == nil {
				c.log.Warn("a fixed part could not be voiced", "attempt", c.job.Attempt, "err", err)
			}
			return
		}
	}
}
