package dialogs

import (
	"math/bits"
	"slices"
	"strings"
)

// place is what is certain when a path comes to a node. Two paths that know the
// same need not be walked twice.
type place struct {
	node       string
	disclosed  disclosure
	identified bool
	invited    bool
	noted      bool
	asks       int
	personal   uint8 // groups of personal facts that may have been spoken
	hooks      int
}

// personalGroups are counted on every path: two of them are enough for one call.
var personalGroups = []string{"contact", "place", "order", "birthday", "anniversary", "replenish"}

const (
	maxPersonal = 2
	maxHooks    = 1
	maxPlaces   = 50000
)

// checkPaths walks every path a conversation can take, handlers included, and refuses
// what comes too early or too often on one of them.
func (p *treeParser) checkPaths() {
	t := p.t
	seen := map[place]bool{}
	todo := []place{{node: t.start}}
	told := map[string]bool{}
	once := func(at *val, msg, hint string, args ...any) {
		key := at.problem(msg, "").String()
		if !told[key] {
			told[key] = true
			p.bad(at, msg, hint, args...)
		}
	}
	for len(todo) > 0 {
		here := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[here] {
			continue
		}
		if seen[here] = true; len(seen) > maxPlaces {
			once(t.nodes[t.start].at, "the dialog has too many ways to be checked", "make it simpler")
			return
		}
		n := t.nodes[here.node]
		pre := here
		if n.ask {
			if here.asks++; here.asks > t.limits.Asks {
				once(n.at, "a path asks more than %d time(s)", "one call asks once; end the path before, or raise limits: {asks: …}", t.limits.Asks)
				continue
			}
		}
		here.noted = here.noted || n.note != nil && n.note.outcome != "" || n.callback != nil
		beforeRoom := here
		here.invited = here.invited || n.invite != nil
		here = p.speak(n.lines, here, once)
		p.speak(n.again, here, once)
		if n.slot != nil {
			p.speak(n.slot.again, here, once)
		}
		if n.end == "completed" && !here.noted {
			once(n.endAt, "a path ends completed without an outcome", "note one on the way, or end with an outcome")
		}
		for _, e := range n.edges() {
			next := here
			if n.invite != nil && e.at == n.invite.at {
				next = beforeRoom
			}
			next.node = e.to
			next.identified = next.identified || e.identity
			next.noted = next.noted || e.note != nil && e.note.outcome != ""
			todo = append(todo, next)
		}
		if n.listens() {
			for _, k := range n.heardKeys {
				p.speak(n.heard[k].lines, here, once)
			}
			p.speak(n.silence.lines, here, once)
			// An answer may cut in before the line was out: then nothing of it is certain.
			early := here
			early.disclosed = pre.disclosed
			for _, k := range sortedKeys(t.everywhere) {
				r := t.everywhere[k]
				p.speak(r.lines, early, once)
				if r.to != "" {
					next := early
					next.node = r.to
					next.identified = next.identified || r.identity
					next.noted = next.noted || r.note != nil && r.note.outcome != ""
					todo = append(todo, next)
				}
			}
		}
	}
}

// speak judges the alternatives of a say where a path stands and returns where it
// stands after them: what is certain whichever was spoken, what is possible if the worst was.
func (p *treeParser) speak(lines []*line, here place, once func(*val, string, string, ...any)) place {
	if len(lines) == 0 {
		return here
	}
	after := here
	certain := beforePersonal
	hooked := false
	for _, l := range lines {
		hooked = hooked || l.hook != ""
		for _, v := range l.variants {
			d, groups := p.walkText(l, v.text, here, once)
			certain &= d
			after.personal |= groups
		}
	}
	if hooked {
		after.hooks++
	}
	at := lines[0].at
	if bits.OnesCount8(after.personal) > maxPersonal && after.personal != here.personal {
		var names []string
		for i, g := range personalGroups {
			if after.personal&(1<<i) != 0 {
				names = append(names, g)
			}
		}
		once(at, "a path speaks of more than two personal facts: %s", "two are warm, three are creepy", strings.Join(names, ", "))
		after.personal = here.personal
	}
	if after.hooks > maxHooks {
		once(at, "a path has more than one hook", "one occasion is enough for one call")
		after.hooks = maxHooks
	}
	after.disclosed = here.disclosed | certain
	return after
}

// walkText reads one text from left to right: a personal fact may stand in the very
// line that discloses, if it comes behind.
func (p *treeParser) walkText(l *line, s *speech, here place, once func(*val, string, string, ...any)) (disclosure, uint8) {
	said, sofar := here.disclosed, ""
	var groups uint8
	for _, seg := range s.segs {
		if seg.value == nil {
			sofar += seg.fixed
		}
		for _, ref := range segRefs(seg) {
			if ref == "brand" {
				sofar += p.t.brand
				continue
			}
			said |= p.t.disclosureOf(sofar)
			f := p.t.factOf(ref)
			if (f.class == personal || f.class == private) && said != beforePersonal {
				once(l.at, "%s is personal and comes before AI, brand, purpose, recording and a way to refuse were said", "missing: "+missing(said), ref)
			}
			if f.class == private && !here.identified {
				once(l.at, "%s may only be spoken once identity is confirmed", "lead here through {to: node, identity: confirmed}", ref)
			}
			if groupOf(ref) == "member" && !here.invited {
				once(l.at, "%s is only known after an invite", "say it in the node that invites, or behind it", ref)
			}
			if i := slices.Index(personalGroups, groupOf(ref)); i >= 0 {
				groups |= 1 << i
			}
		}
	}
	return said | p.t.disclosureOf(sofar), groups
}

func segRefs(seg segment) []string {
	if seg.value == nil {
		return nil
	}
	return seg.value.refs
}

func missing(said disclosure) string {
	var out []string
	for _, row := range []struct {
		bit  disclosure
		name string
	}{{saidAI, "AI"}, {saidBrand, "brand"}, {saidPurpose, "purpose"}, {saidRecording, "recording"}, {saidRefusal, "a way to refuse"}} {
		if said&row.bit == 0 {
			out = append(out, row.name)
		}
	}
	return strings.Join(out, ", ")
}
