package dialogs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads and checks one tree. The error is Problems: everything that is wrong,
// each with its place. A tree that shares nodes through include needs ParseFS.
func Parse(name string, src []byte) (*Tree, error) {
	t, ps := parse(name, src, nil)
	if len(ps) > 0 {
		return nil, ps
	}
	return t, nil
}

// ParseFS reads and checks the tree in a file, and what it includes.
func ParseFS(fsys fs.FS, name string) (*Tree, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading dialog %s: %w", name, err)
	}
	t, ps := parse(name, src, fsys)
	if len(ps) > 0 {
		return nil, ps
	}
	return t, nil
}

// Lint returns the problems of a tree, none when it may be used.
func Lint(name string, src []byte) []Problem {
	_, ps := parse(name, src, nil)
	return ps
}

func parse(name string, src []byte, fsys fs.FS) (*Tree, Problems) {
	root, bad := readYAML(name, src)
	if bad != nil {
		return nil, Problems{*bad}
	}
	sum := sha256.New()
	sum.Write(src)
	p := &treeParser{t: &Tree{
		file: name, lang: "zh-CN",
		limits:     Limits{Turns: 8, Talk: 75 * time.Second, Asks: 1, Refusals: 1},
		voice:      Voice{Rate: 1},
		facts:      map[string]factDecl{},
		everywhere: map[string]*reaction{},
		nodes:      map[string]*node{},
	}}
	p.t.slots = slotFacts(root)
	if lang := root.get("language"); lang != nil {
		p.t.lang = lang.str
	}
	p.vocabulary = newVocabulary(p.t.slots, p.t.english())
	p.top(root)
	if inc := root.get("include"); inc != nil {
		for _, file := range p.texts(inc) {
			p.include(fsys, path.Join(path.Dir(name), file.str), file, sum.Write)
		}
	}
	p.t.version = hex.EncodeToString(sum.Sum(nil))[:12]
	p.finish(root)
	if len(p.problems) == 0 {
		p.check(root)
	}
	return p.t, p.problems.sorted()
}

type treeParser struct {
	t        *Tree
	problems Problems
	node     *node // being read, for line IDs
	lineNo   int

	vocabulary *vocabulary
}

func (p *treeParser) bad(v *val, msg, hint string, args ...any) {
	p.problems = append(p.problems, v.problem(fmt.Sprintf(msg, args...), hint))
}

// fields visits the keys of a mapping and refuses those the language has not.
func (p *treeParser) fields(v *val, what string, known map[string]func(*val)) {
	if v.kind != mapping {
		p.bad(v, "%s is %s", "write it as {key: value}; keys: "+strings.Join(sortedKeys(known), ", "), what, v.kind)
		return
	}
	for _, kv := range v.pairs {
		read, ok := known[kv.key.str]
		if !ok {
			p.bad(kv.key, "%s has no key %s", suggest(kv.key.str, sortedKeys(known)), what, kv.key.str)
			continue
		}
		read(kv.val)
	}
}

func (p *treeParser) top(root *val) {
	t := p.t
	p.fields(root, "a dialog", map[string]func(*val){
		"dialog":   p.text(&t.name),
		"language": p.text(&t.lang),
		"brand":    p.text(&t.brand),
		"purpose": func(v *val) {
			if !slices.Contains(purposes, v.str) {
				p.bad(v, "%s is not a purpose", "known: "+strings.Join(purposes, ", "), v.str)
			}
		},
		"limits": func(v *val) {
			p.fields(v, "limits", map[string]func(*val){
				"turns": p.count(&t.limits.Turns, 1, 30), "asks": p.count(&t.limits.Asks, 0, 3),
				"refusals": p.count(&t.limits.Refusals, 1, 3), "talk": p.duration(&t.limits.Talk),
			})
		},
		"voice": func(v *val) {
			p.fields(v, "voice", map[string]func(*val){
				"name": p.text(&t.voice.Name), "style": p.text(&t.voice.Style), "fallback": p.text(&t.voice.Fallback),
				"rate": func(v *val) {
					rate, err := strconv.ParseFloat(v.str, 64)
					if err != nil || !(rate >= 0.5 && rate <= 2) {
						p.bad(v, "%q is not a rate", "between 0.5 and 2", v.str)
						return
					}
					t.voice.Rate = rate
				},
			})
		},
		"readings": func(v *val) {
			t.readings = map[string]string{}
			for _, kv := range v.pairs {
				t.readings[kv.key.str] = kv.val.str
			}
		},
		"facts":      p.factDecls,
		"words":      p.ownWords,
		"silence":    func(v *val) { t.silence = p.silence(v, "silence") },
		"else":       func(v *val) { t.elseTo = p.reaction(v, "else") },
		"farewell":   p.text(&t.farewell),
		"start":      p.text(&t.start),
		"include":    func(*val) {},
		"everywhere": p.everywhere,
		"nodes":      p.nodes,
	})
}

// include reads nodes and everywhere-handlers another file shares; the tree's own win.
func (p *treeParser) include(fsys fs.FS, file string, at *val, hash func([]byte) (int, error)) {
	if fsys == nil {
		p.bad(at, "%s cannot be included here", "load the tree from its folder, or write the nodes into it", at.str)
		return
	}
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		p.bad(at, "%s cannot be read", "the path is relative to this file", at.str)
		return
	}
	hash(src)
	root, bad := readYAML(file, src)
	if bad != nil {
		p.problems = append(p.problems, *bad)
		return
	}
	own := p.t
	shared := &treeParser{t: &Tree{name: own.name, brand: own.brand, nodes: map[string]*node{}, everywhere: map[string]*reaction{}}}
	maps.Copy(own.slots, slotFacts(root))
	shared.vocabulary = newVocabulary(own.slots, own.english())
	shared.fields(root, "an included file", map[string]func(*val){"everywhere": shared.everywhere, "nodes": shared.nodes})
	p.problems = append(p.problems, shared.problems...)
	for _, name := range shared.t.order {
		if own.nodes[name] == nil {
			own.nodes[name] = shared.t.nodes[name]
			own.order = append(own.order, name)
		}
	}
	for intent, r := range shared.t.everywhere {
		if own.everywhere[intent] == nil {
			own.everywhere[intent] = r
		}
	}
}

// finish hands the tree's defaults to its nodes.
func (p *treeParser) finish(root *val) {
	t := p.t
	if t.name == "" {
		p.bad(root, "the dialog has no name", "begin with `dialog: name`")
	}
	if t.brand == "" {
		p.bad(root, "the dialog has no brand", "add `brand: 名称`: a call says who is calling")
	}
	for _, name := range t.order {
		n := t.nodes[name]
		if n.heard == nil {
			continue
		}
		if n.silence == nil {
			if n.silence = t.silence; n.silence == nil {
				p.bad(n.at, "%s listens but does not say what follows silence", "add listen: {silence: {after: 4s, say: …, then: node}} or a silence: for the whole tree", name)
			}
		}
		if n.heard["else"] == nil {
			if n.heard["else"] = t.elseTo; t.elseTo == nil {
				p.bad(n.at, "%s listens but has no else", "add else: node under heard", name)
			} else {
				n.heardKeys = append(n.heardKeys, "else")
			}
		}
	}
}

func (p *treeParser) factDecls(v *val) {
	groups := slices.Sorted(maps.Keys(groupWindows))
	for _, kv := range v.pairs {
		group := kv.key.str
		if slices.Contains(freeGroups, group) {
			p.bad(kv.key, "%s is always known", "leave it out of facts", group)
			continue
		}
		if !slices.Contains(groups, group) {
			p.bad(kv.key, "there are no facts named %s", suggest(group, groups), group)
			continue
		}
		d := factDecl{at: kv.key}
		windows := map[string]func(*val){}
		for _, w := range groupWindows[group] {
			windows[w] = p.duration(map[string]*time.Duration{"fresh": &d.fresh, "signed_for": &d.signedFor}[w])
		}
		if kv.val.kind != null {
			p.fields(kv.val, group, windows)
		}
		p.t.facts[group] = d
	}
}

func (p *treeParser) ownWords(v *val) {
	for _, kv := range v.pairs {
		own := ownIntent{name: kv.key.str}
		if slices.Contains(IntentNames, own.name) {
			p.bad(kv.key, "%s is understood already", "choose a name of your own", own.name)
		}
		for _, phrase := range p.texts(kv.val) {
			s := squeeze(phrase.str)
			if runes(s) < 2 {
				p.bad(phrase, "%q is too short to be told from noise", "at least two characters", phrase.str)
			}
			own.phrases = append(own.phrases, s)
		}
		p.t.words = append(p.t.words, own)
	}
}

func (p *treeParser) everywhere(v *val) {
	for _, kv := range v.pairs {
		intent, cuts := strings.CutSuffix(kv.key.str, "!")
		p.node, p.lineNo = &node{name: "everywhere/" + intent}, 0
		r := p.reaction(kv.val, "everywhere")
		r.cutsIn = cuts
		r.at = kv.key
		p.t.everywhere[intent] = r
	}
	p.node = nil
}

// Small readers of scalars.

func (p *treeParser) text(into *string) func(*val) {
	return func(v *val) {
		if v.kind != scalar || v.str == "" {
			p.bad(v, "expected a text, found %s", "", v.kind)
			return
		}
		*into = v.str
	}
}

func (p *treeParser) texts(v *val) []*val {
	if v.kind == scalar {
		return []*val{v}
	}
	if v.kind != list {
		p.bad(v, "expected a list of texts, found %s", "write [a, b]", v.kind)
		return nil
	}
	var out []*val
	for _, item := range v.items {
		if item.kind != scalar {
			p.bad(item, "expected a text, found %s", "", item.kind)
			continue
		}
		out = append(out, item)
	}
	return out
}

func (p *treeParser) strings(v *val) []string {
	var out []string
	for _, item := range p.texts(v) {
		out = append(out, item.str)
	}
	return out
}

func (p *treeParser) truth(into *bool) func(*val) {
	return func(v *val) {
		if v.str != "true" && v.str != "false" {
			p.bad(v, "%q is neither true nor false", "write true or false", v.str)
			return
		}
		*into = v.str == "true"
	}
}

func (p *treeParser) count(into *int, low, high int) func(*val) {
	return func(v *val) {
		n, err := strconv.Atoi(v.str)
		if err != nil || n < low || n > high {
			p.bad(v, "%q is not a number from %d to %d", "", v.str, low, high)
			return
		}
		*into = n
	}
}

func (p *treeParser) duration(into *time.Duration) func(*val) {
	return func(v *val) {
		d, err := readDuration(v.str)
		if err != nil || d <= 0 || d > 366*24*time.Hour {
			p.bad(v, "%q is not a duration", "write 4s, 30m, 6h or 3d", v.str)
			return
		}
		*into = d
	}
}

func readDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 3660 {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}
