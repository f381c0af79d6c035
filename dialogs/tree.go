package dialogs

import (
	"strings"
	"time"
)

// Tree is a checked conversation: it cannot be changed, and may be shared by any
// number of sessions.
type Tree struct {
	name, brand, lang, version, purpose, file string

	limits     Limits
	voice      Voice
	readings   map[string]string
	facts      map[string]factDecl
	words      []ownIntent
	silence    *silence
	elseTo     *reaction
	farewell   string
	start      string
	everywhere map[string]*reaction
	nodes      map[string]*node
	order      []string // node names as written
	slots      map[string]fact
}

// Limits keep a call short: turns the person takes, time of talk, asks, and refusals
// after which nothing more is asked.
type Limits struct {
	Turns    int
	Talk     time.Duration
	Asks     int
	Refusals int
}

// Voice is how a tree sounds.
type Voice struct {
	Name, Style, Fallback string
	Rate                  float64
}

type factDecl struct {
	at               *val
	fresh, signedFor time.Duration
}

// ownIntent is an answer only this tree understands, by its phrases.
type ownIntent struct {
	name    string
	phrases []string
}

type node struct {
	name      string
	at        *val
	lines     []*line
	again     []*line // the short form when it is asked once more
	plain     bool
	protected bool
	ask       bool
	silence   *silence
	heard     map[string]*reaction // nil: does not listen
	heardKeys []string
	keys      map[string]string // digit → intent
	next      string
	nextAt    *val
	note      *note
	invite    *invite
	send      string
	callback  *callback
	transfer  *transfer
	slot      *slot
	branch    []arm
	optOut    []string
	end       string
	endAt     *val
}

func (n *node) listens() bool { return n.heard != nil }

// line is one alternative of a say: spoken when its facts are there and its
// condition holds. An experiment has variants instead of a text.
type line struct {
	id       string
	at       *val
	when     *cond
	variants []variant // one without a name, or the arms of a split
	hook     string
	plain    bool
	audio    string
}

type variant struct {
	name string
	text *speech
}

// AnnouncesRecording reports whether whoever hears the first words hears that the
// call is recorded, whichever of them they are.
func (t *Tree) AnnouncesRecording() bool {
	first := t.nodes[t.start]
	if first == nil || len(first.lines) == 0 {
		return false
	}
	for _, l := range first.lines {
		for _, v := range l.variants {
			text := ""
			for _, s := range v.text.segs {
				text += s.fixed
			}
			if t.disclosureOf(text)&saidRecording == 0 {
				return false
			}
		}
	}
	return true
}

// always reports whether the line can be spoken whatever is known.
func (l *line) always() bool {
	if l.when != nil || l.hook != "" {
		return false
	}
	for _, v := range l.variants {
		for _, ref := range v.text.refs {
			if ref != "brand" {
				return false
			}
		}
	}
	return true
}

type silence struct {
	after time.Duration
	lines []*line
	times int
	then  string
	at    *val
}

// reaction is what follows an intent: go to a node, say something and return,
// or say the last question again.
type reaction struct {
	at       *val
	to       string
	identity bool
	again    bool
	back     bool
	lines    []*line
	note     *note
	cutsIn   bool
}

type note struct {
	outcome string
	tags    []string
	slots   map[string]*speech
}

type invite struct {
	noRoom string
	at     *val
}

type callback struct {
	ref  string // heard.time
	in   time.Duration
	from *val
}

type transfer struct {
	to      string
	timeout time.Duration
	orElse  string
	at      *val
}

// Name is the tree's name.
func (t *Tree) Name() string { return t.name }

// Brand is the brand that speaks.
func (t *Tree) Brand() string { return t.brand }

// Language is the BCP 47 tag of the tree's words.
func (t *Tree) Language() string { return t.lang }

// english tells whether the tree speaks English; every other language is read as Chinese.
func (t *Tree) english() bool { return strings.HasPrefix(strings.ToLower(t.lang), "en") }

// Version identifies the exact source: the first 12 hex digits of its SHA-256.
func (t *Tree) Version() string { return t.version }

// Purpose is what the tree does, derived from its nodes: "marketing" when it can ask,
// invite or send, "service" when it speaks of an order, else "care".
func (t *Tree) Purpose() string { return t.purpose }

// Voice is the voice the tree asks for.
func (t *Tree) Voice() Voice { return t.voice }

// Limits are the tree's limits, with defaults filled in.
func (t *Tree) Limits() Limits { return t.limits }

// Fixed returns every fixed part once, in reading order, to be voiced ahead.
func (t *Tree) Fixed() []Part {
	var parts []Part
	seen := map[Part]bool{}
	t.eachLine(func(_ *node, l *line) {
		for _, v := range l.variants {
			for _, seg := range v.text.segs {
				p := Part{Text: seg.fixed, Fixed: true, Audio: l.audio}
				if seg.value == nil && !seen[p] {
					seen[p] = true
					parts = append(parts, p)
				}
			}
		}
	})
	return parts
}

// eachLine visits every line of the tree with the node it belongs to, if any.
func (t *Tree) eachLine(visit func(*node, *line)) {
	for _, name := range t.order {
		n := t.nodes[name]
		groups := [][]*line{n.lines, n.again}
		if n.slot != nil {
			groups = append(groups, n.slot.again)
		}
		if n.silence != nil && n.silence != t.silence {
			groups = append(groups, n.silence.lines)
		}
		for _, k := range n.heardKeys {
			groups = append(groups, n.heard[k].lines)
		}
		for _, g := range groups {
			for _, l := range g {
				visit(n, l)
			}
		}
	}
	for _, k := range sortedKeys(t.everywhere) {
		for _, l := range t.everywhere[k].lines {
			visit(nil, l)
		}
	}
	if t.silence != nil {
		for _, l := range t.silence.lines {
			visit(nil, l)
		}
	}
}
