package dialogs

import "time"

// NothingNew reports whether this person would hear no hook and no offer they have not
// heard lately. Such a person is held, not called. A tree that has neither, as a survey or
// a question after an order, never runs out of news.
func NothingNew(t *Tree, f Facts, l Ledger) bool {
	now, _ := f["now"].(time.Time)
	person, _ := f["person"].(string)
	s := &Session{t: t, person: person, ledger: l, now: now, env: t.settle(f, now)}
	s.careOnly, _ = f["care_only"].(bool)
	s.out.Identified = true // as far as this person could come
	pitches := false
	for _, name := range t.order {
		n := t.nodes[name]
		for _, own := range n.lines {
			if own.hook == "" && !n.ask {
				continue
			}
			if pitches = true; n.ask && s.careOnly {
				continue
			}
			if _, ok := s.choose([]*line{own}, n); ok {
				return false
			}
		}
	}
	return pitches
}
