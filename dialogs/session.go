package dialogs

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Session is one conversation. It belongs to one goroutine, knows no clock and does no I/O:
// what it is told by Step decides what it answers.
type Session struct {
	t        *Tree
	person   string
	ledger   Ledger
	now      time.Time // when the call started
	env      map[string]any
	careOnly bool

	n       *node
	phase   phase
	waiting ActionKind // OptOut, Invite or Transfer while phase is awaiting
	acts    []Action
	clock   time.Time // the event's now
	at      time.Duration

	said      []saidLine
	batch     int
	unheeded  string // what was said over our last line, looked at when it ends
	silences  int
	misses    int    // answers that were none, at a slot
	keyed     string // keys pressed so far, for a slot
	repeats   int
	patience  bool // a lone 嗯 was waited out at this node
	turns     int
	refusals  int
	asks      int
	steps     int
	disclosed disclosure
	out       Outcome
	private   []string // words of this person's facts that must not leave the house
	journal   []JournalEntry
}

type saidLine struct {
	Line
	batch int
	ask   bool
	heard bool
}

// phase is where a session stands; over is for ever.
type phase uint8

const (
	speaking phase = iota
	listening
	awaiting
	closing // hang-up ordered, the last words still playing
	over
)

// maxHops and maxSteps are the ends of a call nothing else ended.
const (
	maxHops  = 64
	maxSteps = 2000
)

// Start begins a conversation: id is the attempt, f what is known, l what was heard lately.
func (t *Tree) Start(id string, f Facts, l Ledger) (*Session, []Action) {
	now, _ := f["now"].(time.Time)
	s := &Session{t: t, person: id, ledger: l, now: now, clock: now}
	if p, ok := f["person"].(string); ok && p != "" {
		s.person = p
	}
	s.careOnly, _ = f["care_only"].(bool)
	s.private = privateWords(f)
	s.env = t.settle(f, now)
	for _, later := range []string{"member", "heard", "optout"} {
		delete(s.env, later) // only events set these
	}
	s.run(t.start)
	acts := s.record(Event{Kind: Started})
	s.journal[0].Opening = &Opening{id, f, l}
	return s, acts
}

// Done reports whether the conversation is over and its last words were played.
func (s *Session) Done() bool { return s.phase == over }

// Outcome is what the conversation came to so far.
func (s *Session) Outcome() Outcome {
	o := s.out
	if o.OptOut {
		o.Name = "opt_out"
	}
	o.Turns, o.Disclosed, o.Grade = s.turns, s.disclosed&disclosedAll == disclosedAll, grades[o.Name]
	o.Tags, o.Variants, o.Slots = slices.Clone(o.Tags), maps.Clone(o.Variants), maps.Clone(o.Slots)
	o.Heard = nil
	for _, l := range s.said {
		h := HeardLine{l.ID, l.Hook}
		if l.heard && !l.Plain && !slices.Contains(o.Heard, h) {
			o.Heard = append(o.Heard, h)
		}
	}
	return o
}

// grades is the derived view many call centres read first.
var grades = map[string]string{
	"agreed_add": "A", "agreed_sms": "A", "callback": "B", "transferred": "B", "already_friend": "C",
	"no_match": "C", "hung_up": "D", "no_interaction": "D", "not_interested": "D",
	"opt_out": "F", "complaint": "F", "wrong_person": "F",
}

func (s *Session) record(e Event) []Action {
	acts := s.acts
	s.acts = nil
	s.journal = append(s.journal, JournalEntry{Event: e, Actions: acts})
	return acts
}

func (s *Session) act(a Action) { s.acts = append(s.acts, a) }

// run enters a node and goes on until the conversation waits for an event.
func (s *Session) run(name string) {
	for range maxHops {
		n := s.t.nodes[name]
		if n == nil {
			break
		}
		if s.forbidden(n) && name != s.t.farewell {
			name = s.t.farewell
			continue
		}
		s.n, s.silences, s.repeats, s.patience, s.unheeded = n, 0, 0, false, ""
		s.misses, s.keyed = 0, ""
		if n.ask {
			s.asks++
		}
		s.take(n.note)
		switch {
		case n.optOut != nil:
			s.out.OptOut = true
			s.act(Action{Do: OptOut, Channels: n.optOut})
			s.phase, s.waiting = awaiting, OptOut
			return
		case n.invite != nil:
			s.act(Action{Do: Invite})
			s.phase, s.waiting = awaiting, Invite
			return
		}
		if name = s.body(n); name == "" {
			return
		}
	}
	s.hangUp("no_match")
}

// forbidden says whether a node asks for more than this call may.
func (s *Session) forbidden(n *node) bool {
	if s.careOnly && (n.ask || n.invite != nil || n.send != "") {
		return true
	}
	if !n.ask {
		return false
	}
	if s.asks >= s.t.limits.Asks || s.refusals >= s.t.limits.Refusals {
		return true
	}
	_, ok := s.choose(n.lines, n)
	return !ok
}

// body does what a node does after its questions to the house were answered,
// and returns the node to go on with, if any.
func (s *Session) body(n *node) string {
	s.phase, s.waiting = speaking, ""
	if n.send != "" {
		s.act(Action{Do: Send, Template: n.send})
	}
	if c := n.callback; c != nil {
		s.out.Callback = s.callbackTime(c)
		s.act(Action{Do: Callback, At: s.out.Callback})
	}
	s.say(n.lines, n)
	switch {
	case n.transfer != nil:
		s.act(Action{Do: Transfer, To: n.transfer.to, Timeout: n.transfer.timeout})
		s.phase, s.waiting = awaiting, Transfer
	case n.end != "":
		s.hangUp(n.end)
	case n.listens():
		s.listen()
	case n.branch != nil:
		return choosing(n.branch, s.env)
	}
	return n.next
}

func (s *Session) callbackTime(c *callback) time.Time {
	if c.ref != "" {
		if at, ok := lookup(s.env, c.ref); ok {
			return at.(time.Time)
		}
	}
	if c.in > 0 && !s.clock.IsZero() {
		return s.clock.Add(c.in).Truncate(time.Minute)
	}
	return time.Time{}
}

func (s *Session) take(n *note) {
	if n == nil {
		return
	}
	if n.outcome != "" {
		s.out.Name = n.outcome
	}
	for _, tag := range n.tags {
		if !slices.Contains(s.out.Tags, tag) {
			s.out.Tags = append(s.out.Tags, tag)
		}
	}
	for _, k := range sortedKeys(n.slots) {
		parts, ok := n.slots[k].render(s.env, s.now, "")
		if !ok {
			continue
		}
		if s.out.Slots == nil {
			s.out.Slots = map[string]string{}
		}
		s.out.Slots[k] = Line{Parts: parts}.Text()
	}
	s.act(Action{Do: Note, Outcome: n.outcome, Tags: n.tags})
}

func (s *Session) listen() {
	a := Action{Do: Listen, Timeout: s.n.silence.after}
	for _, k := range s.n.heardKeys {
		if k != "else" {
			a.Hints = append(a.Hints, k)
		}
	}
	if s.n.slot != nil {
		for _, c := range s.n.slot.choices {
			a.Hints = append(a.Hints, c.words...)
		}
	}
	for _, w := range s.t.words {
		if s.n.heard[w.name] != nil {
			a.Hints = append(a.Hints, w.phrases...)
		}
	}
	s.act(a)
	s.phase = listening
	for _, act := range s.acts {
		if act.Do == Say {
			s.phase = speaking
		}
	}
}

// hangUp orders the end. A vague end does not undo what was noted before.
func (s *Session) hangUp(outcome string) {
	switch outcome {
	case "completed", "no_match", "no_interaction":
		if s.out.Name == "" {
			if s.out.Name = outcome; outcome == "completed" {
				s.out.Name = "no_match"
			}
		}
	default:
		s.out.Name = outcome
	}
	if s.out.OptOut {
		s.out.Name = "opt_out"
	}
	s.act(Action{Do: HangUp, Outcome: s.out.Name})
	s.phase = closing
}

// say speaks the first alternative this person may hear.
func (s *Session) say(lines []*line, n *node) {
	if len(lines) == 0 {
		return
	}
	l, ok := s.choose(lines, n)
	if !ok {
		return
	}
	if len(s.acts) == 0 || !slices.ContainsFunc(s.acts, func(a Action) bool { return a.Do == Say }) {
		s.batch++
	}
	if l.Variant != "" {
		if s.out.Variants == nil {
			s.out.Variants = map[string]string{}
		}
		s.out.Variants[l.Node] = l.Variant
	}
	s.said = append(s.said, saidLine{Line: l, batch: s.batch, ask: n.ask})
	s.act(Action{Do: Say, Line: l})
}

func (s *Session) choose(lines []*line, n *node) (Line, bool) {
	for _, l := range lines {
		if !l.when.holds(s.env) || !s.out.Identified && needsIdentity(l) {
			continue
		}
		ledgered := !l.plain && (l.hook != "" || n.ask || len(l.variants) > 1)
		if ledgered && l.hook != "" && s.ledger.Hooks[l.hook] {
			continue
		}
		first := 0
		if len(l.variants) > 1 {
			first = int(stable(s.person, l.id) % uint32(len(l.variants)))
		}
		for i := range l.variants {
			v := l.variants[(first+i)%len(l.variants)]
			id := l.id
			if v.name != "" {
				id += "/" + v.name
			}
			if ledgered && s.ledger.Lines[id] {
				continue
			}
			if parts, ok := v.text.render(s.env, s.now, l.audio); ok {
				return Line{ID: id, Node: n.name, Variant: v.name, Hook: l.hook, Parts: parts, Plain: l.plain, Protected: n.protected}, true
			}
		}
	}
	return Line{}, false
}

// stable is the chance of the house: the same person and line always draw the same lot.
func stable(person, line string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(person))
	h.Write([]byte{0})
	h.Write([]byte(line))
	return h.Sum32()
}

// needsIdentity reports whether a line leans on an order or a birthday.
func needsIdentity(l *line) bool {
	return slices.ContainsFunc(lineRefs(l), func(ref string) bool { return known[ref].class == private })
}

func lineRefs(l *line) []string {
	refs := slices.Clone(l.when.allRefs())
	for _, v := range l.variants {
		refs = append(refs, v.text.refs...)
	}
	return refs
}

// Says gives the line a node would say to somebody of whom f is known and who has said
// who they are; an error when there is no such node or nothing to say.
func (t *Tree) Says(node string, f Facts) (Line, error) {
	n := t.nodes[node]
	if n == nil {
		return Line{}, fmt.Errorf("there is no node %s; %s", node, suggest(node, t.order))
	}
	now, _ := f["now"].(time.Time)
	s := &Session{t: t, now: now, env: t.settle(f, now)}
	s.out.Identified = true
	l, ok := s.choose(n.lines, n)
	if !ok {
		return Line{}, fmt.Errorf("node %s says nothing with these facts", node)
	}
	return l, nil
}
