package contacts

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Birthday is a day of the year, in the common or the lunar calendar. The year of
// birth is not kept: nobody needs it to wish somebody well.
type Birthday struct {
	Month, Day  int
	Lunar, Leap bool
}

// IsZero says whether no birthday is known.
func (b Birthday) IsZero() bool { return b.Month == 0 }

// Spoken says the day as it is said aloud: "八月十五" for a lunar day, "8月15日" else.
func (b Birthday) Spoken() string {
	if b.IsZero() {
		return ""
	}
	if b.Lunar {
		return "农历" + LunarDate{Month: b.Month, Day: b.Day, Leap: b.Leap}.String()
	}
	return strconv.Itoa(b.Month) + "月" + strconv.Itoa(b.Day) + "日"
}

// Next gives the first birthday on or after the day of now, at midnight in now's
// zone. 29 February falls on the 28th in common years; the lunar 30th on the 29th
// of a short month; a leap month's day, in years without that leap month, on the
// same day of the plain month. ok is false when the calendar table ends.
func (b Birthday) Next(now time.Time) (next time.Time, ok bool) {
	if b.IsZero() {
		return time.Time{}, false
	}
	y, m, d := now.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, now.Location())
	for year := y - 1; year <= y+2; year++ { // a lunar year ends in the next common one
		at, exists := b.in(year, now.Location())
		if exists && !at.Before(today) {
			return at, true
		}
	}
	return time.Time{}, false
}

func (b Birthday) in(year int, loc *time.Location) (time.Time, bool) {
	if !b.Lunar {
		day := b.Day
		if b.Month == 2 && day == 29 && !leapYear(year) {
			day = 28
		}
		return time.Date(year, time.Month(b.Month), day, 0, 0, 0, 0, loc), true
	}
	if year < firstLunarYear || year > lastLunarYear {
		return time.Time{}, false
	}
	leap := b.Leap && leapMonth(year) == b.Month
	day := min(b.Day, lunarMonthDays(year, b.Month, leap))
	return LunarDate{Year: year, Month: b.Month, Day: day, Leap: leap}.Solar(loc)
}

// DaysUntil counts the days from now's date to the next birthday: 0 is today.
func (b Birthday) DaysUntil(now time.Time) (days int, ok bool) {
	next, ok := b.Next(now)
	if !ok {
		return 0, false
	}
	y, m, d := now.Date()
	from := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	y, m, d = next.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(from) / (24 * time.Hour)), true
}

var (
	birthdayDigits = regexp.MustCompile(`^(?:(\d{4})[-/.年])?\s*(\d{1,2})[-/.月](\d{1,2})[日号]?$`)
	birthdayJoined = regexp.MustCompile(`^(?:(19|20)\d{2})?(\d{2})(\d{2})$`)
	birthdayHan    = regexp.MustCompile(`^(?:[〇零一二三四五六七八九\d]{4}年)?(闰)?([正一二三四五六七八九十冬腊]{1,2})月(初)?([一二三四五六七八九十廿卅]{1,3})([日号])?$`)

	errBirthday  = errors.New("not a birthday; write 8-15, 1990-08-15 or 农历八月十五")
	errAmbiguous = errors.New("common or lunar calendar? write 农历八月十五 or 8-15")
)

// ParseBirthday reads 8-15, 8月15日, 1990-08-15, 19900815, 农历八月十五, 农历8-15
// and 农历闰六月初一; an empty cell is no birthday and no error. Days written in
// Chinese figures that could be of either calendar are refused.
func ParseBirthday(s string) (Birthday, error) {
	s = plainDigits(s)
	if s == "" || s == "-" || s == "无" {
		return Birthday{}, nil
	}
	var b Birthday
	for _, word := range []string{"农历", "阴历", "旧历", "lunar", "Lunar"} {
		if strings.Contains(s, word) {
			b.Lunar = true
			s = strings.ReplaceAll(s, word, "")
		}
	}
	for _, word := range []string{"公历", "阳历", "新历", "00:00:00", "(", ")", ":"} {
		s = strings.ReplaceAll(s, word, "")
	}
	s = strings.TrimSpace(s)
	if m := birthdayHan.FindStringSubmatch(s); m != nil {
		b.Leap = m[1] != ""
		b.Month, b.Day = hanNumber(m[2]), hanNumber(m[4])
		// 闰, 正月, 冬月, 腊月, 初 and 廿 are words of the lunar calendar alone
		b.Lunar = b.Lunar || b.Leap || strings.ContainsAny(m[2], "正冬腊") || m[3] != "" || strings.Contains(m[4], "廿")
		if _, err := b.checked(); err == nil && !b.Lunar && m[5] == "" {
			return Birthday{}, errAmbiguous
		}
		return b.checked()
	}
	if b.Lunar && strings.HasPrefix(s, "闰") {
		b.Leap, s = true, strings.TrimPrefix(s, "闰")
	}
	m := birthdayDigits.FindStringSubmatch(s)
	if m == nil {
		m = birthdayJoined.FindStringSubmatch(s)
	}
	if m == nil {
		return Birthday{}, errBirthday
	}
	b.Month, _ = strconv.Atoi(m[2])
	b.Day, _ = strconv.Atoi(m[3])
	return b.checked()
}

func (b Birthday) checked() (Birthday, error) {
	most := 30
	if !b.Lunar && b.Month >= 1 && b.Month <= 12 {
		most = time.Date(2000, time.Month(b.Month)+1, 0, 0, 0, 0, 0, time.UTC).Day() // 2000 has a 29 February
	}
	if b.Month < 1 || b.Month > 12 || b.Day < 1 || b.Day > most {
		return Birthday{}, errBirthday
	}
	return b, nil
}

// hanNumber reads 正, 八, 十五, 二十三, 廿三, 三十, 冬 and 腊; 0 when it is none.
func hanNumber(s string) int {
	switch s {
	case "正":
		return 1
	case "冬":
		return 11
	case "腊":
		return 12
	}
	n, ten := 0, false
	for _, r := range s {
		switch v := strings.IndexRune("一二三四五六七八九", r); {
		case v >= 0 && !ten && n != 0:
			return 0 // 二三 is nothing
		case v >= 0:
			n += v/3 + 1
		case r == '十' && ten:
			return 0
		case r == '十':
			n, ten = max(n, 1)*10, true
		case r == '廿' && n == 0:
			n, ten = 20, true
		case r == '卅' && n == 0:
			n, ten = 30, true
		default:
			return 0
		}
	}
	return n
}

func leapYear(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }
