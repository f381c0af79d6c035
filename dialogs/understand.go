package dialogs

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Intent is what a sentence was understood as. Rule names the row of the lexicon that
// decided, so that a misunderstanding can be traced to it; "~" behind it says that the
// sentence only sounds like what the row holds.
type Intent struct {
	Name       string
	Time       time.Time // the time the person named, if any
	Slots      Slots
	Confidence float64
	Rule       string
}

// IntentNames is the closed list of what Understand can answer.
var IntentNames = []string{"yes", "no", "busy", "later", "opt_out", "complaint", "wrong_person", "are_you_a_bot", "who_are_you", "repeat", "not_interested", "already_friend", "phone_is_wechat", "ask_human", "driving", "greeting", "backchannel", "price", "other"}

// Questions are the contexts of an answer: what was asked last. identity is an opening that
// asks who somebody is; question is any other question of fact; "" is none.
var Questions = []string{"opening", "identity", "recall_order", "question", "offer_add", "ask_phone_is_wechat", "silence_prompt", "goodbye", ""}

// Understand reads one sentence by the rules of the lexicon of its language: lang is a BCP 47
// tag, question one of Questions, now resolves 明天下午三点.
//
// The order of the rules is the promise: a wish to be left alone wins over everything it is
// mixed with, a refusal over a yes, and a yes is only what is left when every negation has
// been looked at. What fits no rule is tried once more as it sounds, where a yes is never
// found but a yes may be lost.
func Understand(text, question, lang string, now time.Time) Intent {
	l, s := chineseLexicon(), sentence{}
	if strings.HasPrefix(strings.ToLower(lang), "en") {
		l = englishLexicon()
		s = readEnglish(text, now, l.dict)
	} else {
		s = readChinese(text, now)
	}
	in := s.hum(question)
	if in.Name == "" {
		in = l.understand(s.tokens, question)
	}
	in.Slots.Phones, in.Slots.Numbers = s.slots.Phones, s.slots.Numbers
	switch in.Name {
	case "later", "busy", "driving":
		in.Time = s.at
	}
	return in
}

// hum understands a sentence without words. 嗯 answers a question; 啊 answers nothing.
func (s sentence) hum(question string) Intent {
	switch {
	case s.filler && s.asked:
		return Intent{Name: "repeat", Confidence: 0.8, Rule: "filler?"}
	case s.filler && s.nod && question != "" && question != "goodbye":
		return Intent{Name: "yes", Confidence: humConfidence, Rule: "nod"}
	case s.filler:
		return Intent{Name: "backchannel", Confidence: 0.9, Rule: "filler"}
	case len(s.tokens) == 0:
		return Intent{Name: "other", Rule: "empty"}
	}
	return Intent{}
}

// humConfidence is how much a 嗯 agrees: enough to go on with, too little to be held to.
const humConfidence = 0.6

// refusals are what a sentence may turn out to be that read like something else.
var refusals = []string{"opt_out", "not_interested", "no", "wrong_person", "complaint"}

func (l *lexicon) understand(text []token, question string) Intent {
	in := Intent{Name: "other", Confidence: 0.3, Rule: "none"}
	if h, ok := l.find(text, question); ok {
		in = l.intent(h)
	}
	if l.sounds == nil || !slices.Contains([]string{"other", "yes", "no", "not_interested", "greeting"}, in.Name) {
		return in
	}
	h, ok := l.findSound(text, question, func(intent string) bool {
		switch intent {
		case "yes", "greeting", "backchannel", "other", in.Name:
			return false
		case "opt_out":
			return true
		}
		return in.Name == "other" || in.Name == "yes" && slices.Contains(refusals, intent)
	})
	if ok {
		heard := l.intent(h)
		heard.Confidence, heard.Rule = 0.7, heard.Rule+"~"
		return heard
	}
	return in
}

func (l *lexicon) intent(h hit) Intent {
	r := l.rules[h.rule]
	in := Intent{Name: r.intent, Confidence: r.confidence, Rule: r.name}
	if r.intent == "opt_out" {
		if in.Slots.Channels = slices.Clone(r.channels); r.channels == nil {
			in.Slots.Channels = []string{"all"}
		}
	}
	return in
}

// question is what a node asks, as Understand wants to know it.
func (n *node) question() string {
	switch {
	case n == nil:
		return ""
	case n.ask:
		return "offer_add"
	case n.heard["yes"] != nil && n.heard["yes"].identity:
		return "identity"
	}
	return "question"
}

// understand is Understand with the tree's own words: they decide where the rules found
// nothing firmer than a plain yes. A 嗯 to the ask is waited out, not taken for consent.
func (t *Tree) understand(n *node, text string, now time.Time) Intent {
	in := Understand(text, n.question(), t.lang, now)
	if in.Name == "yes" && in.Confidence <= humConfidence && n != nil && n.ask {
		in.Name = "backchannel"
	}
	if !slices.Contains([]string{"yes", "other", "price", "phone_is_wechat"}, in.Name) {
		return in
	}
	s := squeeze(text)
	for _, own := range t.words {
		for _, phrase := range own.phrases {
			if strings.Contains(s, phrase) {
				return Intent{Name: own.name, Slots: in.Slots, Confidence: 0.9, Rule: "words:" + phrase}
			}
		}
	}
	return in
}

// squeeze folds full-width letters, lowers, and drops spaces and punctuation,
// keeping the question mark: 啊 and 啊？ are different answers.
func squeeze(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		r = unicode.ToLower(r)
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '?' || r == ':' {
			b.WriteRune(r)
		}
	}
	return strings.Trim(b.String(), ":")
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
