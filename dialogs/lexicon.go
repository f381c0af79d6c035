package dialogs

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed lexicon/zh.yaml lexicon/en.yaml
var lexicons embed.FS

// lexicon is what people say in one language: rules in the order in which they are asked.
type lexicon struct {
	dict     map[string]token // words, for languages that write them apart
	rules    []rule
	patterns index
	guards   index             // what takes a match back
	sounds   map[token][]int32 // the patterns by the syllable they may begin with, Chinese only
}

// rule is a row of a lexicon: an intent, and the patterns that mean it.
type rule struct {
	name, intent string
	asked        []string // only behind these questions; empty is any
	idioms       bool     // reads idioms too
	confidence   float64
	channels     []string
}

// anyIdiom is the rule of a guard that takes back the matches of all rules but those that
// read idioms.
const anyIdiom = -1

// index finds the patterns that may begin with a token.
type index struct {
	rows    []row
	byFirst map[token][]int32
	always  []int32
}

type row struct {
	rule int
	pattern
}

func (x *index) add(rule int, p pattern) {
	n := int32(len(x.rows))
	x.rows = append(x.rows, row{rule, p})
	if p.first == nil {
		x.always = append(x.always, n)
	}
	if x.byFirst == nil {
		x.byFirst = map[token][]int32{}
	}
	for _, t := range p.first {
		x.byFirst[t] = append(x.byFirst[t], n)
	}
}

// lexiconFile is a lexicon as it is written.
type lexiconFile struct {
	Sets   map[string][]string `yaml:"sets"`
	Idioms []string            `yaml:"idioms"`
	Rules  []struct {
		Rule       string   `yaml:"rule"`
		Asked      []string `yaml:"asked"`
		Idioms     bool     `yaml:"idioms"`
		Confidence float64  `yaml:"confidence"`
		Channels   []string `yaml:"channels"`
		Patterns   []string `yaml:"patterns"`
		Unless     []string `yaml:"unless"`
	} `yaml:"rules"`
}

var (
	chineseLexicon = sync.OnceValue(func() *lexicon {
		l := shippedLexicon("zh", nil)
		l.learnSounds()
		return l
	})
	englishLexicon = sync.OnceValue(func() *lexicon { return shippedLexicon("en", map[string]token{}) })
)

// shippedLexicon reads a lexicon of this package, which a test keeps readable.
func shippedLexicon(name string, dict map[string]token) *lexicon {
	src, err := lexicons.ReadFile("lexicon/" + name + ".yaml")
	if err != nil {
		panic(err)
	}
	l, err := readLexicon(src, dict)
	if err != nil {
		panic(fmt.Sprintf("lexicon/%s.yaml: %v", name, err))
	}
	return l
}

func readLexicon(src []byte, dict map[string]token) (*lexicon, error) {
	var f lexiconFile
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		return nil, err
	}
	l := &lexicon{dict: dict}
	split := characters
	if dict != nil {
		split = l.wordTokens
	}
	for _, src := range f.Idioms {
		p, err := readPattern(src, f.Sets, split)
		if err != nil {
			return nil, fmt.Errorf("idioms: %w", err)
		}
		l.guards.add(anyIdiom, p)
	}
	for i, r := range f.Rules {
		intent, _, ok := strings.Cut(r.Rule, "/")
		if !ok || !slices.Contains(IntentNames, intent) {
			return nil, fmt.Errorf("rule %s: a rule is called intent/what, and there is no intent %s", r.Rule, intent)
		}
		for _, c := range r.Asked {
			if !slices.Contains(Questions, c) {
				return nil, fmt.Errorf("rule %s: nothing is asked that is called %s", r.Rule, c)
			}
		}
		if r.Confidence == 0 {
			r.Confidence = 0.9
		}
		l.rules = append(l.rules, rule{r.Rule, intent, r.Asked, r.Idioms, r.Confidence, r.Channels})
		for _, src := range r.Patterns {
			p, err := readPattern(src, f.Sets, split)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", r.Rule, err)
			}
			l.patterns.add(i, p)
		}
		for _, src := range r.Unless {
			p, err := readPattern(src, f.Sets, split)
			if err != nil {
				return nil, fmt.Errorf("rule %s, unless: %w", r.Rule, err)
			}
			l.guards.add(i, p)
		}
	}
	return l, nil
}

func characters(s string) []token {
	var out []token
	for _, r := range s {
		if r != ' ' {
			out = append(out, token(r))
		}
	}
	return out
}

// wordTokens numbers the words of patterns; those of sentences that no pattern has are 0.
func (l *lexicon) wordTokens(s string) []token {
	var out []token
	for _, w := range englishWords(s) {
		if l.dict[w] == 0 {
			l.dict[w] = token(len(l.dict) + 1)
		}
		out = append(out, l.dict[w])
	}
	return out
}

// learnSounds gives the steps of every pattern their syllables.
func (l *lexicon) learnSounds() {
	l.sounds = map[token][]int32{}
	for n, r := range l.patterns.rows {
		for i := range r.steps {
			r.steps[i].sound = sound(r.steps[i].tok)
		}
		first := soundsOf(r.first)
		slices.Sort(first)
		for _, t := range slices.Compact(first) {
			l.sounds[t] = append(l.sounds[t], int32(n))
		}
	}
}

// hit is the match that decides: of the first rule that has one.
type hit struct{ rule, from, to int }

type span struct{ rule, from, to int }

// find asks the rules from top to bottom.
func (l *lexicon) find(text []token, question string) (hit, bool) {
	var held [8]span
	guards := l.guarded(text, held[:0])
	best := hit{rule: len(l.rules)}
	for at := range text {
		for _, list := range [2][]int32{l.patterns.byFirst[text[at]], l.patterns.always} {
			for _, n := range list {
				r := &l.patterns.rows[n]
				rule := &l.rules[r.rule]
				if r.rule >= best.rule || !rule.asks(question) {
					continue
				}
				h := hit{r.rule, at, r.match(text, at, false)}
				if h.to >= 0 && !takenBack(guards, rule, h) {
					best = h
				}
			}
		}
	}
	return best, best.rule < len(l.rules)
}

// findSound asks the rules that wanted allows by how the sentence sounds. One character in
// three may be misheard, and three must stand there, or two that are all there is.
func (l *lexicon) findSound(text []token, question string, wanted func(intent string) bool) (hit, bool) {
	var held [8]span
	guards := l.guarded(text, held[:0])
	sounds := soundsOf(text)
	best := hit{rule: len(l.rules)}
	for at := range text {
		for _, n := range l.sounds[sounds[at]] {
			r := &l.patterns.rows[n]
			rule := &l.rules[r.rule]
			if r.rule >= best.rule || !rule.asks(question) || !wanted(rule.intent) {
				continue
			}
			end, filled, misheard := r.matchSound(text, sounds, at)
			literal := end - at - filled
			h := hit{r.rule, at, end}
			if end < 0 || misheard == 0 || takenBack(guards, rule, h) {
				continue
			}
			if literal >= 3 && misheard*3 <= literal || literal == 2 && literal == len(text) {
				best = h
			}
		}
	}
	return best, best.rule < len(l.rules)
}

func (r *rule) asks(question string) bool {
	return len(r.asked) == 0 || slices.Contains(r.asked, question)
}

// guarded finds the idioms and exceptions of a sentence.
func (l *lexicon) guarded(text []token, out []span) []span {
	for at := range text {
		for _, list := range [2][]int32{l.guards.byFirst[text[at]], l.guards.always} {
			for _, n := range list {
				r := &l.guards.rows[n]
				if end := r.match(text, at, true); end >= 0 {
					out = append(out, span{r.rule, at, end})
				}
			}
		}
	}
	return out
}

// takenBack reports whether an exception of the rule lies in the match, or the match in an
// idiom: 不错 is no 不, but a pattern that holds 不错 means it.
func takenBack(guards []span, r *rule, h hit) bool {
	for _, g := range guards {
		if h.from >= g.to || g.from >= h.to {
			continue
		}
		if g.rule == h.rule || g.rule == anyIdiom && !r.idioms && !(h.from <= g.from && g.to <= h.to) {
			return true
		}
	}
	return false
}
