package dialogs

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
)

// An Edge of a tree's picture: from a node to a node, and what leads there. To is
// "back" for an answer after which the node asks again.
type Edge struct{ From, To, Label string }

// Edges lists the ways between nodes in reading order; those that lead from any node
// (everywhere) have From "*".
func (t *Tree) Edges() []Edge {
	var out []Edge
	for _, name := range t.order {
		n := t.nodes[name]
		add := func(to, label string) { out = append(out, Edge{name, to, label}) }
		if n.next != "" {
			add(n.next, "")
		}
		for _, k := range n.heardKeys {
			if r := n.heard[k]; r.to != "" {
				add(r.to, k)
			}
		}
		if n.slot != nil {
			add(n.slot.then, n.slot.describe())
			if n.heard["else"] == nil || n.heard["else"].to != n.slot.orElse {
				add(n.slot.orElse, "no "+n.slot.name)
			}
		}
		for _, a := range n.branch {
			label := "else"
			if a.when != nil {
				label = a.when.String()
			}
			add(a.to, label)
		}
		if n.listens() && n.silence != nil {
			add(n.silence.then, "silence")
		}
		if n.invite != nil {
			add(n.invite.noRoom, "no room")
		}
		if n.transfer != nil {
			add(n.transfer.orElse, "nobody free")
		}
	}
	for _, k := range sortedKeys(t.everywhere) {
		r := t.everywhere[k]
		to := r.to
		if to == "" {
			to = "back"
		}
		out = append(out, Edge{"*", to, k})
	}
	return out
}

// String is the condition as it was written, or nearly so.
func (c *cond) String() string {
	switch {
	case c == nil:
		return ""
	case c.leaf != nil:
		return c.leaf.src
	case c.op == "!":
		return "!(" + c.kids[0].String() + ")"
	}
	return c.kids[0].String() + " " + c.op + " " + c.kids[1].String()
}

// caption is what a node says first, and what it does.
func (n *node) caption() (says string, does []string) {
	if len(n.lines) > 0 {
		says = n.lines[len(n.lines)-1].variants[0].text.src // the plainest, which always works
	}
	for _, d := range []struct {
		is   bool
		what string
	}{
		{n.ask, "ask"}, {n.invite != nil, "invite"}, {n.send != "", "send"}, {n.callback != nil, "callback"},
		{n.optOut != nil, "opt_out"}, {n.transfer != nil, "transfer"}, {n.end != "", "end: " + n.end}, {n.protected, "protected"},
	} {
		if d.is {
			does = append(does, d.what)
		}
	}
	return says, does
}

// Mermaid draws the tree as a flow chart for pages that render it.
func (t *Tree) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for _, name := range t.order {
		says, does := t.nodes[name].caption()
		text := name
		if says != "" {
			text += "<br/>" + short(says, 24)
		}
		if does != nil {
			text += "<br/><i>" + strings.Join(does, ", ") + "</i>"
		}
		open, shut := "[", "]"
		if t.nodes[name].end != "" {
			open, shut = "([", "])"
		}
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", mermaidID(name), open, mermaidText(text), shut)
	}
	b.WriteString("  everywhere{{\"everywhere\"}}\n")
	for _, e := range t.Edges() {
		from := mermaidID(e.From)
		arrow := "-->"
		if e.From == "*" {
			from, arrow = "everywhere", "-.->"
		}
		if e.To == "back" {
			continue
		}
		if e.Label != "" {
			arrow += "|\"" + mermaidText(short(e.Label, 40)) + "\"|"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", from, arrow, mermaidID(e.To))
	}
	return b.String()
}

func mermaidID(name string) string {
	return "n_" + strings.Map(func(r rune) rune {
		if r < 0x80 && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return '_'
		}
		return r
	}, name)
}

func mermaidText(s string) string {
	return strings.NewReplacer(`"`, "#quot;", "<br/>", "<br/>", "<i>", "<i>", "</i>", "</i>", "&", "#amp;", "<", "#lt;", ">", "#gt;").Replace(s)
}

// short cuts a text to so many characters.
func short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// Sizes of the picture, in pixels.
const (
	boxWide, boxHigh = 216, 78
	gapWide, gapHigh = 44, 96
	margin           = 32
)

// SVG draws the tree: nodes in layers by how soon they may be reached, the handlers of
// everywhere in a list beside them. It has no scripts and needs no fonts of its own.
func (t *Tree) SVG() string {
	layers, at := t.layers()
	wide, high := 0, 0
	for _, layer := range layers {
		wide = max(wide, len(layer))
	}
	sheet := margin*2 + wide*boxWide + (wide-1)*gapWide
	high = margin*2 + len(layers)*boxHigh + (len(layers)-1)*gapHigh + 34
	var handlers []Edge
	for _, e := range t.Edges() {
		if e.From == "*" {
			handlers = append(handlers, e)
		}
	}
	panel := 250
	high = max(high, margin*2+60+18*len(handlers))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, 'Noto Sans CJK SC', 'WenQuanYi Micro Hei', sans-serif" font-size="12">`+"\n", sheet+panel, high, sheet+panel, high)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fbfaf7"/>`+"\n", html.EscapeString(t.name))
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15" font-weight="600">%s</text><text x="%d" y="24" fill="#6b7280" text-anchor="end">%s, %s</text>`+"\n",
		margin, html.EscapeString(t.name), sheet+panel-margin, html.EscapeString(t.brand), t.purpose)
	t.drawEdges(&b, at)
	for _, name := range t.order {
		t.drawNode(&b, name, at[name])
	}
	t.drawHandlers(&b, handlers, sheet)
	b.WriteString("</svg>\n")
	return b.String()
}

type spot struct{ x, y, layer int }

// layers puts each node below all that lead to it, ways back aside; nodes reached
// only through everywhere come in rows of their own behind them.
func (t *Tree) layers() (layers [][]string, at map[string]spot) {
	edges := map[string][]string{}
	for _, e := range t.Edges() {
		if e.From != "*" && e.To != "back" {
			edges[e.From] = append(edges[e.From], e.To)
		}
	}
	depth := map[string]int{}
	deepen(t.start, 0, edges, depth, map[string]bool{})
	bottom := 0
	for _, d := range depth {
		bottom = max(bottom, d)
	}
	layers = make([][]string, bottom+1)
	var aside []string
	for _, name := range t.order {
		if d, reached := depth[name]; reached {
			layers[d] = append(layers[d], name)
		} else {
			aside = append(aside, name)
		}
	}
	t.untangle(layers, edges)
	layers = append(layers, slices.Collect(slices.Chunk(aside, asideWide))...)
	at = map[string]spot{}
	widest := 0
	for _, l := range layers {
		widest = max(widest, len(l))
	}
	for i, l := range layers {
		indent := (widest - len(l)) * (boxWide + gapWide) / 2
		for j, name := range l {
			at[name] = spot{margin + indent + j*(boxWide+gapWide), margin + 24 + i*(boxHigh+gapHigh), i}
		}
	}
	return layers, at
}

// asideWide is how many nodes stand in one row of those reached through everywhere.
const asideWide = 6

// deepen moves a node below the one it was come from, and all behind it; a way back
// to a node of the path walked does not count. Trees are small.
func deepen(name string, d int, edges map[string][]string, depth map[string]int, path map[string]bool) {
	if old, seen := depth[name]; seen && old >= d {
		return
	}
	depth[name] = d
	path[name] = true
	for _, to := range edges[name] {
		if !path[to] {
			deepen(to, d+1, edges, depth, path)
		}
	}
	delete(path, name)
}

// untangle orders each layer by where the nodes above it stand (barycentres).
func (t *Tree) untangle(layers [][]string, edges map[string][]string) {
	for i := 1; i < len(layers); i++ {
		place := map[string]float64{}
		count := map[string]float64{}
		for j, name := range layers[i-1] {
			for _, to := range edges[name] {
				place[to] += float64(j) / float64(len(layers[i-1]))
				count[to]++
			}
		}
		slices.SortStableFunc(layers[i], func(a, b string) int {
			return cmp.Compare(place[a]/max(count[a], 1), place[b]/max(count[b], 1))
		})
	}
}

func (t *Tree) drawNode(b *strings.Builder, name string, s spot) {
	n := t.nodes[name]
	says, does := n.caption()
	fill, line, round := "#ffffff", "#c9c4b8", 8
	switch {
	case name == t.start:
		fill, line = "#e7f1ff", "#6b9bd8"
	case n.ask || n.invite != nil:
		fill, line = "#fff3dc", "#dba94a"
	case n.optOut != nil:
		fill, line = "#fde8e6", "#d0736b"
	case n.end != "":
		fill, round = "#f0efea", boxHigh/2
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="%d" fill="%s" stroke="%s"/>`, s.x, s.y, boxWide, boxHigh, round, fill, line)
	mid := s.x + boxWide/2
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" font-weight="600">%s</text>`, mid, s.y+20, html.EscapeString(name))
	for i, row := range rows(says, 16, 2) {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#374151">%s</text>`, mid, s.y+37+15*i, html.EscapeString(row))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#92660b" font-size="11">%s</text>`+"\n", mid, s.y+boxHigh-8, html.EscapeString(strings.Join(does, " · ")))
}

// rows breaks a text into lines of some Chinese characters' width; letters take half.
func rows(s string, wide, most int) (out []string) {
	line, width := "", 0
	for _, r := range s {
		w := 2
		if r < 0x2000 {
			w = 1
		}
		if width+w > 2*wide {
			out = append(out, line)
			line, width = "", 0
		}
		line += string(r)
		width += w
	}
	if line != "" {
		out = append(out, line)
	}
	if len(out) > most {
		out = out[:most]
		out[most-1] += "…"
	}
	return out
}

// drawEdges draws downward ways as curves between layers, others around the side.
// Ways between the same two nodes share a line and list what leads along it.
func (t *Tree) drawEdges(b *strings.Builder, at map[string]spot) {
	type pair struct{ from, to string }
	labels := map[pair][]string{}
	var order []pair
	for _, e := range t.Edges() {
		if e.From == "*" || e.To == "back" {
			continue
		}
		p := pair{e.From, e.To}
		if _, seen := labels[p]; !seen {
			order = append(order, p)
			labels[p] = nil
		}
		if e.Label != "" {
			labels[p] = append(labels[p], e.Label)
		}
	}
	leaving := map[string]int{}
	for _, p := range order {
		from, to := at[p.from], at[p.to]
		nth := leaving[p.from]
		leaving[p.from]++
		x1, y1 := from.x+boxWide/2+(nth%5-2)*22, from.y+boxHigh
		x2, y2 := to.x+boxWide/2, to.y
		if to.layer <= from.layer { // back up, or across: leave and enter at the sides
			x1, y1 = from.x+boxWide, from.y+boxHigh/2
			x2, y2 = to.x+boxWide, to.y+boxHigh/2
			bend := max(x1, x2) + 28 + 6*nth
			fmt.Fprintf(b, `<path d="M%d %dC%d %d %d %d %d %d" fill="none" stroke="#9ca3af" stroke-dasharray="4 3" marker-end="url(#tip)"/>`, x1, y1, bend, y1, bend, y2, x2, y2)
			t.drawLabel(b, bend-10, (y1+y2)/2, labels[p])
			continue
		}
		fmt.Fprintf(b, `<path d="M%d %dC%d %d %d %d %d %d" fill="none" stroke="#6b7280" marker-end="url(#tip)"/>`, x1, y1, x1, y1+gapHigh*2/3, x2, y2-gapHigh*2/3, x2, y2)
		t.drawLabel(b, x1+(x2-x1)*3/10, y1+18+13*(nth%4), labels[p])
	}
}

func (t *Tree) drawLabel(b *strings.Builder, x, y int, labels []string) {
	if len(labels) == 0 {
		return
	}
	text := short(strings.Join(labels, " / "), 34)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" font-size="11" fill="#1f4f8f" paint-order="stroke" stroke="#fbfaf7" stroke-width="4">%s</text>`+"\n", x, y, html.EscapeString(text))
}

func (t *Tree) drawHandlers(b *strings.Builder, handlers []Edge, x int) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600">everywhere</text>`+"\n", x, margin+24)
	for i, e := range handlers {
		mark := ""
		if t.everywhere[e.Label].cutsIn {
			mark = "!"
		}
		to := e.To
		if to == "back" {
			to = "answers, then back"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d"><tspan fill="#1f4f8f">%s%s</tspan> → %s</text>`+"\n", x, margin+46+18*i, html.EscapeString(e.Label), mark, html.EscapeString(to))
	}
}
