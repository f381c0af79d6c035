package dialogs

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
