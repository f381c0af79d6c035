package siptest

import "time"

// turnSpeech is how much of a voice counts as something said: less is a click.
const turnSpeech = 300 * time.Millisecond

// listener is a person taking turns: it hears 20 ms at a time and says when the
// next line is due. It knows no clock but the frames.
type listener struct {
	lines    []line
	wait     time.Duration // quiet that ends the bot's turn
	patience time.Duration // quiet that ends the call

	heard   time.Duration // the bot's speech since this person last acted
	quiet   time.Duration // silence received since anybody spoke
	idle    time.Duration // time since anybody spoke
	missing time.Duration // time since the last packet
	since   time.Duration // time since this person last acted
}

// unsent is how long no packet must come before that too counts as silence: a
// caller may suppress silence, but one that merely stalls has not finished its
// sentence.
const unsent = time.Second

// hear takes the next 20 ms, in which so many voiced and silent packets came,
// and returns what the person does now, if anything.
func (l *listener) hear(voiced, silent int) (line, bool) {
	l.idle += frameTime
	l.missing += frameTime
	l.since += frameTime
	if voiced+silent > 0 {
		l.missing = 0
	}
	switch {
	case voiced > 0:
		l.heard += time.Duration(voiced) * frameTime
		l.quiet, l.idle = 0, 0
	case silent > 0:
		l.quiet += time.Duration(silent) * frameTime
	case l.missing > unsent:
		l.quiet += frameTime
	}
	if l.idle >= l.patience {
		return line{hang: true}, true
	}
	if len(l.lines) == 0 || !l.due(l.lines[0]) {
		return line{}, false
	}
	next := l.lines[0]
	l.lines = l.lines[1:]
	return next, true
}

func (l *listener) due(n line) bool {
	switch {
	case n.atOnce:
		return true
	case n.pause > 0:
		return l.since >= n.pause
	case n.after > 0:
		return l.heard >= n.after
	}
	return l.heard >= turnSpeech && l.quiet >= l.wait
}

// acted starts the next turn, after the person's own words or keys.
func (l *listener) acted() { l.heard, l.quiet, l.idle, l.since = 0, 0, 0, 0 }
