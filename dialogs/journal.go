package dialogs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Replay starts the tree anew and steps the events through it. The first element holds
// the start's actions, the others one event's each; a journal's start entry is passed over.
// Same version, facts and events give the same actions, byte for byte.
func Replay(t *Tree, id string, f Facts, l Ledger, events []Event) [][]Action {
	s, first := t.Start(id, f, l)
	out := [][]Action{first}
	for _, e := range events {
		if e.Kind == Started {
			continue
		}
		out = append(out, s.Step(e))
	}
	return out
}

// Journal is what happened so far; its first entry is the start.
func (s *Session) Journal() []JournalEntry { return s.journal }

// An Opening is all a conversation started from; it stands in the journal's first entry.
type Opening struct {
	ID     string
	Facts  Facts
	Ledger Ledger
}

// ReadJournal reads a journal as it is kept: a JSON list of entries.
func ReadJournal(b []byte) ([]JournalEntry, error) {
	var journal []JournalEntry
	if err := json.Unmarshal(b, &journal); err != nil {
		return nil, fmt.Errorf("reading a journal: %w", err)
	}
	if len(journal) == 0 || journal[0].Event.Kind != Started || journal[0].Opening == nil {
		return nil, errors.New("reading a journal: its first entry is not a start with what the conversation started from")
	}
	if now, ok := journal[0].Opening.Facts["now"].(string); ok {
		at, err := time.Parse(time.RFC3339Nano, now)
		if err != nil {
			return nil, fmt.Errorf("reading a journal: now is %q", now)
		}
		journal[0].Opening.Facts["now"] = at
	}
	return journal, nil
}

// A Difference is the first event at which a tree does something else than the journal.
type Difference struct {
	Entry     int   // of the journal, 0 is the start
	Event     Event // what had happened
	Want, Got []Action
}

// Rerun steps a journal's events through a tree, the version that made it or another one,
// and gives the first difference, nil when there is none, and what the conversation comes to.
func (t *Tree) Rerun(journal []JournalEntry) (*Difference, Outcome) {
	open := journal[0].Opening
	s, first := t.Start(open.ID, open.Facts, open.Ledger)
	var diff *Difference
	compare := func(i int, got []Action) {
		if diff == nil && !sameActions(journal[i].Actions, got) {
			diff = &Difference{i, journal[i].Event, journal[i].Actions, got}
		}
	}
	compare(0, first)
	for i, e := range journal[1:] {
		compare(i+1, s.Step(e.Event))
	}
	return diff, s.Outcome()
}

// sameActions compares byte for byte, as they would be kept.
func sameActions(a, b []Action) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// String is the action for a person who compares two.
func (a Action) String() string {
	switch a.Do {
	case Say:
		return "say " + a.Line.ID + ": " + a.Line.Text()
	case Listen:
		return fmt.Sprintf("listen %s %v", a.Timeout, a.Hints)
	case OptOut:
		return fmt.Sprintf("opt_out %v", a.Channels)
	case Send:
		return "send " + a.Template
	case Callback:
		return "callback " + a.At.Format("2006-01-02 15:04")
	case Note:
		return fmt.Sprintf("note %s %v", a.Outcome, a.Tags)
	case Transfer:
		return fmt.Sprintf("transfer %s within %s", a.To, a.Timeout)
	case HangUp:
		return "hangup " + a.Outcome
	}
	return string(a.Do)
}
