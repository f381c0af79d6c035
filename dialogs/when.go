package dialogs

import (
	"regexp"
	"strings"
	"time"
)

const cnNum = `[0-9零一二两三四五六七八九十半]{1,3}`

var (
	afterRe = regexp.MustCompile(`(` + cnNum + `)(?:个)?(半)?(小时|钟头|分钟|刻钟|天)(?:之后|以后|后|再|吧|打|$)`)
	waitRe  = regexp.MustCompile(`(?:过|等)(?:个)?(` + cnNum + `)(?:个)?(半)?(小时|钟头|分钟|刻钟|天)`)
	dayRe   = regexp.MustCompile(`大后天|后天|明天|明儿|明早|明晚|今天|今儿|今晚|(下)?(?:周|星期|礼拜)([一二三四五六日天])`)
	partRe  = regexp.MustCompile(`凌晨|早上|上午|中午|下午|傍晚|晚上|明早|明晚|今晚`)
	clockRe = regexp.MustCompile(`(` + cnNum + `)(?:点钟|点|:|:)(半|一刻|三刻|(` + cnNum + `)分?)?`)
	vagueRe = regexp.MustCompile(`晚点|晚些|晚一点|迟点|待会|等会|等一会|等下|过会|过一会|一会儿|稍后`)
)

// hours a part of the day starts to be polite, when no clock time was said.
var partHour = map[string]int{"凌晨": 6, "早上": 10, "明早": 10, "上午": 10, "中午": 12, "下午": 15, "傍晚": 18, "晚上": 19, "明晚": 19, "今晚": 19}

// vagueWait is what 晚点 means when nothing more is said.
const vagueWait = 2 * time.Hour

// readWhen finds the time a person named, resolved against now.
func readWhen(s string, now time.Time) (time.Time, bool) {
	if now.IsZero() {
		return time.Time{}, false
	}
	for _, re := range []*regexp.Regexp{waitRe, afterRe} {
		if m := re.FindStringSubmatch(s); m != nil {
			if d, ok := span(m[1], m[2] != "", m[3]); ok {
				return now.Add(d).Truncate(time.Minute), true
			}
		}
	}
	day, part, clock := dayRe.FindStringSubmatch(s), partRe.FindString(s), clockRe.FindStringSubmatch(s)
	if day == nil && part == "" && clock == nil {
		if vagueRe.MatchString(s) {
			return now.Add(vagueWait).Truncate(time.Minute), true
		}
		return time.Time{}, false
	}
	ahead := 0
	if day != nil {
		ahead = daysAhead(day, now)
	}
	hour, minute := 10, 0
	if part != "" {
		hour = partHour[part]
	}
	if clock != nil {
		h, ok := readNumber(clock[1])
		if !ok || h > 24 {
			return time.Time{}, false
		}
		hour, minute = toHour(h, part), minutes(clock[2], clock[3])
	}
	at := time.Date(now.Year(), now.Month(), now.Day()+ahead, hour, minute, 0, 0, now.Location())
	if !at.After(now) && day == nil {
		if part == "" && hour < 12 && at.Add(12*time.Hour).After(now) {
			return at.Add(12 * time.Hour), true
		}
		at = at.AddDate(0, 0, 1)
	}
	if !at.After(now) {
		return time.Time{}, false
	}
	return at, true
}

func span(num string, half bool, unit string) (time.Duration, bool) {
	n, ok := readNumber(num)
	halves := 2 * n
	if num == "半" {
		halves, ok = 1, true
	}
	if half {
		halves++
	}
	if !ok || halves == 0 {
		return 0, false
	}
	size := map[string]time.Duration{"小时": time.Hour, "钟头": time.Hour, "分钟": time.Minute, "刻钟": 15 * time.Minute, "天": 24 * time.Hour}[unit]
	return time.Duration(halves) * size / 2, true
}

func daysAhead(m []string, now time.Time) int {
	switch {
	case m[0] == "大后天":
		return 3
	case m[0] == "后天":
		return 2
	case strings.HasPrefix(m[0], "明"):
		return 1
	case m[2] == "":
		return 0
	}
	want := strings.Index("日一二三四五六", strings.Replace(m[2], "天", "日", 1)) / len("日")
	ahead := (want - int(now.Weekday()) + 7) % 7
	if m[1] != "" { // 下周三 is the Wednesday of the week that starts next Monday
		toMonday := (8 - int(now.Weekday())) % 7
		if toMonday == 0 {
			toMonday = 7
		}
		return toMonday + (want+6)%7
	}
	if ahead == 0 {
		ahead = 7
	}
	return ahead
}

// toHour reads three as 15 in the afternoon, and as 15 when nobody calls at 3 at night.
func toHour(h int, part string) int {
	switch part {
	case "下午", "傍晚", "晚上", "明晚", "今晚":
		if h < 12 {
			return h + 12
		}
	case "中午":
		if h < 3 {
			return h + 12
		}
	case "":
		if h >= 1 && h < 8 {
			return h + 12
		}
	}
	return h
}

func minutes(whole, num string) int {
	switch whole {
	case "半":
		return 30
	case "一刻":
		return 15
	case "三刻":
		return 45
	}
	if n, ok := readNumber(num); ok && n < 60 {
		return n
	}
	return 0
}

// readNumber reads 15, 十五, 两 and 二十.
func readNumber(s string) (int, bool) {
	if s == "" {
		return 0, false
	}
	n, sum, ok := 0, 0, false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			n = n*10 + int(r-'0')
		case r == '两':
			n = 2
		case r == '十':
			sum, n = sum+max(n, 1)*10, 0
		default:
			i := strings.IndexRune(digits, r)
			if i < 0 {
				return 0, false
			}
			n = n*10 + i/len("零")
		}
		ok = true
	}
	return sum + n, ok
}
