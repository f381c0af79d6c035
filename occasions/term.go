package occasions

import "time"

// solarTerms (二十四节气) in the order of a common year; the first, 小寒, is when the
// Sun stands at 285°, each next one 15° further (GB/T 33661-2017).
var solarTerms = [...]string{
	"小寒", "大寒", "立春", "雨水", "惊蛰", "春分", "清明", "谷雨", "立夏", "小满", "芒种", "夏至",
	"小暑", "大暑", "立秋", "处暑", "白露", "秋分", "寒露", "霜降", "立冬", "小雪", "大雪", "冬至",
}

// SolarTerm names the solar term that begins on t's own date in Beijing time, "" when
// none does. It is right to the day for 1900 to 2100.
func SolarTerm(t time.Time) string {
	y, m, d := t.Date()
	// Two terms a month, the first around the 6th and the second around the 21st.
	i := 2 * int(m-1)
	if d > 13 {
		i++
	}
	if termBegins(y, i).Day() == d {
		return solarTerms[i]
	}
	return ""
}

// termBegins is the moment in Beijing time at which term i of a year begins.
func termBegins(year, i int) time.Time {
	near := time.Date(year, time.Month(1+i/2), 6+15*(i%2), 4, 0, 0, 0, time.UTC)
	degrees := float64((285 + 15*i) % 360)
	return sunReaches(degrees, near).In(beijing)
}
