package dialogs

import (
	"regexp"
	"strings"
)

// disclosure is which of the first things were said: that an AI speaks, for which brand,
// what for, that the call is recorded, and how to refuse it.
type disclosure uint8

const (
	saidAI disclosure = 1 << iota
	saidBrand
	saidPurpose
	saidRecording
	saidRefusal
	disclosedAll = saidAI | saidBrand | saidPurpose | saidRecording

	// beforePersonal is what must have been said before anything personal is.
	beforePersonal = disclosedAll | saidRefusal
)

var disclosureWords = []struct {
	bit   disclosure
	words []string
}{
	{saidAI, []string{"AI", "ai", "人工智能", "智能助手", "机器人", "robot"}},
	{saidPurpose, []string{"回访", "通知", "提醒", "提个醒", "问候", "问个好", "祝福", "祝您", "邀请", "关怀", "售后", "活动", "生日", "care", "invite", "follow"}},
	{saidRecording, []string{"录音", "record"}},
	{saidRefusal, []string{"不想接", "不想再接", "不想听", "别打", "按九", "按9", "拒绝", "退订"}},
}

// englishDisclosures are whole words: there is an ai in wait and again.
var englishDisclosures = []struct {
	bit   disclosure
	words *regexp.Regexp
}{
	{saidAI, regexp.MustCompile(`(?i)\b(ai|artificial intelligence|automated|virtual) (assistant|voice|caller|agent|call)\b`)},
	{saidPurpose, regexp.MustCompile(`(?i)\b(calling (about|to|with|because)|follow(ing)? up|reminder|invit(e|ing|ation)|check(ing)? in|heads[ -]up|survey|greeting|wish(es)?|offer|news)\b`)},
	{saidRecording, regexp.MustCompile(`(?i)\b(recorded|recording)\b`)},
	{saidRefusal, regexp.MustCompile(`(?i)\b(say "?stop|press (nine|9))\b`)},
}

// disclosureOf finds what a text of a tree discloses.
func (t *Tree) disclosureOf(text string) disclosure {
	var d disclosure
	if t.brand != "" && strings.Contains(text, t.brand) {
		d |= saidBrand
	}
	if t.english() {
		for _, row := range englishDisclosures {
			if row.words.MatchString(text) {
				d |= row.bit
			}
		}
		return d
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

// englishSensitive are the same, and what a caller may not ask for.
var englishSensitive = regexp.MustCompile(`(?i)\b(pregnan\w*|miscarriage|diagnos\w*|medication|infected|infections?|death toll|died|deaths|social security|passport|bank (card|account)|credit card|pass(word|code)|pin code)\b`)

// widest is the text with the longest facts it can carry: an English fact takes a word
// where a Chinese one takes two characters.
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
			if s.english {
				b.WriteString(strings.TrimRight(strings.Repeat("some ", (width+1)/2), " "))
				continue
			}
			b.WriteString(strings.Repeat("某", width))
		}
	}
	return b.String()
}

// maxSentence and maxWords are the longest sentence an ear keeps: Chinese characters,
// English words.
const (
	maxSentence = 40
	maxWords    = 25
)

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
	for _, sentence := range strings.FieldsFunc(text, endsSentence) {
		if n := runes(strings.TrimSpace(sentence)); n > maxSentence && hasHan(sentence) {
			p.bad(l.at, "a sentence has %d characters, more than %d", "make two of it", n, maxSentence)
		}
		if n := len(strings.Fields(sentence)); n > maxWords && p.t.english() {
			p.bad(l.at, "a sentence has %d words, more than %d", "make two of it", n, maxWords)
		}
	}
	questions := strings.Count(text, "？") + strings.Count(text, "?")
	last := strings.TrimRight(text, " ")
	if questions > 1 || questions == 1 && !strings.HasSuffix(last, "？") && !strings.HasSuffix(last, "?") {
		p.bad(l.at, "a question stands before the end of the line", "ask one thing, and ask it last")
	}
	for _, w := range sensitiveWords {
		if strings.Contains(text, w) {
			p.bad(l.at, "%s is nothing to be said in a call", "leave it out", w)
		}
	}
	if w := englishSensitive.FindString(text); w != "" {
		p.bad(l.at, "%s is nothing to be said in a call", "leave it out", w)
	}
}

func endsSentence(r rune) bool { return strings.ContainsRune("。！？.!?；;", r) }

// checkOpening wants an English call, which speaks with an artificial voice, to begin
// with its identity, brand and AI, and to name both ways to stop such calls, the word and
// the key, within two seconds of it: 47 CFR 64.1200(b)(1) and (b)(3).
func (p *treeParser) checkOpening() {
	n := p.t.nodes[p.t.start]
	if !p.t.english() || n == nil {
		return
	}
	for _, l := range n.lines {
		for _, v := range l.variants {
			text := v.text.widest(p.t)
			if first, _, _ := strings.Cut(text, "."); p.t.disclosureOf(first)&(saidAI|saidBrand) != saidAI|saidBrand {
				p.bad(l.at, "the first sentence does not say that an AI calls, and for whom", "begin like: Hi, this is the AI assistant of {{ brand }}.")
			}
			if !stopWord.MatchString(text) || !stopKey.MatchString(text) {
				p.bad(l.at, "the opening does not say how to stop these calls", "say both ways: To stop these calls, say stop or press nine.")
			}
		}
	}
}

var (
	stopWord = regexp.MustCompile(`(?i)\bsay "?stop\b`)
	stopKey  = regexp.MustCompile(`(?i)\bpress (nine|9)\b`)
)
