package dialogs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Outcomes are the business outcomes a note or an end may name.
// An end may also say completed: the call ends with what was noted.
var Outcomes = []string{"agreed_add", "agreed_sms", "already_friend", "callback", "not_interested", "wrong_person", "opt_out", "complaint", "transferred", "no_interaction", "no_match", "hung_up", "system_error"}

func (p *treeParser) nodes(v *val) {
	if v.kind != mapping {
		p.bad(v, "nodes is %s", "write nodes: {hello: {say: …}}", v.kind)
		return
	}
	for _, kv := range v.pairs {
		p.readNode(kv.key, kv.val)
	}
	p.node = nil
}

func (p *treeParser) readNode(key, v *val) {
	n := &node{name: key.str, at: key}
	p.t.nodes[n.name] = n
	p.t.order = append(p.t.order, n.name)
	p.node, p.lineNo = n, 0
	p.fields(v, "a node", map[string]func(*val){
		"say":       func(v *val) { n.lines = p.lines(v) },
		"again":     func(v *val) { n.again = p.lines(v) },
		"plain":     p.truth(&n.plain),
		"protected": p.truth(&n.protected),
		"ask":       p.truth(&n.ask),
		"listen": func(v *val) {
			p.fields(v, "listen", map[string]func(*val){"silence": func(v *val) { n.silence = p.silence(v, n.name) }})
		},
		"heard": func(v *val) { p.heard(n, v) },
		"keys":  func(v *val) { p.keys(n, v) },
		"go":    func(v *val) { n.nextAt = v; p.text(&n.next)(v) },
		"note":  func(v *val) { n.note = p.note(v) },
		"invite": func(v *val) {
			n.invite = &invite{at: v}
			p.fields(v, "invite", map[string]func(*val){"no_room": p.text(&n.invite.noRoom)})
			if n.invite.noRoom == "" {
				p.bad(v, "invite does not say where to go when nobody has room", "write invite: {no_room: node}")
			}
		},
		"send": func(v *val) {
			if v.kind == scalar {
				n.send = v.str
				return
			}
			p.fields(v, "send", map[string]func(*val){"template": p.text(&n.send)})
		},
		"callback": func(v *val) { n.callback = p.callback(v) },
		"transfer": func(v *val) {
			n.transfer = &transfer{at: v, timeout: 20 * time.Second}
			p.fields(v, "transfer", map[string]func(*val){
				"to": p.text(&n.transfer.to), "timeout": p.duration(&n.transfer.timeout), "else": p.text(&n.transfer.orElse),
			})
			if n.transfer.to == "" || n.transfer.orElse == "" {
				p.bad(v, "transfer needs to and else", "write transfer: {to: queue/care, timeout: 20s, else: node}")
			}
		},
		"slot":    func(v *val) { p.slotSpec(n, v) },
		"branch":  func(v *val) { n.branch = p.branches(v) },
		"opt_out": func(v *val) { n.optOut = p.channels(v) },
		"end": func(v *val) {
			n.endAt = v
			p.text(&n.end)(v)
			if n.end != "completed" && !slices.Contains(Outcomes, n.end) {
				p.bad(v, "%s is not an outcome", suggest(n.end, append([]string{"completed"}, Outcomes...)), n.end)
			}
		},
	})
	ways := 0
	for _, has := range []bool{n.heard != nil || n.slot != nil, n.next != "", n.end != "", n.transfer != nil, n.branch != nil} {
		if has {
			ways++
		}
	}
	if ways != 1 {
		p.bad(key, "%s goes %s", "a node has exactly one of heard, slot, go, branch, transfer and end", n.name,
			map[bool]string{true: "nowhere", false: "more than one way"}[ways == 0])
	}
	if n.slot != nil {
		if n.heard == nil {
			n.heard = map[string]*reaction{}
		}
		if n.heard["else"] == nil {
			n.heard["else"] = &reaction{at: n.slot.at, to: n.slot.orElse}
			n.heardKeys = append(n.heardKeys, "else")
		}
	}
	if n.plain {
		for _, l := range append(slices.Clone(n.lines), n.again...) {
			l.plain = true
		}
	}
}

func (p *treeParser) heard(n *node, v *val) {
	n.heard = map[string]*reaction{}
	if v.kind != mapping {
		p.bad(v, "heard is %s", `write heard: {"yes": node, else: node}`, v.kind)
		return
	}
	for _, kv := range v.pairs {
		intent := kv.key.str
		r := p.reaction(kv.val, "heard")
		r.at = kv.key
		n.heard[intent] = r
		n.heardKeys = append(n.heardKeys, intent)
	}
}

func (p *treeParser) keys(n *node, v *val) {
	n.keys = map[string]string{}
	for _, kv := range v.pairs {
		if len(kv.key.str) != 1 || !strings.Contains("0123456789*#", kv.key.str) {
			p.bad(kv.key, "%s is not a key of a phone", "0 to 9, * or #", kv.key.str)
		}
		n.keys[kv.key.str] = kv.val.str
		if n.heard[kv.val.str] == nil && !slices.Contains(IntentNames, kv.val.str) {
			p.bad(kv.val, "key %s means %s, which nothing answers", suggest(kv.val.str, IntentNames), kv.key.str, kv.val.str)
		}
	}
}

func (p *treeParser) channels(v *val) []string {
	list := p.strings(v)
	for _, c := range list {
		if !slices.Contains([]string{"all", "voice", "sms", "wecom"}, c) {
			p.bad(v, "%s is not a channel", "all, voice, sms or wecom", c)
		}
	}
	return list
}

func (p *treeParser) reaction(v *val, what string) *reaction {
	r := &reaction{at: v}
	if v.kind == scalar {
		switch v.str {
		case "again":
			r.again = true
		default:
			r.to = v.str
		}
		return r
	}
	then := ""
	p.fields(v, what, map[string]func(*val){
		"to": p.text(&r.to),
		"identity": func(v *val) {
			if r.identity = v.str == "confirmed"; !r.identity {
				p.bad(v, "identity cannot be %q", "write identity: confirmed", v.str)
			}
		},
		"say": func(v *val) { r.lines = p.lines(v) },
		"then": func(v *val) {
			if then = v.str; then == "back" {
				r.back = true
			} else {
				r.to = then
			}
		},
		"note": func(v *val) { r.note = p.note(v) },
	})
	for _, l := range r.lines {
		l.plain = true // an answer to a question is not a pitch
	}
	if r.to == "" && !r.back {
		p.bad(v, "the answer leads nowhere", "add to: node, or then: back")
	}
	return r
}

func (p *treeParser) silence(v *val, owner string) *silence {
	s := &silence{at: v, after: 4 * time.Second, times: 1}
	if p.node == nil {
		p.node = &node{name: owner}
		defer func() { p.node = nil }()
	}
	p.fields(v, "silence", map[string]func(*val){
		"after": p.duration(&s.after), "times": p.count(&s.times, 0, 3), "then": p.text(&s.then),
		"say": func(v *val) { s.lines = p.lines(v) },
	})
	for _, l := range s.lines {
		l.plain = true
	}
	if s.then == "" {
		p.bad(v, "silence does not say where it ends", "add then: node")
	}
	if s.times > 0 && len(s.lines) == 0 {
		p.bad(v, "silence has nothing to say", "add say: 喂，您好，听得到我说话吗？")
	}
	return s
}

func (p *treeParser) note(v *val) *note {
	n := &note{}
	p.fields(v, "note", map[string]func(*val){
		"outcome": func(v *val) {
			if n.outcome = v.str; !slices.Contains(Outcomes, v.str) {
				p.bad(v, "%s is not an outcome", suggest(v.str, Outcomes), v.str)
			}
		},
		"tags": func(v *val) { n.tags = p.strings(v) },
		"slots": func(v *val) {
			n.slots = map[string]*speech{}
			for _, kv := range v.pairs {
				if s := p.speech(kv.val); s != nil {
					n.slots[kv.key.str] = s
				}
			}
		},
	})
	return n
}

func (p *treeParser) callback(v *val) *callback {
	if v.kind == mapping {
		c := &callback{from: v}
		p.fields(v, "callback", map[string]func(*val){
			"at":   func(v *val) { c.ref = p.callback(v).ref },
			"else": func(v *val) { c.in = p.callback(v).in },
		})
		return c
	}
	c := &callback{from: v}
	if in, ok := strings.CutPrefix(v.str, "+"); ok {
		p.duration(&c.in)(&val{file: v.file, line: v.line, col: v.col, kind: scalar, str: in})
	} else if c.ref = v.str; c.ref != "heard.time" {
		p.bad(v, "%q is not a time to call back", "heard.time, +30m, or {at: heard.time, else: +2h}", v.str)
	}
	return c
}

func (p *treeParser) lines(v *val) []*line {
	if v.kind != list {
		v = &val{file: v.file, line: v.line, col: v.col, kind: list, items: []*val{v}}
	}
	var out []*line
	for _, item := range v.items {
		if l := p.line(item); l != nil {
			out = append(out, l)
		}
	}
	return out
}

func (p *treeParser) line(v *val) *line {
	l := &line{at: v}
	if p.node != nil {
		l.id = fmt.Sprintf("%s/%s/%s", p.t.name, p.node.name, strconv.Itoa(p.lineNo))
		p.lineNo++
	}
	single := func(v *val) {
		if s := p.speech(v); s != nil {
			l.variants = append(l.variants, variant{"", s})
		}
	}
	if v.kind == scalar {
		single(v)
	} else {
		p.fields(v, "a line", map[string]func(*val){
			"text":  single,
			"hook":  p.text(&l.hook),
			"audio": p.text(&l.audio),
			"plain": p.truth(&l.plain),
			"when": func(v *val) {
				c, bad := p.vocabulary.compileCond(v.str)
				if bad != nil {
					p.inside(v, bad)
					return
				}
				l.when = c
			},
			"split": func(v *val) {
				for _, kv := range v.pairs {
					if s := p.speech(kv.val); s != nil {
						l.variants = append(l.variants, variant{kv.key.str, s})
					}
				}
				if len(v.pairs) < 2 {
					p.bad(v, "an experiment needs at least two variants", "write split: {a: …, b: …}")
				}
			},
		})
	}
	if len(l.variants) == 0 {
		if len(p.problems) == 0 {
			p.bad(v, "the line has no text", "add text: or split:")
		}
		return nil
	}
	return l
}

func (p *treeParser) speech(v *val) *speech {
	if v.kind != scalar || strings.TrimSpace(v.str) == "" {
		p.bad(v, "expected words, found %s", "", v.kind)
		return nil
	}
	s, bad := p.vocabulary.readSpeech(v.str)
	if bad != nil {
		p.inside(v, bad)
		return nil
	}
	return s
}

// inside reports a problem some characters into a text.
func (p *treeParser) inside(v *val, bad *exprError) {
	at := *v
	at.col += bad.at
	p.bad(&at, "%s", bad.hint, bad.msg)
}
