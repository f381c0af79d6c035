package dialogs

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Intent is what a sentence was understood as. Rule names the row that decided,
// so that a misunderstanding can be traced to it.
type Intent struct {
	Name       string
	Time       time.Time // a time the person named, if any
	Confidence float64
	Rule       string
	Channels   []string // opt_out: "all", or only the channel that was named
}

// IntentNames is the closed list of what Understand can answer.
var IntentNames = []string{"yes", "no", "busy", "later", "opt_out", "complaint", "wrong_person", "are_you_a_bot", "who_are_you", "repeat", "not_interested", "already_friend", "phone_is_wechat", "ask_human", "driving", "greeting", "backchannel", "price", "other"}

// Understand reads one sentence by rules. Context is what was asked ("identity", "ask" or
// "question"), lang a BCP 47 tag, now resolves 明天下午三点.
//
// The order of the rules is the promise: a wish to be left alone wins over everything it is
// mixed with, a refusal wins over a yes, and a yes is only what is left when every negation
// has been looked at.
func Understand(text string, context string, lang string, now time.Time) Intent {
	s := squeeze(text)
	if s == "" {
		return Intent{Name: "other", Rule: "empty"}
	}
	rules := zhRules
	if strings.HasPrefix(strings.ToLower(lang), "en") {
		s, rules = " "+words(text)+" ", enRules
	}
	in := Intent{Name: "other", Confidence: 0.3, Rule: "none"}
	for _, r := range rules {
		subject := s
		if r.unless != nil {
			subject = r.unless.ReplaceAllString(s, "")
		}
		if m := r.match.FindString(subject); m != "" {
			in = Intent{Name: r.name, Confidence: 0.9, Rule: r.name + ":" + strings.TrimSpace(m)}
			break
		}
	}
	if in.Name == "other" {
		in = polarity(s, context, in)
	}
	switch in.Name {
	case "opt_out":
		in.Channels = []string{"all"}
		if smsOnly.MatchString(s) && !callWords.MatchString(s) {
			in.Channels = []string{"sms"}
		}
	case "later", "busy", "driving":
		in.Time, _ = readWhen(s, now)
	}
	return in
}

// polarity decides yes or no by what is left of a Chinese sentence once idioms are set aside.
// Who they are is not confirmed by 好 or 你说: only by saying so.
func polarity(s, context string, in Intent) Intent {
	if in.Rule != "none" || !hasHan(s) && !slices.Contains([]string{"ok", "yes", "no"}, s) {
		return in
	}
	whole := s
	s = notAnAnswer.ReplaceAllString(s, "")
	s = goodIdiom.ReplaceAllString(s, "好")
	s = openQuestion.ReplaceAllString(s, "")
	if unsure.MatchString(s) {
		in.Rule = "unsure"
		return in
	}
	if m := negation.FindString(s); m != "" {
		return Intent{Name: "no", Confidence: 0.85, Rule: "negation:" + m}
	}
	yes := assent
	switch context {
	case "identity":
		yes = itIsMe
	case "ask":
		yes, s = consent, liking.ReplaceAllString(s, "")
	}
	if m := yes.FindString(s); m != "" {
		return Intent{Name: "yes", Confidence: 0.85, Rule: "assent:" + m}
	}
	if m := hello.FindString(whole); m != "" {
		return Intent{Name: "greeting", Confidence: 0.8, Rule: "greeting:" + m}
	}
	if hum.MatchString(s) {
		if context == "identity" && strings.HasPrefix(s, "嗯") {
			return Intent{Name: "yes", Confidence: 0.6, Rule: "hum"}
		}
		return Intent{Name: "backchannel", Confidence: 0.8, Rule: "hum"}
	}
	return in
}

// understand is Understand with the tree's own words: they decide where the
// rules found nothing firmer than a plain yes.
func (t *Tree) understand(n *node, text string, now time.Time) Intent {
	context := "question"
	switch {
	case n == nil:
	case n.ask:
		context = "ask"
	case n.heard["yes"] != nil && n.heard["yes"].identity:
		context = "identity"
	}
	in := Understand(text, context, t.lang, now)
	if !slices.Contains([]string{"yes", "other", "price", "phone_is_wechat"}, in.Name) {
		return in
	}
	s := squeeze(text)
	for _, own := range t.words {
		for _, phrase := range own.phrases {
			if strings.Contains(s, phrase) {
				return Intent{Name: own.name, Confidence: 0.9, Rule: "words:" + phrase}
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

// words keeps the words of a sentence apart, for languages that write them so.
func words(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(text, "’", "'")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	}), " ")
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

type rule struct {
	name          string
	match, unless *regexp.Regexp
}

func rules(rows ...[3]string) []rule {
	out := make([]rule, len(rows))
	for i, r := range rows {
		out[i] = rule{name: r[0], match: regexp.MustCompile(r[1])}
		if r[2] != "" {
			out[i].unless = regexp.MustCompile(r[2])
		}
	}
	return out
}
