package dialogs

import (
	"context"
	"slices"
	"strings"
	"time"
)

// An Understander is asked what a sentence meant when the rules leave it open. It proposes;
// [Session.Step] decides whether it is believed. It answers before ctx ends or not at all,
// and it can give nothing but the name of an intent: no word of it is ever spoken.
type Understander interface {
	Understand(ctx context.Context, d Doubt) (Reading, error)
}

// Doubt is a sentence the rules leave open, and all an Understander is told about it.
type Doubt struct {
	Asked   string   // our question, as it was heard
	Text    string   // what the person said
	Lang    string   // BCP 47 tag of both
	Intents []string // the closed list: what can be acted on here, and other
	Private []string // names and addresses of this person, which must not leave the house
}

// Reading is what an Understander makes of a Doubt: one of its intents, and how sure it is
// of it, from 0 to 1.
type Reading struct {
	Intent     string
	Confidence float64
}

const (
	// openBelow is the confidence up to which the rules leave a sentence open.
	openBelow = 0.7
	// believed is how sure an Understander must be.
	believed = 0.6
	// consents is how sure it must be of a yes to the ask, or to who somebody is.
	consents = 0.85
)

// Doubt tells whether an Understander should be asked about a sentence before it is told to
// Step, and what. It is asked only while the tree listens, and only about what the rules
// leave open: never about a refusal, a hum or an answer the node's slot can take.
func (s *Session) Doubt(text string, now time.Time) (Doubt, bool) {
	if s.phase != listening || s.n.heard == nil || runes(text) > maxDoubt {
		return Doubt{}, false
	}
	in := s.t.understand(s.n, text, now)
	if !in.open() {
		return Doubt{}, false
	}
	if s.n.slot != nil {
		if _, ok := s.n.slot.read(text, in, s.t.lang, now); ok {
			return Doubt{}, false
		}
	}
	return Doubt{Asked: s.lastSaid(), Text: text, Lang: s.t.lang, Intents: s.answerable(), Private: s.private}, true
}

// maxDoubt is the longest sentence worth asking about, in characters.
const maxDoubt = 400

// open tells whether the rules were at a loss. What they take for a refusal stands however
// unsure they are, and nobody knows more about a 嗯.
func (in Intent) open() bool {
	switch in.Rule {
	case "empty", "filler", "filler?", "nod":
		return false
	}
	return in.Confidence <= openBelow && !slices.Contains(refusals, in.Name)
}

// lastSaid is the last thing we said at this node.
func (s *Session) lastSaid() string {
	if len(s.said) == 0 {
		return ""
	}
	return s.said[len(s.said)-1].Text()
}

// answerable are the intents something is done about here: the node's, everywhere's, and
// with them the tree's own words; other is always among them.
func (s *Session) answerable() []string {
	list := []string{"other"}
	for _, k := range s.n.heardKeys {
		if k != "else" {
			list = append(list, k)
		}
	}
	list = append(list, sortedKeys(s.t.everywhere)...)
	slices.Sort(list)
	return slices.Compact(list)
}

// weigh is what a sentence means when an Understander has read it: the rules' word, unless
// they left it open and the reading is one this node answers, with enough confidence.
// A sentence with a negation in it never becomes a consent.
func (s *Session) weigh(in Intent, text string, r Reading) Intent {
	if r.Intent == "" || s.phase != listening || s.n.heard == nil || !in.open() {
		return in
	}
	need := believed
	if s.consent(r.Intent) {
		if need = consents; strings.HasSuffix(in.Rule, "/negated") {
			return in
		}
	}
	if !slices.Contains(s.answerable(), r.Intent) || !(r.Confidence >= need && r.Confidence <= 1) {
		return in
	}
	out := Intent{Name: r.Intent, Slots: in.Slots, Confidence: r.Confidence, Rule: "understander"}
	switch out.Name {
	case "opt_out":
		out.Slots.Channels = []string{"all"}
	case "later":
		if out.Time = namedTime(text, s.t.lang, s.clock); out.Time.IsZero() {
			out.Name = "busy" // later is what names a time
		}
	case "busy", "driving":
		out.Time = namedTime(text, s.t.lang, s.clock)
	}
	return out
}

// consent tells whether an intent agrees to something that must not be guessed: to the ask,
// or to being the person whose order is spoken of. What ends or puts off a call is none.
func (s *Session) consent(intent string) bool {
	if r := s.find(intent); r != nil && r.identity {
		return true
	}
	switch intent {
	case "yes", "phone_is_wechat":
		return s.n.ask
	}
	return s.n.ask && !slices.Contains(IntentNames, intent) // a word of the tree's own, as agreed_sms
}

// privateGroups hold what is known of a person and not of their order.
var privateGroups = []string{"contact", "place"}

// privateWords are the words of the facts by which somebody could be recognised: name, how
// they are addressed, number, address.
func privateWords(f Facts) []string {
	var out []string
	for _, group := range privateGroups {
		for _, k := range []string{"name", "surname", "salutation", "phone", "address", "street", "district", "receiver", "email"} {
			v, ok := lookup(f, group+"."+k)
			text, isText := v.(string)
			if text = strings.TrimSpace(text); !ok || !isText || text == "" {
				continue
			}
			if k != "surname" {
				out = append(out, text)
				continue
			}
			for _, with := range []string{"姓", "免贵", "叫"} {
				out = append(out, with+text)
			}
			for _, with := range []string{"女士", "先生", "小姐", "太太", "总", "姐", "哥", "阿姨", "老师", "某"} {
				out = append(out, text+with)
			}
		}
	}
	// A longer word goes first: 王芳 must not leave 芳 behind for 王.
	slices.SortStableFunc(out, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(out)
}
