package dialogs

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// RunText holds a whole conversation as text, as `warmline dialog chat` and the golden
// conversations do. replies gives what the person says: an empty text is silence, 1 and #1 are
// the key 1, and false hangs up. out is told every turn: "bot" and what it said in one breath,
// "note" and what it wants done. An invite is answered with the fact member.name, or no_room
// without one; an opt-out is committed unless the fact optout.committed is false.
func RunText(t *Tree, id string, f Facts, replies func() (string, bool), out func(who, text string)) Outcome {
	s, acts := t.Start(id, f, Ledger{})
	clock := time.Duration(0)
	for {
		var next []Event
		var words strings.Builder
		spoke := false
		note := func(text string) {
			if words.Len() > 0 {
				out("bot", words.String())
				words.Reset()
			}
			out("note", text)
		}
		for _, a := range acts {
			switch a.Do {
			case Say:
				text := a.Line.Text()
				if t.english() && words.Len() > 0 {
					words.WriteString(" ")
				}
				words.WriteString(text)
				spoke = true
				clock += t.talkTime(text)
			case OptOut:
				next = append(next, Event{Kind: kept(f)})
				note("opt_out " + strings.Join(a.Channels, " "))
			case Invite:
				next = append(next, roomFor(f))
				note("invite")
			case Transfer:
				next = append(next, Event{Kind: NotTransferred})
				note("transfer " + a.To)
			case Send:
				note("send " + a.Template)
			case Callback:
				note("callback " + a.At.Format("2006-01-02 15:04"))
			}
		}
		if words.Len() > 0 {
			out("bot", words.String())
		}
		if spoke {
			s.Step(Event{Kind: Said, Heard: 1, At: clock})
		}
		if s.Done() {
			return s.Outcome()
		}
		if next == nil {
			e := Event{Kind: Bye}
			if text, ok := replies(); ok {
				e = reply(text)
			}
			next = append(next, e)
		}
		clock += time.Second
		next[0].At = clock
		acts = s.Step(next[0])
		if s.Done() && len(acts) == 0 {
			return s.Outcome()
		}
	}
}

func reply(text string) Event {
	text = strings.TrimSpace(text)
	if key, ok := strings.CutPrefix(text, "#"); ok && key != "" {
		return Event{Kind: Key, Key: key}
	}
	if text == "" {
		return Event{Kind: Silence}
	}
	if len(text) == 1 && strings.Contains("0123456789*#", text) {
		return Event{Kind: Key, Key: text}
	}
	return Event{Kind: Heard, Text: text}
}

func kept(f Facts) EventKind {
	if v, ok := lookup(f, "optout.committed"); ok && v == false {
		return Pending
	}
	return Committed
}

func roomFor(f Facts) Event {
	if name, ok := lookup(f, "member.name"); ok {
		return Event{Kind: Invited, Member: fmt.Sprint(name)}
	}
	return Event{Kind: NoRoom}
}

// ReadFacts reads facts written as YAML, for chats and golden conversations. Times may be
// relative: `signed: 5d ago`. now is when the call starts, unless the facts name one.
func ReadFacts(src []byte, now time.Time) (Facts, error) {
	f := Facts{}
	if err := yaml.Unmarshal(src, &f); err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	if written, ok := f["now"].(string); ok {
		at, ok := readMoment(written, now)
		if !ok {
			return nil, fmt.Errorf("reading facts: now %q is not a time, write 2026-11-23 15:04", written)
		}
		f["now"] = at
		return f, nil
	}
	f["now"] = now
	return f, nil
}
