package dialogs

import (
	"slices"
	"strings"
	"time"
)

// chineseTimes reads moments out of a sentence, from left to right.
type chineseTimes struct {
	in  []rune
	at  int
	now time.Time
}

// readTimes finds the time a person named and puts a mark in the place of every time. Of
// several the first counts that is not at once turned down (下午不行，明天吧), or the first
// with a clock time.
func readTimes(in []rune, now time.Time) ([]rune, time.Time) {
	if !slices.ContainsFunc(in, func(r rune) bool { return timeWords[r] }) {
		return in, time.Time{}
	}
	t := &chineseTimes{in: in, now: now}
	out := make([]rune, 0, len(in))
	var found time.Time
	clock := false
	for t.at < len(in) {
		from := t.at
		m, ok := t.moment()
		if !ok || t.greeting() {
			t.at = from + 1
			out = append(out, in[from])
			continue
		}
		if !m.named() {
			out = append(out, in[from:t.at]...)
			continue
		}
		out = append(out, rune(tokTime))
		if at := m.resolve(now); !at.IsZero() && !t.turnedDown() && (found.IsZero() || m.clock && !clock) {
			found, clock = at, m.clock
		}
	}
	return out, found
}

// timeWords begin or belong to every time; without one there is nothing to look for.
var timeWords = runeSet("天明后晚早午周期礼末月号点时刻钟分夜晨傍班:日")

// greeting says that what was read is the beginning of 早上好.
func (t *chineseTimes) greeting() bool {
	return t.at < len(t.in) && t.in[t.at] == '好' && !t.looking("好吗", "好不", "好了")
}

func (t *chineseTimes) turnedDown() bool {
	rest := t.in[t.at:min(t.at+3, len(t.in))]
	for i, r := range rest {
		if r == rune(tokPause) {
			return false
		}
		if r == '没' || r == '忙' || r == '不' && !(i+1 < len(rest) && (rest[i+1] == '忙' || rest[i+1] == '上')) && !strings.HasPrefix(string(rest[:i]), "行") && !strings.HasPrefix(string(rest[:i]), "可以") {
			return true
		}
	}
	return false
}

// take moves on over the first of the words that stands here.
func (t *chineseTimes) take(words ...string) string {
	for _, w := range words {
		if t.looking(w) {
			t.at += runes(w)
			return w
		}
	}
	return ""
}

func (t *chineseTimes) looking(words ...string) bool {
	for _, w := range words {
		i := t.at
		fits := true
		for _, r := range w {
			if i >= len(t.in) || t.in[i] != r {
				fits = false
				break
			}
			i++
		}
		if fits {
			return true
		}
	}
	return false
}

// moment reads one time, or leaves the place as it was.
func (t *chineseTimes) moment() (naming, bool) {
	from := t.at
	if m, ok := t.duration(); ok {
		return m, true
	}
	t.at = from
	var m naming
	t.day(&m)
	t.take("的", "个")
	t.part(&m)
	t.take("的")
	if t.take("这个时候", "这个点", "这时候", "这个时间") != "" && m.day {
		m.sameTime = true
	}
	t.clock(&m)
	if !m.named() && !m.past || t.at == from {
		t.at = from
		return naming{}, false
	}
	if t.in[t.at-1] == '的' {
		t.at--
	}
	if t.at == from {
		return naming{}, false
	}
	t.take("以后", "之后", "之前", "以前", "左右", "过后", "后")
	return m, true
}

func (t *chineseTimes) day(m *naming) {
	from := t.at
	switch w := t.take("大后天", "后天", "后儿个", "后儿", "明儿个", "明儿", "明天", "明日", "明早", "明晚", "今早", "今晚", "今儿个", "今儿", "今天", "今日", "大前天", "前天", "昨天", "昨儿", "昨晚", "前几天", "上周", "上个月", "上星期", "上礼拜", "去年", "刚才", "刚刚"); w {
	case "":
		t.week(m)
	case "大后天":
		m.day, m.ahead = true, 3
	case "后天", "后儿个", "后儿":
		m.day, m.ahead = true, 2
	case "明儿个", "明儿", "明天", "明日", "明早", "明晚":
		m.day, m.ahead = true, 1
	case "今早", "今晚", "今儿个", "今儿", "今天", "今日":
	default:
		m.past = true
	}
	if t.at > from && m.part == noPart {
		switch t.in[t.at-1] {
		case '早':
			m.part = morning
		case '晚':
			m.part = evening
		}
	}
}

// weekdays as they are counted; 天 and 日 are Sunday.
const weekdays = "日一二三四五六"

func (t *chineseTimes) week(m *naming) {
	from := t.at
	next := t.take("下下个", "下下", "下个", "下", "这个", "这", "本")
	weeks := strings.Count(next, "下")
	switch unit := t.take("周", "星期", "礼拜", "月", "月份"); {
	case unit == "":
		t.at = from
		if t.take("周末") == "" {
			t.date(m)
		}
	case unit == "月" || unit == "月份":
		t.month(m, weeks, from)
	case t.take("末") != "":
		m.day, m.ahead = true, weekdayAhead(t.now, time.Saturday, weeks)
	case t.at < len(t.in) && strings.ContainsRune("一二三四五六日天", t.in[t.at]):
		day := strings.IndexRune(weekdays, t.in[t.at]) / len("日")
		t.at++
		m.day, m.ahead = true, weekdayAhead(t.now, time.Weekday(max(day, 0)), weeks)
	case weeks > 0:
		m.day, m.ahead = true, weekdayAhead(t.now, time.Monday, weeks)
	default:
		t.at = from
	}
}

// month reads what follows 下个月 and 这个月.
func (t *chineseTimes) month(m *naming, months, from int) {
	if months == 0 && !t.looking("底", "末") {
		t.at = from
		t.date(m)
		return
	}
	first := time.Date(t.now.Year(), t.now.Month()+time.Month(months), 1, 0, 0, 0, 0, t.now.Location())
	m.date = first
	if t.take("底", "末") != "" {
		if m.date = first.AddDate(0, 1, -1); months == 0 {
			m.date = monthEnd(t.now)
		}
		return
	}
	t.take("初")
	if n, ok := t.number(); ok && n >= 1 && n <= 31 && t.take("号", "日") != "" {
		m.date = first.AddDate(0, 0, n-1)
	}
}

// date reads 月底, 28号 and 12月3号.
func (t *chineseTimes) date(m *naming) {
	if t.take("月底", "月末") != "" {
		m.date = monthEnd(t.now)
		return
	}
	from := t.at
	n, ok := t.number()
	if !ok {
		return
	}
	month := 0
	if n >= 1 && n <= 12 && t.take("月份", "月") != "" {
		if month = n; t.take("底", "末") != "" {
			m.date = dayOfMonth(t.now, time.Month(month), 28)
			return
		}
		if n, ok = t.number(); !ok {
			t.at = from
			return
		}
	}
	if t.take("号", "日") == "" || t.looking("线", "楼", "店", "码") {
		t.at = from
		return
	}
	if m.date = dayOfMonth(t.now, time.Month(month), n); m.date.IsZero() {
		t.at = from
	}
}

func (t *chineseTimes) part(m *naming) {
	switch t.take("凌晨", "半夜", "早上", "早晨", "清早", "一大早", "上午", "中午", "午后", "下午", "傍晚", "晚上", "晚间", "夜里", "下班以后", "下班之后", "下班后", "下了班", "下班", "晚饭后", "午饭后") {
	case "凌晨", "半夜":
		m.part = night
	case "早上", "早晨", "清早", "一大早", "上午":
		m.part = morning
	case "中午":
		m.part = noon
	case "午后", "下午":
		m.part = afternoon
	case "午饭后":
		m.part = afternoon
	case "傍晚":
		m.part = dusk
	case "晚上", "晚间", "夜里", "晚饭后":
		m.part = evening
	case "下班以后", "下班之后", "下班后", "下了班", "下班":
		m.part = afterWork
	}
}

// clock reads 三点, 八点半, 两点一刻, 七点四十, 15:30.
func (t *chineseTimes) clock(m *naming) {
	from := t.at
	bare := m.part == noPart && !m.day && m.date.IsZero()
	h, ok := t.number()
	if !ok || h > 24 {
		t.at = from
		return
	}
	one := t.at == from+1 && (t.in[from] == '一' || t.in[from] == '两')
	word := t.take("点钟", "点整", "点", "时", ":")
	if word == "" || word == "时" && bare || t.looking("几", "儿", "事", "意", "要", "心", "问") {
		t.at = from
		return
	}
	if bare && one && word == "点" && t.in[from] == '一' && !t.looking("半", "再", "钟", "打", "以", "之", "左", "多", "吧", "给", "有") {
		t.at = from // 晚一点, 便宜一点
		return
	}
	if from > 0 && bare && strings.ContainsRune("晚早快慢大小多少好便宜有", t.in[from-1]) && one {
		t.at = from
		return
	}
	m.clock, m.hour, m.exactPM = true, h, h > 12
	switch {
	case t.take("半") != "":
		m.min = 30
	case t.take("一刻") != "":
		m.min = 15
	case t.take("三刻") != "":
		m.min = 45
	default:
		at := t.at
		if n, ok := t.number(); ok && n < 60 && (t.at > at+1 || t.looking("分") || n >= 10) && !t.looking("个", "点", "号") {
			m.min = n
			t.take("分")
		} else {
			t.at = at
		}
	}
	t.take("多", "来钟")
}

// number reads a number up to 99.
func (t *chineseTimes) number() (int, bool) {
	from := t.at
	for t.at < len(t.in) && t.at-from < 4 && (numeral(t.in[t.at]) >= 0 || t.in[t.at] == '十') {
		t.at++
	}
	if t.at == from {
		return 0, false
	}
	n, ok := readNumber(t.in[from:t.at])
	if !ok || n > 99 {
		t.at = from
		return 0, false
	}
	return n, true
}

// duration reads 过两个小时, 半小时后, 等十分钟, 一个半小时之后. Without a word before or
// behind it a length of time is no time to call.
func (t *chineseTimes) duration() (naming, bool) {
	lead := t.take("再过", "再等", "过", "等", "隔")
	t.take("个")
	half, n := false, 0
	switch {
	case t.take("半") != "":
		half = true
	case lead != "" && t.looking("把小时", "把钟头"):
		t.take("把")
		n = 1
	case t.take("一两", "两三") != "":
		n = 2
	case t.take("三四十", "三四个") != "":
		if n = 4; t.in[t.at-1] == '十' {
			n = 40
		}
	default:
		var ok bool
		if n, ok = t.number(); !ok {
			return naming{}, false
		}
	}
	t.take("来", "多", "几")
	t.take("个")
	half = t.take("半") != "" || half
	unit, size := t.take("小时", "钟头", "分钟", "刻钟", "天", "星期", "礼拜", "周", "月"), time.Duration(0)
	switch unit {
	case "小时", "钟头":
		size = time.Hour
	case "分钟":
		size = time.Minute
	case "刻钟":
		size = 15 * time.Minute
	case "天":
		size = 24 * time.Hour
	case "星期", "礼拜", "周":
		size = 7 * 24 * time.Hour
	case "月":
		size = 30 * 24 * time.Hour
	default:
		return naming{}, false
	}
	d := time.Duration(n) * size
	if t.take("半") != "" || half {
		d += size / 2
	}
	trail := t.take("之后", "以后", "过后", "后", "左右", "再")
	if trail == "再" {
		t.at--
	}
	if lead == "" && trail == "" && !(unit != "天" && t.looking("打", "吧", "给")) || d == 0 {
		return naming{}, false
	}
	return naming{hasDuration: true, after: d}, true
}
