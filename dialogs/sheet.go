package dialogs

import (
	"fmt"
	"slices"
	"strings"
)

// A Sheet is a tree as a table (话术表): one row a line or an answer. Row 1 is the header.
//
//	环节        条件       话术                 客户回答   下一步     标签
//	hello      有称呼…    您好，请问是…吗？                          protected: true
//	                     您好，方便说一句吗？
//	                                           yes       care      identity: confirmed
//	                                           else      bye
//	care                 最近天凉，多保重。                recall
//
// 环节 names a node and stays empty on its further rows; 随时 is everywhere. A row with
// 话术 and no 客户回答 is an alternative of say, spoken under 条件. A row with 客户回答 is
// what follows an answer: 下一步 is a node, 返回 (say and ask again) or 重复. On a node's
// first row 下一步 is where it goes by itself, or 结束:outcome. 标签 holds what else there
// is, one "key: value" a line, as in the file. The settings are a table of two columns.
type Sheet struct {
	Settings [][]string // key, value as in the file
	Rows     [][]string // 环节, 条件, 话术, 客户回答, 下一步, 标签
}

// SheetHeader is the first row of the table.
var SheetHeader = []string{"环节", "条件", "话术", "客户回答", "下一步", "标签"}

// SettingsHeader is the first row of the settings.
var SettingsHeader = []string{"设置", "值"}

const (
	sheetAlways = "随时"
	sheetBack   = "返回"
	sheetAgain  = "重复"
	sheetEnd    = "结束:"
)

// ToSheet writes a source as a table. It needs a source that can be read, not one that
// passes every check.
func ToSheet(file string, src []byte) (*Sheet, error) {
	root, bad := readYAML(file, src)
	if bad != nil {
		return nil, Problems{*bad}
	}
	sh := &Sheet{Settings: [][]string{SettingsHeader}, Rows: [][]string{SheetHeader}}
	for _, kv := range root.pairs {
		switch kv.key.str {
		case "nodes":
			for _, n := range kv.val.pairs {
				sh.node(n.key.str, n.val)
			}
		case "everywhere":
			for i, h := range kv.val.pairs {
				name := ""
				if i == 0 {
					name = sheetAlways
				}
				sh.answer(name, h.key.str, h.val)
			}
		default:
			sh.Settings = append(sh.Settings, []string{kv.key.str, flow(kv.val)})
		}
	}
	return sh, nil
}

func (sh *Sheet) add(cells ...string) { sh.Rows = append(sh.Rows, cells) }

func (sh *Sheet) node(name string, v *val) {
	var says []*val
	var more []string
	next := ""
	for _, kv := range v.pairs {
		switch kv.key.str {
		case "say":
			if says = kv.val.items; kv.val.kind != list {
				says = []*val{kv.val}
			}
		case "go":
			next = kv.val.str
		case "end":
			next = sheetEnd + kv.val.str
		case "heard":
		default:
			more = append(more, kv.key.str+": "+flow(kv.val))
		}
	}
	tags := strings.Join(more, "\n")
	if len(says) == 0 {
		sh.add(name, "", "", "", next, tags)
	}
	for i, s := range says {
		when, text, rest := sayCells(s)
		if i > 0 {
			sh.add("", when, text, "", "", strings.Join(rest, "\n"))
			continue
		}
		if len(rest) > 0 && tags != "" {
			tags = "\n" + tags
		}
		// What belongs to the line comes first, behind "say.".
		for j := range rest {
			rest[j] = "say." + rest[j]
		}
		sh.add(name, when, text, "", next, strings.Join(rest, "\n")+tags)
	}
	for _, h := range v.get("heard").all() {
		sh.answer("", h.key.str, h.val)
	}
}

func (v *val) all() []pair {
	if v == nil {
		return nil
	}
	return v.pairs
}

// sayCells are the condition, the words and what else an alternative has.
func sayCells(v *val) (when, text string, rest []string) {
	if v.kind == scalar {
		return "", v.str, nil
	}
	for _, kv := range v.pairs {
		switch kv.key.str {
		case "when":
			when = kv.val.str
		case "text":
			text = kv.val.str
		case "split":
			var arms []string
			for _, arm := range kv.val.pairs {
				arms = append(arms, arm.key.str+": "+arm.val.str)
			}
			text = strings.Join(arms, "\n")
			rest = append(rest, "split: true")
		default:
			rest = append(rest, kv.key.str+": "+flow(kv.val))
		}
	}
	return when, text, rest
}

func (sh *Sheet) answer(name, intent string, v *val) {
	if v.kind == scalar {
		next := v.str
		if next == "again" {
			next = sheetAgain
		}
		sh.add(name, "", "", intent, next, "")
		return
	}
	text, next := "", ""
	var rest []string
	for _, kv := range v.pairs {
		switch {
		case kv.key.str == "to":
			next = kv.val.str
		case kv.key.str == "then" && kv.val.str == "back":
			next = sheetBack
		case kv.key.str == "say" && kv.val.kind == scalar:
			text = kv.val.str
		default:
			rest = append(rest, kv.key.str+": "+flow(kv.val))
		}
	}
	sh.add(name, "", text, intent, next, strings.Join(rest, "\n"))
}

// flow writes a value on one line, quoted where YAML would read it as something else.
func flow(v *val) string {
	switch v.kind {
	case scalar:
		return scalarText(v.str)
	case list:
		var items []string
		for _, item := range v.items {
			items = append(items, flow(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case mapping:
		var items []string
		for _, kv := range v.pairs {
			items = append(items, scalarText(kv.key.str)+": "+flow(kv.val))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return "{}"
}

// scalarText quotes a text that is not plainly a word.
func scalarText(s string) string {
	plain := s != "" && s == strings.TrimSpace(s) && !strings.ContainsAny(s, ":#{}[],&*!|>'\"%@`\\\n\t?-") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff
		}) &&
		!slices.Contains([]string{"yes", "no", "on", "off", "null", "y", "n", "~"}, strings.ToLower(s))
	if plain {
		return s
	}
	return quoted(s)
}

// A Cell is a place in the tables: "话术!C12" or "设置!B3".
type Cell string

// FromSheet writes a table as a source and says for each of its lines which cell it came
// from, so that what is wrong with the tree can be told by cell. An error names a cell.
func FromSheet(sh *Sheet) (src []byte, cells []Cell, err error) {
	w := &sheetWriter{}
	if err := w.settings(sh.Settings); err != nil {
		return nil, nil, err
	}
	if len(sh.Rows) == 0 || !sameCells(sh.Rows[0], SheetHeader) {
		return nil, nil, fmt.Errorf("话术!A1: the header must be %s", strings.Join(SheetHeader, ", "))
	}
	for i := 1; i < len(sh.Rows); {
		end := i + 1
		for end < len(sh.Rows) && cellOf(sh.Rows[end], 0) == "" {
			end++
		}
		if cellOf(sh.Rows[i], 0) == "" {
			return nil, nil, fmt.Errorf("话术!A%d: the first row names no 环节", i+1)
		}
		if err := w.block(sh.Rows[i:end], i+1); err != nil {
			return nil, nil, err
		}
		i = end
	}
	return []byte(strings.Join(w.source(), "\n") + "\n"), w.where(), nil
}

func sameCells(a, b []string) bool {
	for i := range b {
		if cellOf(a, i) != b[i] {
			return false
		}
	}
	return true
}

func cellOf(row []string, i int) string {
	if i >= len(row) {
		return ""
	}
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(row[i]))
}

// A sheetWriter collects lines of YAML with the cell of each.
type sheetWriter struct {
	top, always, nodes []sheetLine
}

type sheetLine struct {
	text string
	cell Cell
}

func (w *sheetWriter) source() (out []string) {
	for _, l := range w.lines() {
		out = append(out, l.text)
	}
	return out
}

func (w *sheetWriter) where() (out []Cell) {
	for _, l := range w.lines() {
		out = append(out, l.cell)
	}
	return out
}

func (w *sheetWriter) lines() []sheetLine {
	all := append([]sheetLine(nil), w.top...)
	if w.always != nil {
		all = append(all, sheetLine{"everywhere:", "话术!A1"})
		all = append(all, w.always...)
	}
	all = append(all, sheetLine{"nodes:", "话术!A1"})
	return append(all, w.nodes...)
}

func (w *sheetWriter) settings(rows [][]string) error {
	if len(rows) == 0 || !sameCells(rows[0], SettingsHeader) {
		return fmt.Errorf("设置!A1: the header must be %s", strings.Join(SettingsHeader, ", "))
	}
	for i, row := range rows[1:] {
		key, value := cellOf(row, 0), cellOf(row, 1)
		if key == "" && value == "" {
			continue
		}
		if key == "" || !slotName(key) || key == "nodes" || key == "everywhere" {
			return fmt.Errorf("设置!A%d: %q is no setting", i+2, key)
		}
		w.top = append(w.top, sheetLine{key + ": " + strings.ReplaceAll(value, "\n", " "), Cell(fmt.Sprintf("设置!B%d", i+2))})
	}
	return nil
}

// block writes the rows of one node, or of 随时. row is the first's number.
func (w *sheetWriter) block(rows [][]string, row int) error {
	name := cellOf(rows[0], 0)
	at := func(column string, i int) Cell { return Cell(fmt.Sprintf("话术!%s%d", column, row+i)) }
	if name == sheetAlways {
		for i, r := range rows {
			if cellOf(r, 3) == "" {
				return fmt.Errorf("%s: a row of 随时 has no 客户回答", at("D", i))
			}
			w.always = append(w.always, sheetLine{"  " + answerText(r), at("D", i)})
		}
		return nil
	}
	out := []sheetLine{{"  " + scalarText(name) + ":", at("A", 0)}}
	var says, heard []sheetLine
	for i, r := range rows {
		when, text, answer, next, tags := cellOf(r, 1), cellOf(r, 2), cellOf(r, 3), cellOf(r, 4), cellOf(r, 5)
		if answer != "" {
			heard = append(heard, sheetLine{"      " + answerText(r), at("D", i)})
			continue
		}
		var own []string
		for line := range strings.Lines(tags) {
			line = strings.TrimSpace(line)
			if mine, ok := strings.CutPrefix(line, "say."); ok {
				own = append(own, mine)
			} else if i > 0 {
				own = append(own, line)
			} else if line != "" {
				out = append(out, sheetLine{"    " + line, at("F", i)})
			}
		}
		if text != "" {
			says = append(says, sheetLine{"      - " + sayText(when, text, own), at("C", i)})
		}
		switch {
		case next == "":
		case i > 0:
			return fmt.Errorf("%s: 下一步 stands on the first row of 环节 %s or behind a 客户回答", at("E", i), name)
		case strings.HasPrefix(next, sheetEnd):
			out = append(out, sheetLine{"    end: " + scalarText(strings.TrimPrefix(next, sheetEnd)), at("E", i)})
		default:
			out = append(out, sheetLine{"    go: " + scalarText(next), at("E", i)})
		}
	}
	if says != nil {
		out = append(append(out, sheetLine{"    say:", at("C", 0)}), says...)
	}
	if heard != nil {
		out = append(append(out, sheetLine{"    heard:", at("D", 0)}), heard...)
	}
	w.nodes = append(w.nodes, out...)
	return nil
}

func sayText(when, text string, own []string) string {
	var parts []string
	if when != "" {
		parts = append(parts, "when: "+quoted(when))
	}
	split := false
	for _, o := range own {
		if o == "split: true" {
			split = true
			continue
		}
		parts = append(parts, o)
	}
	if split {
		var arms []string
		for line := range strings.Lines(text) {
			arm, words, _ := strings.Cut(strings.TrimSpace(line), ":")
			arms = append(arms, scalarText(arm)+": "+quoted(strings.TrimSpace(words)))
		}
		parts = append(parts, "split: {"+strings.Join(arms, ", ")+"}")
	} else {
		parts = append(parts, "text: "+quoted(text))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func answerText(r []string) string {
	text, next := cellOf(r, 2), cellOf(r, 4)
	var parts []string
	if text != "" {
		parts = append(parts, "say: "+quoted(text))
	}
	switch next {
	case "":
	case sheetBack:
		parts = append(parts, "then: back")
	case sheetAgain:
		return quoted(cellOf(r, 3)) + ": again"
	default:
		parts = append(parts, "to: "+scalarText(next))
	}
	for line := range strings.Lines(cellOf(r, 5)) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	if len(parts) == 1 && strings.HasPrefix(parts[0], "to: ") {
		return quoted(cellOf(r, 3)) + ": " + strings.TrimPrefix(parts[0], "to: ")
	}
	return quoted(cellOf(r, 3)) + ": {" + strings.Join(parts, ", ") + "}"
}

// quoted always quotes; nothing in it ends the line.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}
