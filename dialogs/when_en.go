package dialogs

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// englishTimes reads moments out of words, from left to right.
type englishTimes struct {
	in  []string
	at  int
	now time.Time
}

// readEnglishTimes does for English what readTimes does for Chinese.
func readEnglishTimes(in []string, now time.Time) ([]string, time.Time) {
	t := &englishTimes{in: in, now: now}
	out := make([]string, 0, len(in))
	var found time.Time
	clock := false
	for t.at < len(in) {
		from := t.at
		m, ok := t.moment()
		switch {
		case ok && m.past:
			out = append(out, in[from:t.at]...)
		case ok && m.named() && !t.greeting(from):
			out = append(out, "<time>")
			if at := m.resolve(now); !at.IsZero() && (found.IsZero() || m.clock && !clock) {
				found, clock = at, m.clock
			}
		default:
			t.at = from + 1
			out = append(out, in[from])
		}
	}
	return out, found
}

// greeting says that what was read belongs to good morning, or is the day of not today.
func (t *englishTimes) greeting(from int) bool {
	return from > 0 && (t.in[from-1] == "good" || t.in[from-1] == "the")
}

// take moves on over one of the words, and says which.
func (t *englishTimes) take(words ...string) string {
	if t.at < len(t.in) && slices.Contains(words, t.in[t.at]) {
		t.at++
		return t.in[t.at-1]
	}
	return ""
}

// phrase moves on over words that stand here in a row.
func (t *englishTimes) phrase(s string) bool {
	at := t.at
	for w := range strings.FieldsSeq(s) {
		if at >= len(t.in) || t.in[at] != w {
			return false
		}
		at++
	}
	t.at = at
	return true
}

func (t *englishTimes) moment() (naming, bool) {
	from := t.at
	if m, ok := t.duration(); ok {
		return m, true
	}
	t.at = from
	var m naming
	for range 4 { // friday at three in the afternoon, at three on friday
		before := t.at
		t.take("at", "on", "in", "around", "about", "by", "after", "before", "this", "sometime")
		t.take("the", "about", "around")
		t.day(&m)
		t.part(&m)
		t.clock(&m, before)
		t.part(&m)
		if t.at == before || !m.named() && !m.past {
			t.at = before
			break
		}
		if last := t.in[t.at-1]; slices.Contains([]string{"at", "on", "in", "around", "about", "by", "after", "before", "this", "sometime", "the"}, last) {
			t.at = before
			break
		}
	}
	return m, t.at > from && (m.named() || m.past)
}

var englishDays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (t *englishTimes) day(m *naming) {
	switch {
	case t.phrase("yesterday"), t.phrase("last week"), t.phrase("last month"), t.phrase("last night"), t.phrase("ago"):
		m.past = true
	case t.phrase("day after tomorrow"):
		m.day, m.ahead = true, 2
	case t.take("tomorrow", "tmrw") != "":
		m.day, m.ahead = true, 1
	case t.phrase("next week"):
		m.day, m.ahead = true, weekdayAhead(t.now, time.Monday, 1)
	case t.phrase("next month"):
		m.date = time.Date(t.now.Year(), t.now.Month()+1, 1, 0, 0, 0, 0, t.now.Location())
	case t.phrase("end of the month"), t.phrase("end of month"):
		m.date = monthEnd(t.now)
	case t.take("tonight") != "":
		m.part = evening
	case t.take("weekend") != "":
		m.day, m.ahead = true, weekdayAhead(t.now, time.Saturday, 0)
	default:
		t.weekday(m)
	}
}

func (t *englishTimes) weekday(m *naming) {
	from, weeks := t.at, 0
	if t.take("next") != "" {
		weeks = 1
	} else if t.take("last") != "" {
		m.past = t.at < len(t.in) && slices.Contains(englishDays, t.in[t.at])
	}
	if t.at < len(t.in) {
		name := strings.TrimSuffix(t.in[t.at], "s")
		if want := slices.Index(englishDays, name); want >= 0 {
			t.at++
			m.day, m.ahead = true, weekdayAhead(t.now, time.Weekday(want), weeks)
			return
		}
		if weeks == 1 && name == "weekend" {
			t.at++
			m.day, m.ahead = true, weekdayAhead(t.now, time.Saturday, 1)
			return
		}
	}
	t.at = from
}

func (t *englishTimes) part(m *naming) {
	switch t.take("morning", "noon", "midday", "lunchtime", "afternoon", "evening", "night") {
	case "morning":
		m.part = morning
	case "noon", "midday", "lunchtime":
		m.part = noon
	case "afternoon":
		m.part = afternoon
	case "evening", "night":
		m.part = evening
	default:
		if t.at > 0 && t.in[t.at-1] == "after" && t.take("work") != "" && !m.clock {
			m.part = afterWork
		}
	}
}

// clock reads three, 3 pm, 15:30, half past four, quarter to five, ten thirty. A bare number
// is a time only behind at, after, around or by, or behind a day.
func (t *englishTimes) clock(m *naming, from int) {
	at := t.at
	shift, half := 0, false
	switch {
	case t.phrase("half past"), t.phrase("half"):
		shift, half = 30, true
	case t.phrase("quarter past"), t.phrase("a quarter past"):
		shift, half = 15, true
	case t.phrase("quarter to"), t.phrase("a quarter to"):
		shift, half = -15, true
	}
	h, minute, ok := t.hour()
	if !ok || h > 24 {
		t.at = at
		return
	}
	sure := half || minute >= 0 || m.day || m.part != noPart || !m.date.IsZero() || from < at && slices.Contains([]string{"at", "after", "around", "about", "by", "before"}, t.in[at-1])
	if minute < 0 {
		minute = t.minute()
	}
	if t.at+2 < len(t.in) && slices.Contains([]string{"morning", "afternoon", "evening"}, t.in[t.at+2]) {
		t.phrase("in the")
	}
	suffix := t.take("am", "a.m", "pm", "p.m", "oclock")
	if !sure && suffix == "" {
		t.at = at
		return
	}
	m.clock, m.hour, m.min = true, h, max(minute, 0)+shift
	if m.min < 0 {
		m.hour, m.min = m.hour-1, m.min+60
	}
	switch {
	case strings.HasPrefix(suffix, "p") && m.hour < 12:
		m.hour += 12
	case strings.HasPrefix(suffix, "a") && m.hour == 12:
		m.hour = 0
	}
	m.exactPM = h > 12 || suffix != "" && suffix != "oclock"
}

// hour reads 3, three, 3:30 and 3pm.
func (t *englishTimes) hour() (hour, minute int, ok bool) {
	if t.at >= len(t.in) {
		return 0, 0, false
	}
	w := t.in[t.at]
	for _, suffix := range []string{"am", "pm"} {
		if base, cut := strings.CutSuffix(w, suffix); cut && base != "" && base[0] <= '9' {
			t.in = slices.Clone(t.in)
			t.in[t.at] = suffix
			if h, m, clock := colon(base); clock {
				return h, m, true
			}
			n, err := strconv.Atoi(base)
			return n, 0, err == nil
		}
	}
	if h, m, clock := colon(w); clock {
		t.at++
		return h, m, true
	}
	n, used := readEnglishNumber(t.in[t.at:])
	if used == 0 || n > 24 {
		return 0, 0, false
	}
	t.at += used
	return n, -1, true
}

func colon(w string) (hour, minute int, ok bool) {
	a, b, found := strings.Cut(strings.ReplaceAll(w, ".", ":"), ":")
	if !found {
		return 0, 0, false
	}
	h, err := strconv.Atoi(a)
	m, err2 := strconv.Atoi(b)
	return h, m, err == nil && err2 == nil && h <= 24 && m < 60
}

// minute reads the thirty of ten thirty.
func (t *englishTimes) minute() int {
	n, used := readEnglishNumber(t.in[t.at:])
	if used == 0 || n < 10 || n > 59 {
		return 0
	}
	t.at += used
	return n
}

// duration reads in two hours, in half an hour, in an hour and a half, give me ten minutes,
// two days from now.
func (t *englishTimes) duration() (naming, bool) {
	first := t.at == 0
	lead := t.take("in", "within", "after", "another") != "" || t.phrase("give me") || t.phrase("wait")
	t.take("about", "like", "another", "maybe")
	half, n := false, 1
	switch {
	case t.phrase("half an"), t.phrase("half a"), t.phrase("a half"):
		half, n = true, 0
	case t.phrase("a couple of"), t.phrase("a couple"), t.phrase("couple of"), t.phrase("couple"):
		n = 2
	case t.phrase("a minute"), t.phrase("a min"): // a while
		return naming{}, false
	case t.phrase("an"), t.phrase("a"):
	default:
		v, used := readEnglishNumber(t.in[t.at:])
		if used == 0 || v > 90 {
			return naming{}, false
		}
		n = v
		t.at += used
		half = t.phrase("and a half")
	}
	var size time.Duration
	switch t.take("hour", "hours", "minute", "minutes", "mins", "min", "day", "days", "week", "weeks", "month", "months") {
	case "hour", "hours":
		size = time.Hour
	case "minute", "minutes", "mins", "min":
		size = time.Minute
	case "day", "days":
		size = 24 * time.Hour
	case "week", "weeks":
		size = 7 * 24 * time.Hour
	case "month", "months":
		size = 30 * 24 * time.Hour
	default:
		return naming{}, false
	}
	half = t.phrase("and a half") || half
	d := time.Duration(n) * size
	if half {
		d += size / 2
	}
	trail := t.phrase("from now") || t.phrase("later")
	alone := first && (t.at == len(t.in) || t.in[t.at] == "please")
	if !lead && !trail && !alone || d == 0 || t.take("ago") != "" {
		return naming{}, false
	}
	return naming{hasDuration: true, after: d}, true
}
