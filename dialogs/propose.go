package dialogs

import (
	_ "embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// A Proposal is a line for which other wordings are sought. What is proposed is judged here
// against the original, and becomes part of a tree only by Approve, which a person asks for:
// a session speaks what its tree version says and nothing else.
type Proposal struct {
	Node  string
	Line  int      // of the node's say, from 1
	Texts []string // what it says now: one text, or the variants of its experiment
	Facts []string // what may stand between {{ }}: what the line leans on already
	Ask   bool     // it is the ask

	t     *Tree
	now   []*speech
	words *vocabulary
}

// Proposal finds a line by its node and its place in say, counted from 1.
func (t *Tree) Proposal(node string, at int) (*Proposal, error) {
	n := t.nodes[node]
	switch {
	case n == nil:
		return nil, fmt.Errorf("%s has no node %s (%s)", t.file, node, suggest(node, t.order))
	case len(n.lines) == 0:
		return nil, fmt.Errorf("%s says nothing", node)
	case at < 1 || at > len(n.lines):
		return nil, fmt.Errorf("%s has %d lines, there is no line %d", node, len(n.lines), at)
	}
	l := n.lines[at-1]
	if l.audio != "" {
		return nil, fmt.Errorf("line %d of %s is a recording", at, node)
	}
	p := &Proposal{Node: node, Line: at, Ask: n.ask, t: t, words: newVocabulary(t.slots, t.english())}
	for _, v := range l.variants {
		p.now = append(p.now, v.text)
		p.Texts = append(p.Texts, v.text.src)
		p.Facts = append(p.Facts, v.text.refs...)
	}
	slices.Sort(p.Facts)
	p.Facts = slices.Compact(p.Facts)
	return p, nil
}

// Question tells whether the line ends with one.
func (p *Proposal) Question() bool { return endsWithQuestion(p.Texts[0]) }

// Judge says what is wrong with a wording, nothing when a person may look at it. It says
// only what the original says: the same facts, numbers and names, the same disclosures, a
// question where there was one; no claim the law forbids, no sentence an ear cannot keep.
func (p *Proposal) Judge(text string) []string {
	if bad := p.malformed(text); bad != "" {
		return []string{bad}
	}
	s, bad := p.words.readSpeech(text)
	if bad != nil {
		return []string{strings.TrimSpace(bad.msg + " " + inBrackets(bad.hint))}
	}
	var out []string
	for _, ref := range s.refs {
		if !slices.Contains(p.Facts, ref) {
			out = append(out, fmt.Sprintf("the original does not lean on %s", ref))
		}
	}
	reader := &treeParser{t: p.t}
	reader.checkWords(&line{at: &val{}}, s.widest(p.t))
	for _, problem := range reader.problems {
		out = append(out, problem.Msg)
	}
	if asks := endsWithQuestion(text); asks != p.Question() {
		out = append(out, map[bool]string{true: "it asks, and the original does not", false: "the question of the original is gone"}[asks])
	}
	out = append(out, p.claims(s)...)
	out = append(out, p.inventions(s)...)
	if lost := p.disclosed() &^ p.t.disclosureOf(s.widest(p.t)); lost != 0 {
		out = append(out, "it leaves out what the original discloses (AI, brand, purpose or recording)")
	}
	return out
}

// malformed refuses what is no line at all.
func (p *Proposal) malformed(text string) string {
	english := p.t.english()
	switch {
	case strings.TrimSpace(text) == "" || squeeze(text) == "":
		return "it says nothing"
	case runes(text) > 300:
		return "it is longer than 300 characters"
	case strings.ContainsFunc(text, unspeakable):
		return "it has signs nobody can say"
	case english && hasHan(text), !english && !hasHan(text):
		return "it is not in the tree's language, " + p.t.lang
	}
	for _, own := range p.Texts {
		if squeeze(own) == squeeze(text) {
			return "the tree says it already"
		}
	}
	return ""
}

// unspeakable is what belongs to no spoken line: control and layout, emoji, markup.
func unspeakable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.So, r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || strings.ContainsRune("*#<>[]`\\~^_=@$", r)
}

func endsWithQuestion(text string) bool {
	return strings.HasSuffix(strings.TrimRight(text, " "), "？") || strings.HasSuffix(strings.TrimRight(text, " "), "?")
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func (p *Proposal) disclosed() (d disclosure) {
	for _, s := range p.now {
		d |= p.t.disclosureOf(s.widest(p.t))
	}
	return d
}

// claimList is lexicon/claims.yaml.
type claimList struct {
	Banned []struct {
		Claim  string   `yaml:"claim"`
		Unless []string `yaml:"unless"`
		Why    string   `yaml:"why"`
	} `yaml:"banned"`
	Facts   map[string][]string `yaml:"facts"`
	Numbers []string            `yaml:"numbers"`
}

//go:embed lexicon/claims.yaml
var claimsSource []byte

// claimsData is the shipped list, which a test keeps readable.
var claimsData = sync.OnceValue(func() claimList {
	var c claimList
	if err := yaml.UnmarshalWithOptions(claimsSource, &c, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("lexicon/claims.yaml: %v", err))
	}
	return c
})

// claims are the banned claims of a wording.
func (p *Proposal) claims(s *speech) (out []string) {
	text := s.words()
	for _, b := range claimsData().Banned {
		rest := text
		for _, harmless := range b.Unless {
			rest = strings.ReplaceAll(rest, plainLetters(harmless), " ")
		}
		if says(rest, b.Claim) {
			out = append(out, fmt.Sprintf("%s: %s", b.Claim, b.Why))
		}
	}
	return out
}

// inventions are numbers and named facts the original does not have. Of an ask, the names
// of what is asked for may not be lost either.
func (p *Proposal) inventions(s *speech) (out []string) {
	text, own := s.words(), ""
	for _, o := range p.now {
		own += o.words() + " "
	}
	had := numbersIn(own)
	for _, n := range numbersIn(text) {
		if !slices.Contains(had, n) {
			out = append(out, fmt.Sprintf("the number %s is not in the original", n))
		}
	}
	for _, group := range sortedKeys(claimsData().Facts) {
		for _, w := range claimsData().Facts[group] {
			if says(text, w) && !says(own, w) {
				out = append(out, fmt.Sprintf("%s is not in the original", w))
			}
			if p.Ask && group == "channels" && says(p.now[0].words(), w) && !says(text, w) {
				out = append(out, fmt.Sprintf("the ask does not name %s any more", w))
			}
		}
	}
	for _, w := range named.FindAllString(text, -1) {
		if !strings.Contains(own, w) && !says(plainLetters(p.t.brand), w) && hasHan(p.Texts[0]) {
			out = append(out, fmt.Sprintf("the name %s is not in the original", w))
		}
	}
	return out
}

// named are names that show themselves: in quotes, or foreign letters in Chinese.
var named = regexp.MustCompile(`[《「『“"][^》」』”"]{1,30}[》」』”"]|[a-z][a-z0-9.&'-]*`)

// words is the text without its facts, in plain letters.
func (s *speech) words() string {
	var b strings.Builder
	for _, seg := range s.segs {
		if b.WriteString(seg.fixed); seg.value != nil {
			b.WriteByte(' ')
		}
	}
	return plainLetters(b.String())
}

// plainLetters folds full width and capitals.
func plainLetters(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' && !strings.ContainsRune("，。！？；：", r) {
			return r - '！' + '!'
		}
		return r
	}, s))
}

// says finds a word in a text of plain letters: Chinese anywhere, also with spaces in
// between, English as a whole word.
func says(text, word string) bool {
	word = plainLetters(word)
	if hasHan(word) {
		return strings.Contains(strings.Join(strings.Fields(text), ""), word)
	}
	for rest := text; ; {
		i := strings.Index(rest, word)
		if i < 0 {
			return false
		}
		before, after := rest[:i], rest[i+len(word):]
		if !endsWithLetter(before) && !beginsWithLetter(after) {
			return true
		}
		rest = after
	}
}

func endsWithLetter(s string) bool {
	return s != "" && latin(rune(s[len(s)-1]))
}

func beginsWithLetter(s string) bool { return s != "" && latin(rune(s[0])) }

func latin(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }

// numerals are figures, and numbers in Chinese.
var numerals = regexp.MustCompile(`[0-9]+(?:[.:][0-9]+)?|[零〇一二三四五六七八九十百千万亿两半]+`)

// numbersIn are the numbers of a text, 三 the same as 3; words that only look like
// numbers are left out.
func numbersIn(text string) (out []string) {
	for _, w := range claimsData().Numbers {
		text = strings.ReplaceAll(text, w, " ")
	}
	for _, n := range numerals.FindAllString(text, -1) {
		if f, ok := spokenFloat([]rune(n)); ok {
			n = fmt.Sprint(f)
		}
		out = append(out, n)
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !latin(r) }) {
		if n, used := readEnglishNumber([]string{w}); used == 1 && !strings.ContainsAny(w, "0123456789") && w != "one" {
			out = append(out, fmt.Sprint(n))
		}
	}
	return out
}

// Approve writes wordings a person has chosen into the source of a tree, as variants of an
// experiment beside what the line says now, and gives the new source: another version. It
// changes that line only, and fails when the result would not pass lint. fsys is where the
// tree's includes are.
func (p *Proposal) Approve(src []byte, fsys fs.FS, texts []string) ([]byte, error) {
	for _, text := range texts {
		if bad := p.Judge(text); len(bad) > 0 {
			return nil, fmt.Errorf("%q: %s", text, strings.Join(bad, "; "))
		}
	}
	root, problem := readYAML(p.t.file, src)
	if problem != nil {
		return nil, Problems{*problem}
	}
	say := root.get("nodes").get(p.Node).get("say")
	if say == nil {
		return nil, fmt.Errorf("%s does not write %s itself: it includes it; propose for the file it stands in", p.t.file, p.Node)
	}
	v := say
	if say.kind == list {
		v = say.items[p.Line-1]
	}
	out, err := withVariants(src, v, texts)
	if err != nil {
		return nil, err
	}
	t, ps := parse(p.t.file, out, fsys)
	if len(ps) > 0 {
		return nil, ps
	}
	return out, p.onlyAdded(t, texts)
}

// onlyAdded makes sure that a changed tree says what it said and the new texts.
func (p *Proposal) onlyAdded(t *Tree, texts []string) error {
	q, err := t.Proposal(p.Node, p.Line)
	if err != nil {
		return err
	}
	if !slices.Equal(q.Texts, append(slices.Clone(p.Texts), texts...)) {
		return fmt.Errorf("the line at %s cannot be changed without risk to what stands around it; paste the variants by hand", p.Node)
	}
	return nil
}

// withVariants rewrites one line of a source: its text becomes an experiment, or its
// experiment gets more arms.
func withVariants(src []byte, v *val, texts []string) ([]byte, error) {
	old, key := v, (*val)(nil) // what is replaced, and the key before it
	var names []string
	if v.kind == mapping {
		for _, kv := range v.pairs {
			if kv.key.str == "text" || kv.key.str == "split" {
				key, old = kv.key, kv.val
			}
		}
	}
	last := old
	if old.kind == mapping {
		for _, kv := range old.pairs {
			names, last = append(names, kv.key.str), kv.val
		}
	}
	from, to, err := scalarAt(src, last)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 { // more arms behind the last
		flow, indent := arms(src, old.pairs[len(old.pairs)-1].key)
		add := ""
		for _, text := range texts {
			name := freeName(&names)
			if flow {
				add += ", " + name + ": " + quotedText(text)
			} else {
				add += "\n" + indent + name + ": " + quotedText(text)
			}
		}
		return splice(src, to, to, add), nil
	}
	body := "{a: " + quotedText(last.str)
	names = []string{"a"}
	for _, text := range texts {
		body += ", " + freeName(&names) + ": " + quotedText(text)
	}
	body += "}"
	if key == nil { // - text
		return splice(src, from, to, "{split: "+body+"}"), nil
	}
	out := splice(src, from, to, body)
	at := offset(src, key)
	return splice(out, at, at+len("text"), "split"), nil
}

// arms tells how the arms of an experiment are written: in braces, or one a line with
// what stands before each.
func arms(src []byte, key *val) (flow bool, indent string) {
	at := offset(src, key)
	begin := strings.LastIndexByte(string(src[:at]), '\n') + 1
	indent = string(src[begin:at])
	return strings.TrimSpace(indent) != "", indent
}

// freeName is the next letter that names no arm yet.
func freeName(taken *[]string) string {
	for c := 'a'; ; c++ {
		name := string(c)
		if c > 'z' {
			name = fmt.Sprintf("v%d", c-'z')
		}
		if !slices.Contains(*taken, name) && name != "n" && name != "y" { // YAML 1.1 takes those for booleans
			*taken = append(*taken, name)
			return name
		}
	}
}

// quotedText is a text in double quotes, as YAML reads them.
func quotedText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func splice(src []byte, from, to int, with string) []byte {
	return append([]byte(string(src[:from])+with), src[to:]...)
}

// offset is where a value begins, in bytes.
func offset(src []byte, v *val) int {
	at := 0
	for n := 1; n < v.line; n++ {
		i := strings.IndexByte(string(src[at:]), '\n')
		if i < 0 {
			return len(src)
		}
		at += i + 1
	}
	for n := 1; n < v.col && at < len(src); n++ {
		_, size := utf8.DecodeRune(src[at:])
		at += size
	}
	return at
}

// scalarAt is where a scalar stands in its source. One over several lines is left to a person.
func scalarAt(src []byte, v *val) (from, to int, err error) {
	from = offset(src, v)
	rest := string(src[from:])
	switch {
	case strings.HasPrefix(rest, `"`):
		for i := 1; i < len(rest) && rest[i] != '\n'; i++ {
			if rest[i] == '\\' {
				i++
			} else if rest[i] == '"' {
				return from, from + i + 1, nil
			}
		}
	case strings.HasPrefix(rest, "'"):
		for i := 1; i < len(rest) && rest[i] != '\n'; i++ {
			if rest[i] == '\'' && i+1 < len(rest) && rest[i+1] == '\'' {
				i++
			} else if rest[i] == '\'' {
				return from, from + i + 1, nil
			}
		}
	case v.kind == scalar && strings.HasPrefix(rest, v.str):
		return from, from + len(v.str), nil
	}
	return 0, 0, fmt.Errorf("%s:%d:%d: the text is written over several lines; paste the variants by hand", v.file, v.line, v.col)
}

// Preview is a wording as this person would hear it now, or false when a fact is missing.
func (p *Proposal) Preview(text string, f Facts, now time.Time) (string, bool) {
	s, bad := p.words.readSpeech(text)
	if bad != nil {
		return "", false
	}
	parts, ok := s.render(p.t.settle(f, now), now, "")
	return Line{Parts: parts}.Text(), ok
}
