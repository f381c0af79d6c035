package dialogs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// filters turn a fact into what a person would say, in Chinese; a tree in English has
// englishFilters. Each passes on texts it has nothing to add to, and refuses a value it
// cannot say.
var filters = map[string]func(any, time.Time) (any, bool){
	"temperature": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok {
			return v, isText(v)
		}
		n := int(math.Round(f))
		if n < 0 {
			return "零下" + spokenInt(-n) + "度", true
		}
		return spokenInt(n) + "度", true
	},
	"date": func(v any, _ time.Time) (any, bool) {
		at, ok := v.(time.Time)
		if !ok {
			return v, isText(v)
		}
		return spokenInt(int(at.Month())) + "月" + spokenInt(at.Day()) + "号", true
	},
	"money": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok || f < 0 || f > 1e8 {
			return nil, false
		}
		fen := int(math.Round(f * 100))
		s := spokenInt(fen/100) + "元"
		if jiao := fen / 10 % 10; jiao > 0 {
			s += spokenInt(jiao) + "角"
		} else if fen%10 > 0 {
			s += "零"
		}
		if fen%10 > 0 {
			s += spokenInt(fen%10) + "分"
		}
		return s, true
	},
	"phone": func(v any, _ time.Time) (any, bool) {
		s := strings.TrimPrefix(plainText(v, time.Time{}), "+86")
		var b strings.Builder
		for i, r := range s {
			if r < '0' || r > '9' {
				return nil, false
			}
			if len(s) == 11 && (i == 3 || i == 7) {
				b.WriteString("，")
			}
			b.WriteString([]string{"零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"}[r-'0'])
		}
		return b.String(), b.Len() > 0
	},
	"count": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok {
			return v, isText(v)
		}
		if f == 2 {
			return "两", true // 两天, and not 二天
		}
		return spokenNumber(f), true
	},
	"spoken": func(v any, now time.Time) (any, bool) {
		switch v := v.(type) {
		case time.Time:
			return spokenTime(v, now), true
		case float64:
			return spokenNumber(v), true
		}
		return v, isText(v)
	},
}

func isText(v any) bool { _, ok := v.(string); return ok }

// plainText says a value nobody filtered.
func plainText(v any, now time.Time) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return spokenNumber(v)
	case int:
		return spokenInt(v)
	case time.Time:
		return spokenTime(v, now)
	}
	return ""
}

const digits = "零一二三四五六七八九"

func digit(n int) string { return string([]rune(digits)[n]) }

// spokenInt says a whole number: 12 is 十二, 105 is 一百零五, 200 is 二百.
func spokenInt(n int) string {
	if n < 0 {
		return "负" + spokenInt(-n)
	}
	switch {
	case n < 10:
		return digit(n)
	case n < 20:
		return strings.TrimSuffix("十"+digit(n%10), "零")
	}
	for _, unit := range []struct {
		size int
		name string
	}{{1e8, "亿"}, {1e4, "万"}, {1000, "千"}, {100, "百"}, {10, "十"}} {
		if n < unit.size {
			continue
		}
		s, rest := spokenInt(n/unit.size)+unit.name, n%unit.size
		if rest == 0 {
			return s
		}
		if rest < unit.size/10 {
			s += "零"
		}
		if rest >= 10 && rest < 20 {
			return s + "一" + spokenInt(rest)
		}
		return s + spokenInt(rest)
	}
	return strconv.Itoa(n)
}

func spokenNumber(f float64) string {
	if math.Abs(f) > 1e11 {
		return ""
	}
	s := strconv.FormatFloat(math.Abs(f), 'f', -1, 64)
	whole, frac, _ := strings.Cut(s, ".")
	n, _ := strconv.Atoi(whole)
	out := spokenInt(n)
	if f < 0 {
		out = "负" + out
	}
	if frac != "" {
		out += "点"
		for _, r := range frac {
			out += digit(int(r - '0'))
		}
	}
	return out
}

// daysAhead counts the midnights between two times.
func daysAhead(at, now time.Time) int {
	day := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(day(at).Sub(day(now)).Hours() / 24)
}

// spokenTime says a time as one would on the phone: 明天下午三点, 今天上午十点半.
func spokenTime(at, now time.Time) string {
	at = at.In(now.Location())
	ahead := daysAhead(at, now)
	s := ""
	switch {
	case now.IsZero() || ahead < 0 || ahead > 6:
		s = fmt.Sprintf("%s月%s号", spokenInt(int(at.Month())), spokenInt(at.Day()))
	case ahead <= 2:
		s = []string{"今天", "明天", "后天"}[ahead]
	default:
		s = "周" + []string{"日", "一", "二", "三", "四", "五", "六"}[at.Weekday()]
	}
	hour := at.Hour()
	switch {
	case hour < 6:
		s += "凌晨"
	case hour < 12:
		s += "上午"
	case hour < 13:
		s += "中午"
	case hour < 18:
		s += "下午"
	default:
		s += "晚上"
	}
	if hour > 12 {
		hour -= 12
	}
	clock := spokenInt(hour)
	if hour == 2 {
		clock = "两"
	}
	s += clock + "点"
	switch m := at.Minute(); {
	case m == 30:
		s += "半"
	case m > 0 && m < 10:
		s += "零" + spokenInt(m) + "分"
	case m > 0:
		s += spokenInt(m) + "分"
	}
	return s
}
