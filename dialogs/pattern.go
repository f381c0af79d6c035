package dialogs

import (
	"fmt"
	"slices"
	"strings"
)

// A token is one unit of a sentence: a character of Chinese, a word of English, or one
// of the marks below. Patterns are written, and matched, in tokens.
type token uint32

// The marks lie above all characters, words and syllables.
const (
	tokPause token = 1<<24 + iota // punctuation: one clause ends here
	tokAsk                        // a question mark
	tokTime                       // a time of day or a date, read by another reader
	tokPhone                      // a telephone number
)

// marks are the names of the marks in a pattern.
var marks = map[string]token{"pause": tokPause, "?": tokAsk, "time": tokTime, "phone": tokPhone}

// pattern is what people may say, compiled to steps of a small machine. Written:
//
//	不要            these tokens; a pause may lie between them
//	<别>            one of the phrases of a set; <time>, <phone>, <pause>, <?> are marks
//	(打|拨)         one of these
//	(再|老)? <别>? 的?   perhaps
//	…               up to 4 tokens of the same clause; …… up to 10, over pauses too
//	^ $             begin and end of a clause
type pattern struct {
	steps []step
	first []token // what it may begin with; nil is anything
	whole string
}

type step struct {
	do        stepKind
	tok       token
	sound     token // the syllable of tok
	next, alt int
	reach     int
}

type stepKind uint8

const (
	stepToken stepKind = iota
	stepFork
	stepGap
	stepBegin
	stepEnd
	stepDone
)

// The reaches of … and ……
const (
	nearGap = 4
	farGap  = 10
)

// patternReader compiles one pattern; split makes the tokens of literal text.
type patternReader struct {
	src   []rune
	at    int
	sets  map[string][]string
	split func(string) []token
	steps []step
	depth int
}

// readPattern compiles a pattern of a lexicon.
func readPattern(src string, sets map[string][]string, split func(string) []token) (pattern, error) {
	r := &patternReader{src: []rune(src), sets: sets, split: split}
	if err := r.alternatives(); err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w", src, err)
	}
	if r.at < len(r.src) {
		return pattern{}, fmt.Errorf("pattern %q: nothing opened what is closed at character %d", src, r.at+1)
	}
	r.emit(step{do: stepDone})
	p := pattern{steps: r.steps, whole: src}
	first, empty := p.openings()
	if empty {
		return pattern{}, fmt.Errorf("pattern %q: it fits an empty sentence", src)
	}
	p.first = first
	return p, nil
}

// emit appends a step that goes on with the one behind it.
func (r *patternReader) emit(s step) int {
	s.next = len(r.steps) + 1
	r.steps = append(r.steps, s)
	return len(r.steps) - 1
}

// alternatives reads a|b|c up to a closing bracket or the end.
func (r *patternReader) alternatives() error {
	if r.depth++; r.depth > 20 {
		return fmt.Errorf("sets within sets without end")
	}
	defer func() { r.depth-- }()
	var ends []int
	for {
		fork := r.emit(step{do: stepFork})
		if err := r.sequence(); err != nil {
			return err
		}
		ends = append(ends, r.emit(step{do: stepFork, alt: -1}))
		if r.at >= len(r.src) || r.src[r.at] != '|' {
			r.steps[fork].alt = -1
			break
		}
		r.at++
		r.steps[fork].alt = len(r.steps)
	}
	for _, end := range ends {
		r.steps[end].next = len(r.steps)
	}
	return nil
}

func (r *patternReader) sequence() error {
	for r.at < len(r.src) {
		switch c := r.src[r.at]; c {
		case '|', ')':
			return nil
		case '^':
			r.at++
			r.emit(step{do: stepBegin})
		case '$':
			r.at++
			r.emit(step{do: stepEnd})
		case '…':
			r.at++
			reach := nearGap
			if r.at < len(r.src) && r.src[r.at] == '…' {
				r.at, reach = r.at+1, farGap
			}
			r.emit(step{do: stepGap, reach: reach})
		case '(', '<':
			if err := r.group(c); err != nil {
				return err
			}
		case '>', '?':
			return fmt.Errorf("a stray %c at character %d", c, r.at+1)
		default:
			r.literal()
		}
	}
	return nil
}

// group reads (…) or <set>, and the ? that may follow.
func (r *patternReader) group(open rune) error {
	fork := r.emit(step{do: stepFork, alt: -1})
	from := r.at + 1
	r.at++
	if open == '(' {
		if err := r.alternatives(); err != nil {
			return err
		}
		if r.at >= len(r.src) || r.src[r.at] != ')' {
			return fmt.Errorf("the bracket at character %d is never closed", from)
		}
		r.at++
	} else if err := r.set(from); err != nil {
		return err
	}
	if r.at < len(r.src) && r.src[r.at] == '?' {
		r.at++
		r.steps[fork].alt = len(r.steps)
	}
	return nil
}

func (r *patternReader) set(from int) error {
	n := slices.Index(r.src[from:], '>')
	if n < 0 {
		return fmt.Errorf("the < at character %d is never closed", from)
	}
	name := string(r.src[from : from+n])
	r.at = from + n + 1
	if t, ok := marks[name]; ok {
		r.emit(step{do: stepToken, tok: t})
		return nil
	}
	phrases, ok := r.sets[name]
	if !ok {
		return fmt.Errorf("there is no set <%s>", name)
	}
	inner := &patternReader{src: []rune(strings.Join(phrases, "|")), sets: r.sets, split: r.split, steps: r.steps, depth: r.depth}
	if err := inner.alternatives(); err != nil {
		return fmt.Errorf("set <%s>: %w", name, err)
	}
	r.steps = inner.steps
	return nil
}

func (r *patternReader) literal() {
	from := r.at
	for r.at < len(r.src) && !strings.ContainsRune("|()<>^$…?", r.src[r.at]) {
		r.at++
	}
	tokens := r.split(string(r.src[from:r.at]))
	perhaps := r.at < len(r.src) && r.src[r.at] == '?' && len(tokens) > 0
	for i, t := range tokens {
		if perhaps && i == len(tokens)-1 {
			r.at++
			r.emit(step{do: stepFork, alt: len(r.steps) + 2})
		}
		r.emit(step{do: stepToken, tok: t})
	}
}

// openings are the tokens a match may begin with, nil when anything may; empty says that
// it may also be over before it began.
func (p *pattern) openings() (out []token, empty bool) {
	seen := map[int]bool{}
	anything := false
	var walk func(at int)
	walk = func(at int) {
		if at < 0 || seen[at] {
			return
		}
		seen[at] = true
		switch s := p.steps[at]; s.do {
		case stepToken:
			out = append(out, s.tok)
		case stepFork:
			walk(s.next)
			walk(s.alt)
		case stepBegin, stepEnd:
			walk(s.next)
		case stepGap:
			anything = true
			walk(s.next)
		case stepDone:
			empty = true
		}
	}
	walk(0)
	if anything {
		return nil, empty
	}
	slices.Sort(out)
	return slices.Compact(out), empty
}

// match tries the pattern at one place and returns where it ends, or -1. strict patterns
// let no pause lie between their tokens.
func (p *pattern) match(text []token, at int, strict bool) int {
	m := matcher{steps: p.steps, text: text, from: at, strict: strict}
	end, _, _ := m.run(0, at, 0, 0)
	return end
}

// matchSound is match where some tokens only sound as they should; it tells how many did,
// and how many of the tokens in between only filled a gap.
func (p *pattern) matchSound(text, sounds []token, at int) (end, filled, misheard int) {
	m := matcher{steps: p.steps, text: text, sounds: sounds, from: at}
	return m.run(0, at, 0, 0)
}

// maxMisheard is how many characters of a phrase an ear may get wrong.
const maxMisheard = 2

// matcher runs a pattern over a sentence. It does no more than the few forks and bounded
// gaps of its pattern allow.
type matcher struct {
	steps  []step
	text   []token
	sounds []token // nil: every token must be as it is written
	from   int
	strict bool
}

func (m *matcher) run(pc, at, filled, misheard int) (int, int, int) {
	for {
		s := &m.steps[pc]
		switch s.do {
		case stepToken:
			if !m.strict && at > m.from && m.is(at, tokPause) && s.tok != tokPause {
				at++
			}
			if !m.is(at, s.tok) {
				if m.sounds == nil || at >= len(m.text) || m.sounds[at] != s.sound || misheard == maxMisheard {
					return -1, 0, 0
				}
				misheard++
			}
			at++
		case stepFork:
			if s.alt >= 0 {
				if m.mayBegin(&m.steps[s.next], at) {
					if end, n, h := m.run(s.next, at, filled, misheard); end >= 0 {
						return end, n, h
					}
				}
				pc = s.alt
				continue
			}
		case stepGap:
			for n := 0; n <= s.reach && at+n <= len(m.text); n++ {
				if end, all, h := m.run(s.next, at+n, filled+n, misheard); end >= 0 {
					return end, all, h
				}
				if s.reach == nearGap && m.is(at+n, tokPause) {
					break
				}
			}
			return -1, 0, 0
		case stepBegin:
			if at > m.from && m.is(at, tokPause) {
				at++
			}
			if at > 0 && m.text[at-1] != tokPause && m.text[at-1] != tokAsk {
				return -1, 0, 0
			}
		case stepEnd:
			if at < len(m.text) && m.text[at] != tokPause && m.text[at] != tokAsk {
				return -1, 0, 0
			}
		case stepDone:
			return at, filled, misheard
		}
		pc = s.next
	}
}

// mayBegin spares a branch that would fail at its first token.
func (m *matcher) mayBegin(s *step, at int) bool {
	return s.do != stepToken || m.is(at, s.tok) || m.is(at, tokPause) || m.sounds != nil && at < len(m.text) && m.sounds[at] == s.sound
}

func (m *matcher) is(at int, t token) bool { return at < len(m.text) && m.text[at] == t }
