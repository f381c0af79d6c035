package contacts

import "time"

// LunarDate is a day of the Chinese calendar.
type LunarDate struct {
	Year, Month, Day int
	Leap             bool // the month that follows the month of the same number
}

// The lunar calendar is known here from 1900-01-31 (正月初一) to the end of the
// lunar year 2100.
const (
	firstLunarYear = 1900
	lastLunarYear  = 2100
)

// lunarYears holds one year each. Bits 15–4 are months 1–12, set for 30 days and
// clear for 29; bits 3–0 name the leap month, 0 for none; bit 16 is set when that
// leap month has 30 days. The table was compared year by year with the npm package
// lunar-javascript 1.7.7 (MIT).
var lunarYears = [...]uint32{
	0x04bd8, 0x04ae0, 0x0a570, 0x054d5, 0x0d260, 0x0d950, 0x16554, 0x056a0, 0x09ad0, 0x055d2,
	0x04ae0, 0x0a5b6, 0x0a4d0, 0x0d250, 0x1d255, 0x0b540, 0x0d6a0, 0x0ada2, 0x095b0, 0x14977,
	0x04970, 0x0a4b0, 0x0b4b5, 0x06a50, 0x06d40, 0x1ab54, 0x02b60, 0x09570, 0x052f2, 0x04970,
	0x06566, 0x0d4a0, 0x0ea50, 0x16a95, 0x05ad0, 0x02b60, 0x186e3, 0x092e0, 0x1c8d7, 0x0c950,
	0x0d4a0, 0x1d8a6, 0x0b550, 0x056a0, 0x1a5b4, 0x025d0, 0x092d0, 0x0d2b2, 0x0a950, 0x0b557,
	0x06ca0, 0x0b550, 0x15355, 0x04da0, 0x0a5b0, 0x14573, 0x052b0, 0x0a9a8, 0x0e950, 0x06aa0,
	0x0aea6, 0x0ab50, 0x04b60, 0x0aae4, 0x0a570, 0x05260, 0x0f263, 0x0d950, 0x05b57, 0x056a0,
	0x096d0, 0x04dd5, 0x04ad0, 0x0a4d0, 0x0d4d4, 0x0d250, 0x0d558, 0x0b540, 0x0b6a0, 0x195a6,
	0x095b0, 0x049b0, 0x0a974, 0x0a4b0, 0x0b27a, 0x06a50, 0x06d40, 0x0af46, 0x0ab60, 0x09570,
	0x04af5, 0x04970, 0x064b0, 0x074a3, 0x0ea50, 0x06b58, 0x05ac0, 0x0ab60, 0x096d5, 0x092e0,
	0x0c960, 0x0d954, 0x0d4a0, 0x0da50, 0x07552, 0x056a0, 0x0abb7, 0x025d0, 0x092d0, 0x0cab5,
	0x0a950, 0x0b4a0, 0x0baa4, 0x0ad50, 0x055d9, 0x04ba0, 0x0a5b0, 0x15176, 0x052b0, 0x0a930,
	0x07954, 0x06aa0, 0x0ad50, 0x05b52, 0x04b60, 0x0a6e6, 0x0a4e0, 0x0d260, 0x0ea65, 0x0d530,
	0x05aa0, 0x076a3, 0x096d0, 0x04afb, 0x04ad0, 0x0a4d0, 0x1d0b6, 0x0d250, 0x0d520, 0x0dd45,
	0x0b5a0, 0x056d0, 0x055b2, 0x049b0, 0x0a577, 0x0a4b0, 0x0aa50, 0x1b255, 0x06d20, 0x0ada0,
	0x14b63, 0x09370, 0x049f8, 0x04970, 0x064b0, 0x168a6, 0x0ea50, 0x06b20, 0x1a6c4, 0x0aae0,
	0x092e0, 0x0d2e3, 0x0c960, 0x0d557, 0x0d4a0, 0x0da50, 0x05d55, 0x056a0, 0x0a6d0, 0x055d4,
	0x052d0, 0x0a9b8, 0x0a950, 0x0b4a0, 0x0b6a6, 0x0ad50, 0x055a0, 0x0aba4, 0x0a5b0, 0x052b0,
	0x0b273, 0x06930, 0x07337, 0x06aa0, 0x0ad50, 0x14b55, 0x04b60, 0x0a570, 0x054e4, 0x0d160,
	0x0e968, 0x0d520, 0x0daa0, 0x16aa6, 0x056d0, 0x04ae0, 0x0a9d4, 0x0a2d0, 0x0d150, 0x0f252,
	0x0d520,
}

var lunarEpoch = time.Date(1900, 1, 31, 0, 0, 0, 0, time.UTC)

func leapMonth(year int) int { return int(lunarYears[year-firstLunarYear] & 0xf) }

// lunarMonthDays gives 29 or 30.
func lunarMonthDays(year, month int, leap bool) int {
	v := lunarYears[year-firstLunarYear]
	if leap && v&0x10000 != 0 || !leap && v&(1<<(16-month)) != 0 {
		return 30
	}
	return 29
}

func lunarYearDays(year int) int {
	days := 0
	for m := 1; m <= 12; m++ {
		days += lunarMonthDays(year, m, false)
	}
	if leap := leapMonth(year); leap != 0 {
		days += lunarMonthDays(year, leap, true)
	}
	return days
}

// lunarYearStarts[i] is the day of 正月初一 of year 1900+i, counted from lunarEpoch.
var lunarYearStarts = func() (starts [lastLunarYear - firstLunarYear + 2]int) {
	for y := firstLunarYear; y <= lastLunarYear; y++ {
		starts[y-firstLunarYear+1] = starts[y-firstLunarYear] + lunarYearDays(y)
	}
	return starts
}()

// Lunar gives the lunar day of t's own calendar date; ok is false outside the table.
func Lunar(t time.Time) (d LunarDate, ok bool) {
	y, m, day := t.Date()
	n := int(time.Date(y, m, day, 0, 0, 0, 0, time.UTC).Sub(lunarEpoch) / (24 * time.Hour))
	if n < 0 || n >= lunarYearStarts[len(lunarYearStarts)-1] {
		return LunarDate{}, false
	}
	d.Year = min(y, lastLunarYear)
	for lunarYearStarts[d.Year-firstLunarYear] > n {
		d.Year--
	}
	n -= lunarYearStarts[d.Year-firstLunarYear]
	for d.Month = 1; d.Month <= 12; d.Month++ {
		days := lunarMonthDays(d.Year, d.Month, false)
		if n < days {
			d.Day = n + 1
			return d, true
		}
		n -= days
		if leapMonth(d.Year) == d.Month {
			if days = lunarMonthDays(d.Year, d.Month, true); n < days {
				d.Leap, d.Day = true, n+1
				return d, true
			}
			n -= days
		}
	}
	return LunarDate{}, false // unreachable while the table is consistent
}

// Solar gives the day of the common calendar at midnight in loc; ok is false when
// the lunar day does not exist: the 30th of a short month, a leap month of another
// year, a year outside the table.
func (d LunarDate) Solar(loc *time.Location) (t time.Time, ok bool) {
	if d.Year < firstLunarYear || d.Year > lastLunarYear || d.Month < 1 || d.Month > 12 || d.Day < 1 ||
		d.Leap && leapMonth(d.Year) != d.Month || d.Day > lunarMonthDays(d.Year, d.Month, d.Leap) {
		return time.Time{}, false
	}
	n := lunarYearStarts[d.Year-firstLunarYear] + d.Day - 1
	for m := 1; m < d.Month; m++ {
		n += lunarMonthDays(d.Year, m, false)
		if leapMonth(d.Year) == m {
			n += lunarMonthDays(d.Year, m, true)
		}
	}
	if d.Leap {
		n += lunarMonthDays(d.Year, d.Month, false)
	}
	y, m, day := lunarEpoch.AddDate(0, 0, n).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, loc), true
}

var (
	lunarMonthNames = [...]string{"", "正月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "冬月", "腊月"}
	lunarDigits     = [...]string{"十", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
)

// String says the day as people do, without the year: "闰六月初一", "腊月廿三".
func (d LunarDate) String() string {
	if d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 30 {
		return ""
	}
	s := lunarMonthNames[d.Month]
	if d.Leap {
		s = "闰" + s
	}
	switch {
	case d.Day == 20:
		return s + "二十"
	case d.Day == 30:
		return s + "三十"
	case d.Day <= 10:
		return s + "初" + lunarDigits[d.Day%10]
	case d.Day < 20:
		return s + "十" + lunarDigits[d.Day%10]
	}
	return s + "廿" + lunarDigits[d.Day%10]
}
