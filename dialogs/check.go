package dialogs

import (
	"slices"
	"time"
)

// purposes from the weakest to the strongest.
var purposes = []string{"care", "service", "marketing"}

// requiredEverywhere is what a person may say at any moment of any call.
var requiredEverywhere = []string{"opt_out", "complaint", "wrong_person", "not_interested", "busy", "later", "driving", "are_you_a_bot", "who_are_you", "ask_human", "already_friend"}

// alwaysCutIn is what is heard even over a protected greeting.
var alwaysCutIn = []string{"opt_out", "wrong_person", "busy", "driving", "complaint"}

// check refuses what must not be run. It sees a tree whose parts were all readable.
func (p *treeParser) check(root *val) {
	t := p.t
	p.checkNames(root)
	p.checkEverywhere(root)
	if len(p.problems) > 0 {
		return
	}
	p.checkLines()
	p.checkOpening()
	p.checkFacts()
	p.checkPurpose(root)
	p.checkLoops()
	p.checkReach()
	p.checkPaths()
	if len(p.problems) == 0 {
		if talk, _ := t.longestTalk(); talk > t.limits.Talk {
			at := root.get("limits")
			if at == nil {
				at = root
			}
			p.bad(at, "the longest conversation takes about %s, more than the limit of %s", "shorten the lines or raise limits: {talk: …}", talk.Round(time.Second), t.limits.Talk)
		}
	}
}

// edge is a way from a node to another, and where it is written.
type edge struct {
	to       string
	at       *val
	identity bool
	note     *note
	turn     bool // the person speaks in between
}

// edges lists the ways out of a node that are its own.
func (n *node) edges() []edge {
	var out []edge
	if n.next != "" {
		out = append(out, edge{to: n.next, at: n.nextAt})
	}
	for _, k := range n.heardKeys {
		if r := n.heard[k]; r.to != "" {
			out = append(out, edge{r.to, r.at, r.identity, r.note, true})
		}
	}
	if n.listens() && n.silence != nil {
		out = append(out, edge{to: n.silence.then, at: n.silence.at, turn: true})
	}
	if n.invite != nil {
		out = append(out, edge{to: n.invite.noRoom, at: n.invite.at})
	}
	if n.transfer != nil {
		out = append(out, edge{to: n.transfer.orElse, at: n.transfer.at})
	}
	if n.slot != nil {
		out = append(out, edge{to: n.slot.then, at: n.slot.at, turn: true}, edge{to: n.slot.orElse, at: n.slot.at, turn: true})
	}
	for _, a := range n.branch {
		out = append(out, edge{to: a.to, at: a.at})
	}
	return out
}

// checkNames follows every name to a node and every intent to the closed list.
func (p *treeParser) checkNames(root *val) {
	t := p.t
	exists := func(name string, at *val) {
		if t.nodes[name] == nil {
			p.bad(at, "there is no node %s", suggest(name, t.order), name)
		}
	}
	top := func(key, name, what string) {
		at := root.get(key)
		if at == nil {
			p.bad(root, "the dialog has no %s", what, key)
			return
		}
		exists(name, at)
	}
	top("start", t.start, "add `start: node`")
	top("farewell", t.farewell, "add `farewell: node`: where a call goes when a limit is reached")
	for _, name := range t.order {
		n := t.nodes[name]
		for _, e := range n.edges() {
			exists(e.to, e.at)
		}
		for _, k := range n.heardKeys {
			p.checkIntent(k, n.heard[k].at)
		}
	}
	for _, k := range sortedKeys(t.everywhere) {
		r := t.everywhere[k]
		p.checkIntent(k, r.at)
		if r.to != "" {
			exists(r.to, r.at)
		}
	}
	if f := t.nodes[t.farewell]; f != nil && (f.end == "" || f.ask || f.invite != nil || f.send != "") {
		p.bad(f.at, "the farewell %s does not just say goodbye", "give it say and end, nothing else", f.name)
	}
}

func (p *treeParser) checkIntent(name string, at *val) {
	known := slices.Clone(IntentNames)
	for _, w := range p.t.words {
		known = append(known, w.name)
	}
	if name != "else" && !slices.Contains(known, name) {
		p.bad(at, "nobody can be understood as %s", suggest(name, known)+"; own intents stand under words:", name)
	}
}

func (p *treeParser) checkEverywhere(root *val) {
	at := root.get("everywhere")
	if at == nil {
		at = root
	}
	t := p.t
	for _, intent := range requiredEverywhere {
		r := t.everywhere[intent]
		if r == nil {
			p.bad(at, "nothing answers %s everywhere", "add "+intent+": node under everywhere", intent)
			continue
		}
		if slices.Contains(alwaysCutIn, intent) && !r.cutsIn {
			p.bad(r.at, "%s must be heard even over the greeting", "write "+intent+"!:", intent)
		}
	}
	if r := t.everywhere["opt_out"]; r != nil && t.nodes[r.to] != nil && t.nodes[r.to].optOut == nil {
		p.bad(r.at, "opt_out leads to %s, which does not opt out", "add opt_out: all to the node", r.to)
	}
}

// checkPurpose derives what the tree does and compares it with what it says it does.
func (p *treeParser) checkPurpose(root *val) {
	t := p.t
	t.purpose = "care"
	t.eachLine(func(_ *node, l *line) {
		for _, ref := range lineRefs(l) {
			if slices.Contains([]string{"order", "anniversary", "replenish"}, groupOf(ref)) {
				t.purpose = "service"
			}
		}
	})
	var why *node
	for _, name := range t.order {
		if n := t.nodes[name]; n.ask || n.invite != nil || n.send != "" {
			t.purpose, why = "marketing", n
			break
		}
	}
	declared := root.get("purpose")
	if declared == nil {
		return
	}
	if slices.Index(purposes, declared.str) < slices.Index(purposes, t.purpose) {
		hint := "a tree that speaks of orders is service"
		if why != nil {
			hint = "node " + why.name + " asks, invites or sends"
		}
		p.bad(declared, "the purpose %s is weaker than what the tree does, which is %s", hint, declared.str, t.purpose)
		return
	}
	t.purpose = declared.str
}

// checkLoops refuses a way round on which nobody listens.
func (p *treeParser) checkLoops() {
	t := p.t
	state := map[string]int{}
	var visit func(name string)
	visit = func(name string) {
		state[name] = 1
		for _, e := range t.nodes[name].edges() {
			if e.turn {
				continue
			}
			switch state[e.to] {
			case 0:
				visit(e.to)
			case 1:
				p.bad(e.at, "%s leads back to %s without listening", "let the person speak in between", name, e.to)
			}
		}
		state[name] = 2
	}
	for _, name := range t.order {
		if state[name] == 0 {
			visit(name)
		}
	}
}

func (p *treeParser) checkReach() {
	t := p.t
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for _, e := range t.nodes[name].edges() {
			visit(e.to)
		}
	}
	visit(t.start)
	visit(t.farewell)
	for _, r := range t.everywhere {
		if r.to != "" {
			visit(r.to)
		}
	}
	for _, name := range t.order {
		if !seen[name] {
			p.bad(t.nodes[name].at, "nothing leads to %s", "lead there, or take it out", name)
		}
	}
}

// checkFacts wants every group declared that is used, and every declared one used.
func (p *treeParser) checkFacts() {
	t := p.t
	used := map[string]bool{}
	t.eachLine(func(_ *node, l *line) {
		for _, ref := range lineRefs(l) {
			group := groupOf(ref)
			if used[group] = true; slices.Contains(freeGroups, group) {
				continue
			}
			if _, ok := t.facts[group]; !ok {
				p.bad(l.at, "the line needs %s, which facts does not declare", "add "+group+": {} under facts", ref)
			}
		}
	})
	for _, name := range t.order {
		for _, a := range t.nodes[name].branch {
			for _, ref := range a.when.allRefs() {
				group := groupOf(ref)
				if used[group] = true; slices.Contains(freeGroups, group) {
					continue
				}
				if _, ok := t.facts[group]; !ok {
					p.bad(a.at, "the branch needs %s, which facts does not declare", "add "+group+": {} under facts", ref)
				}
			}
		}
	}
	for _, group := range sortedKeys(t.facts) {
		if !used[group] {
			p.bad(t.facts[group].at, "%s is declared but no line uses it", "take it out of facts", group)
		}
	}
}
