package dialogs

import (
	"strings"
)

// disclosure is which of the four first things were said: that an AI speaks, for which
// brand, what for, and that the call is recorded.
type disclosure uint8

const (
	saidAI disclosure = 1 << iota
	saidBrand
	saidPurpose
	saidRecording
	disclosedAll = saidAI | saidBrand | saidPurpose | saidRecording
)

var disclosureWords = []struct {
	bit   disclosure
	words []string
}{
	{saidAI, []string{"AI", "ai", "人工智能", "智能助手", "机器人", "robot"}},
	{saidPurpose, []string{"回访", "通知", "提醒", "问候", "祝福", "祝您", "邀请", "关怀", "售后", "活动", "生日", "care", "invite", "follow"}},
	{saidRecording, []string{"录音", "record"}},
}

func disclosureOf(text, brand string) disclosure {
	var d disclosure
	if brand != "" && strings.Contains(text, brand) {
		d |= saidBrand
	}
	for _, row := range disclosureWords {
		for _, w := range row.words {
			if strings.Contains(text, w) {
				d |= row.bit
			}
		}
	}
	return d
}

// sensitiveWords are never spoken, whatever the facts say.
var sensitiveWords = []string{"怀孕", "孕妇", "流产", "确诊", "病情", "吃药", "服药", "死亡", "病例", "身份证", "银行卡", "验证码", "密码"}

// widest is the text with the longest facts it can carry.
func (s *speech) widest(t *Tree) string {
	var b strings.Builder
	for _, seg := range s.segs {
		switch {
		case seg.value == nil:
			b.WriteString(seg.fixed)
		case len(seg.value.refs) == 1 && seg.value.refs[0] == "brand":
			b.WriteString(t.brand)
		default:
			width := 0
			for _, ref := range seg.value.refs {
				width += t.factOf(ref).width
			}
			b.WriteString(strings.Repeat("某", width))
		}
	}
	return b.String()
}

// maxSentence is the longest sentence an ear keeps.
const maxSentence = 40

// checkLines looks at the words themselves.
func (p *treeParser) checkLines() {
	t := p.t
	t.eachLine(func(_ *node, l *line) {
		for _, ref := range lineRefs(l) {
			if t.factOf(ref).class == sensitive {
				p.bad(l.at, "%s is sensitive and never used in a call", "leave it out", ref)
			}
		}
		for _, v := range l.variants {
			for _, ref := range v.text.refs {
				if t.factOf(ref).class == unspoken {
					p.bad(l.at, "%s is never spoken", "use it in when, or keep it in a slot", ref)
				}
			}
			p.checkWords(l, v.text.widest(t))
		}
	})
	for _, name := range t.order {
		n := t.nodes[name]
		if n.lines == nil && n.listens() {
			p.bad(n.at, "%s listens without having said anything", "add say:", name)
		}
		groups := [][]*line{n.lines, n.again}
		if n.slot != nil {
			groups = append(groups, n.slot.again)
		}
		for _, k := range n.heardKeys {
			groups = append(groups, n.heard[k].lines)
		}
		if n.silence != nil {
			groups = append(groups, n.silence.lines)
		}
		p.checkSpeakable(groups)
	}
	for _, intent := range sortedKeys(t.everywhere) {
		p.checkSpeakable([][]*line{t.everywhere[intent].lines})
	}
}

func (p *treeParser) checkSpeakable(groups [][]*line) {
	for _, lines := range groups {
		ok := len(lines) == 0
		for _, l := range lines {
			ok = ok || l.always()
		}
		// A line behind an invite may name the member: without one nothing is promised.
		if !ok {
			p.bad(lines[len(lines)-1].at, "when facts are missing there is nothing to say here", "end the list with a line that needs no facts and has no hook")
		}
	}
}

func (p *treeParser) checkWords(l *line, text string) {
	for _, sentence := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("。！？!?；;", r) }) {
		if n := runes(strings.TrimSpace(sentence)); n > maxSentence && hasHan(sentence) {
			p.bad(l.at, "a sentence has %d characters, more than %d", "make two of it", n, maxSentence)
		}
	}
	trimmed := strings.TrimRight(text, " ")
	if i := strings.IndexAny(trimmed, "？?"); i >= 0 && i < len(trimmed)-len("？") && !strings.HasSuffix(trimmed[:i+1], "?") || strings.Count(trimmed, "？")+strings.Count(trimmed, "?") > 1 {
		p.bad(l.at, "a question stands before the end of the line", "ask one thing, and ask it last")
	}
	for _, w := range sensitiveWords {
		if strings.Contains(text, w) {
			p.bad(l.at, "%s is nothing to be said in a call", "leave it out", w)
		}
	}
}
