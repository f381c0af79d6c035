package dialogs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slotKind is what a node asks to be told.
type slotKind string

// The kinds of slots.
const (
	slotDigits slotKind = "digits" // a row of digits, spoken or keyed
	slotNumber slotKind = "number"
	slotDate   slotKind = "date"
	slotTime   slotKind = "time"
	slotPhone  slotKind = "phone"
	slotYesNo  slotKind = "yes_no"
	slotChoice slotKind = "choice"
	slotText   slotKind = "text"
)

var slotKinds = []string{"digits", "number", "date", "time", "phone", "yes_no", "choice", "text"}

// A slot is what a node wants to know: what counts as an answer, how often it asks
// again, and where it goes with an answer and without one.
type slot struct {
	at      *val
	name    string
	kind    slotKind
	from    *float64 // number: the range
	to      *float64
	length  int // digits: how many; 0 is any number
	choices []choice
	again   []*line
	tries   int // how often it is asked again
	then    string
	orElse  string
}

// A choice is one answer of a closed list and the words that mean it.
type choice struct {
	name  string
	words []string
}

// takesKeys tells whether pressed keys are collected into the answer.
func (s *slot) takesKeys() bool {
	return s.kind == slotDigits || s.kind == slotNumber || s.kind == slotPhone
}

// begins tells whether an answer may begin with these keys: where a score from 1 to 5
// is asked for, 9 stops the calls as it does everywhere.
func (s *slot) begins(keyed string) bool {
	if s.kind != slotNumber || s.to == nil {
		return true
	}
	n, err := strconv.ParseFloat(keyed, 64)
	return err != nil || n <= *s.to && (n > 0 || s.from == nil || *s.from <= 0) && (s.from == nil || n >= *s.from || n*10 <= *s.to)
}

// complete tells whether keyed digits are an answer without a closing #.
func (s *slot) complete(keyed string) bool {
	switch s.kind {
	case slotNumber:
		n, err := strconv.ParseFloat(keyed, 64)
		return err == nil && s.to != nil && n*10 > *s.to
	case slotDigits:
		return s.length > 0 && len(keyed) == s.length
	case slotPhone:
		return len(keyed) == 11 && keyed[0] == '1'
	}
	return false
}

// read takes an answer from what was said; false when there is none in it.
func (s *slot) read(text string, in Intent, lang string, now time.Time) (string, bool) {
	switch s.kind {
	case slotYesNo:
		return in.Name, in.Name == "yes" || in.Name == "no"
	case slotChoice:
		return s.choose(squeeze(text))
	case slotText:
		words := strings.TrimSpace(text)
		return words, words != "" && in.Name != "greeting" && in.Name != "backchannel"
	case slotDate, slotTime:
		at := namedTime(text, lang, now)
		if at.IsZero() {
			return "", false
		}
		if s.kind == slotDate {
			return at.Format(time.DateOnly), true
		}
		return at.Format("2006-01-02 15:04"), true
	case slotPhone:
		if len(in.Slots.Phones) != 1 {
			return "", false
		}
		return in.Slots.Phones[0], true
	case slotDigits:
		digits, _ := digitRun(plainRunes(text))
		if len(in.Slots.Phones) == 1 && digits == "" {
			digits = in.Slots.Phones[0]
		}
		return digits, s.fits(digits)
	}
	f, ok := oneNumber(text, lang)
	if len(in.Slots.Numbers) == 1 {
		f, ok = in.Slots.Numbers[0], true
	}
	n := strconv.FormatFloat(f, 'f', -1, 64)
	return n, ok && s.fits(n)
}

// oneNumber reads the number of a sentence that was asked for one: there 五分, 一 and one
// count, which are too small to mean anything elsewhere, and four out of five is four.
func oneNumber(text, lang string) (float64, bool) {
	var found []float64
	if strings.HasPrefix(strings.ToLower(lang), "en") {
		words := englishWords(text)
		for i := 0; i < len(words); {
			n, used := readEnglishNumber(words[i:])
			if used > 0 {
				found = append(found, float64(n))
			}
			if i += max(used, 1); used > 0 && i < len(words) && words[i] == "out" {
				break
			}
		}
	} else {
		said := plainRunes(text)
		for i := 0; i < len(said); i++ {
			from := i
			for i < len(said) && isNumeral(said[i]) {
				i++
			}
			if f, ok := spokenFloat(said[from:i]); ok && endsNumber(said[i:]) {
				found = append(found, f)
			}
		}
	}
	if len(found) != 1 {
		return 0, false
	}
	return found[0], true
}

// endsNumber looks behind the number of an answer: 一分 is one, 一般 is none.
func endsNumber(rest []rune) bool {
	return len(rest) == 0 || strings.ContainsRune("分星个码号吧啊呀呢啦了嘛", rest[0]) || slices.Contains([]rune{rune(tokPause), rune(tokAsk)}, rest[0])
}

// namedTime is the time a sentence names, whatever else it means.
func namedTime(text, lang string, now time.Time) time.Time {
	if strings.HasPrefix(strings.ToLower(lang), "en") {
		return readEnglish(text, now, englishLexicon().dict).at
	}
	return readChinese(text, now).at
}

// fits checks the range of a number and the length of digits.
func (s *slot) fits(v string) bool {
	if v == "" || s.kind == slotDigits && s.length > 0 && len(v) != s.length {
		return false
	}
	if s.kind == slotPhone {
		return isPhone(v)
	}
	if s.kind != slotNumber {
		return true
	}
	n, err := strconv.ParseFloat(v, 64)
	return err == nil && (s.from == nil || n >= *s.from) && (s.to == nil || n <= *s.to)
}

// choose finds the one choice whose words were said; two are no answer.
func (s *slot) choose(said string) (string, bool) {
	found := ""
	for _, c := range s.choices {
		if slices.ContainsFunc(c.words, func(w string) bool { return strings.Contains(said, w) }) {
			if found != "" {
				return "", false
			}
			found = c.name
		}
	}
	return found, found != ""
}

// beforeSlot are intents that are not looked at for an answer: they are more.
var beforeSlot = []string{"opt_out", "complaint", "wrong_person", "driving"}

// fill gives a node's slot what was said, and tells whether that settled the turn.
func (s *Session) fill(text string, in Intent) bool {
	want := s.n.slot
	if want == nil || slices.Contains(beforeSlot, in.Name) || s.phase == awaiting || s.phase == closing {
		return false
	}
	v, ok := want.read(text, in, s.t.lang, s.clock)
	if ok {
		s.fulfil(v)
		return true
	}
	// Something else that is answered somewhere is no failed answer.
	if s.n.heard[in.Name] != nil || !slices.Contains([]string{"other", "yes", "no", "greeting", "backchannel"}, in.Name) && s.find(in.Name) != nil {
		return false
	}
	s.miss()
	return true
}

// fulfil keeps an answer and goes on.
func (s *Session) fulfil(v string) {
	want := s.n.slot
	s.turns++
	if s.out.Slots == nil {
		s.out.Slots = map[string]string{}
	}
	s.out.Slots[want.name] = v
	put(s.env, "slot."+want.name, want.spoken(v, s.clock))
	if s.spent() && s.t.nodes[want.then].listens() {
		s.run(s.t.farewell)
		return
	}
	s.run(want.then)
}

// spoken is a kept answer as a line would say it: a number to count with, a time as
// a time, everything else as it is.
func (s *slot) spoken(v string, now time.Time) any {
	switch s.kind {
	case slotNumber:
		n, _ := strconv.ParseFloat(v, 64)
		return n
	case slotDate, slotTime:
		if at, ok := readMoment(v, now); ok {
			return at
		}
	}
	return v
}

// miss asks again, or gives up.
func (s *Session) miss() {
	want := s.n.slot
	s.turns++
	s.keyed = ""
	if s.misses >= want.tries || s.spent() {
		s.run(want.orElse)
		return
	}
	s.misses++
	lines := want.again
	if lines == nil {
		lines = s.n.lines
	}
	s.say(lines, s.n)
	s.listen()
}

// keyInto collects a key into the slot's answer; # closes it, * starts over. It
// tells whether the key was the slot's.
func (s *Session) keyInto(k string) bool {
	want := s.n.slot
	if want == nil || !want.takesKeys() || s.phase == awaiting || s.phase == closing || len(k) != 1 || !strings.Contains("0123456789*#", k) || s.keyed == "" && k != "*" && k != "#" && !want.begins(k) {
		return false
	}
	switch k {
	case "*":
		s.keyed = ""
		return true
	case "#":
	default:
		if s.keyed += k; !want.complete(s.keyed) && len(s.keyed) < maxKeyed {
			s.listen()
			return true
		}
	}
	if v := s.keyed; want.fits(v) {
		s.keyed = ""
		s.fulfil(v)
		return true
	}
	s.miss()
	return true
}

// maxKeyed is more digits than anybody is asked for.
const maxKeyed = 32

// slotSpec reads a node's slot.
func (p *treeParser) slotSpec(n *node, v *val) {
	s := &slot{at: v, tries: 1}
	n.slot = s
	number := func(into **float64) func(*val) {
		return func(v *val) {
			f, err := strconv.ParseFloat(v.str, 64)
			if err != nil {
				p.bad(v, "%q is not a number", "", v.str)
				return
			}
			*into = &f
		}
	}
	p.fields(v, "a slot", map[string]func(*val){
		"name": p.text(&s.name),
		"is": func(v *val) {
			if s.kind = slotKind(v.str); !slices.Contains(slotKinds, v.str) {
				p.bad(v, "%s is no kind of slot", suggest(v.str, slotKinds), v.str)
			}
		},
		"from": number(&s.from), "to": number(&s.to),
		"length": p.count(&s.length, 1, maxKeyed), "tries": p.count(&s.tries, 0, 3),
		"choices": func(v *val) { s.choices = p.choices(v) },
		"again":   func(v *val) { s.again = p.lines(v) },
		"then":    p.text(&s.then), "else": p.text(&s.orElse),
	})
	for _, l := range s.again {
		l.plain = true
	}
	p.checkSlot(s, v)
}

func (p *treeParser) checkSlot(s *slot, v *val) {
	switch {
	case s.name == "" || !slotName(s.name):
		p.bad(v, "the slot has no name that a line could use", "write name: shoe_size: small letters, digits and _")
	case s.kind == "":
		p.bad(v, "the slot does not say what it is", "write is: "+strings.Join(slotKinds, ", "))
	case s.then == "" || s.orElse == "":
		p.bad(v, "a slot needs then and else", "write slot: {name: size, is: number, then: node, else: node}")
	case s.kind == slotChoice && len(s.choices) < 2:
		p.bad(v, "a choice needs at least two choices", "write choices: {红: [红色, 大红], 蓝: [蓝色]}")
	case s.kind != slotChoice && s.choices != nil:
		p.bad(v, "choices belong to is: choice", "take them out")
	case s.kind != slotNumber && (s.from != nil || s.to != nil):
		p.bad(v, "from and to belong to is: number", "take them out")
	case s.from != nil && s.to != nil && *s.from > *s.to:
		p.bad(v, "the slot's range from %g to %g is empty", "", *s.from, *s.to)
	case s.kind != slotDigits && s.length != 0:
		p.bad(v, "length belongs to is: digits", "take it out")
	}
}

func slotName(s string) bool {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || r == '_' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return len(s) <= 32
}

func (p *treeParser) choices(v *val) (out []choice) {
	if v.kind != mapping {
		p.bad(v, "choices is %s", "write choices: {红: [红色, 大红], 蓝: [蓝色]}", v.kind)
		return nil
	}
	for _, kv := range v.pairs {
		c := choice{name: kv.key.str}
		for _, w := range append([]*val{kv.key}, p.texts(kv.val)...) {
			c.words = append(c.words, squeeze(w.str))
		}
		out = append(out, c)
	}
	return out
}

// slotFacts finds the slots of a source before its lines are read, so that a line
// may name slot.size and have it checked: their kinds by name.
func slotFacts(root *val) map[string]fact {
	found := map[string]fact{}
	nodes := root.get("nodes")
	if nodes == nil {
		return found
	}
	for _, kv := range nodes.pairs {
		s := kv.val.get("slot")
		name, is := s.get("name"), s.get("is")
		if name == nil || is == nil || !slotName(name.str) || name.str == "" {
			continue
		}
		f := fact{text, public, 8}
		switch slotKind(is.str) {
		case slotNumber:
			f.kind = number
		case slotDate, slotTime:
			f.kind = moment
		}
		found["slot."+name.str] = f
	}
	return found
}

// An arm is one way out of a branch.
type arm struct {
	at   *val
	when *cond // nil: else
	to   string
}

// branches reads a node's branch: conditions in order, and an else at the end.
func (p *treeParser) branches(v *val) (arms []arm) {
	if v.kind != list {
		p.bad(v, "branch is %s", "write branch: [{when: …, to: node}, {else: node}]", v.kind)
		return nil
	}
	for i, item := range v.items {
		a := arm{at: item}
		other := ""
		p.fields(item, "a way of a branch", map[string]func(*val){
			"when": func(v *val) {
				c, bad := p.vocabulary.compileCond(v.str)
				if bad != nil {
					p.inside(v, bad)
					return
				}
				a.when = c
			},
			"to": p.text(&a.to), "else": p.text(&other),
		})
		last := i == len(v.items)-1
		switch {
		case other != "" && (a.to != "" || a.when != nil):
			p.bad(item, "else stands alone", "write {else: node}")
		case other != "" && !last:
			p.bad(item, "else comes before the last way", "put it at the end")
		case other == "" && last:
			p.bad(item, "the branch has no else", "end it with {else: node}")
		case other == "" && (a.when == nil || a.to == "") && len(p.problems) == 0:
			p.bad(item, "a way of a branch needs when and to", "write {when: order.item.spoken != \"\", to: node}")
		}
		if other != "" {
			a.to = other
		}
		arms = append(arms, a)
	}
	return arms
}

// choosing takes the first way whose condition holds.
func choosing(arms []arm, env map[string]any) string {
	for _, a := range arms {
		if a.when.holds(env) {
			return a.to
		}
	}
	return ""
}

// factOf is what is known of a fact by its path, slots of this tree included.
func (t *Tree) factOf(path string) fact {
	if f, ok := t.slots[path]; ok {
		return f
	}
	return known[path]
}

// describe names a slot's answer for the picture and the form.
func (s *slot) describe() string {
	return fmt.Sprintf("%s: %s", s.name, s.kind)
}
