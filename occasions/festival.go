package occasions

import (
	"time"

	"warmline/contacts"
)

// festivalAhead is how many days before a festival it becomes a reason to call.
const festivalAhead = 3

var solarFestivals = map[[2]int]string{
	{1, 1}: "元旦", {3, 8}: "妇女节", {5, 1}: "劳动节", {10, 1}: "国庆节",
}

var lunarFestivals = map[[2]int]string{
	{1, 1}: "春节", {1, 15}: "元宵节", {5, 5}: "端午节", {7, 7}: "七夕", {8, 15}: "中秋节", {9, 9}: "重阳节", {12, 8}: "腊八节",
}

// festivalOn names the festival of t's date. 除夕 is the day before 正月初一, which
// in a short twelfth month is the 29th.
func festivalOn(t time.Time) string {
	if name := solarFestivals[[2]int{int(t.Month()), t.Day()}]; name != "" {
		return name
	}
	if l, ok := contacts.Lunar(t.AddDate(0, 0, 1)); ok && l.Month == 1 && l.Day == 1 && !l.Leap {
		return "除夕"
	}
	l, ok := contacts.Lunar(t)
	if !ok || l.Leap {
		return ""
	}
	return lunarFestivals[[2]int{l.Month, l.Day}]
}

// festival finds the nearest festival from now's date on.
func festival(now time.Time) (Occasion, bool) {
	y, m, d := now.In(beijing).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, beijing)
	for days := range festivalAhead + 1 {
		if name := festivalOn(today.AddDate(0, 0, days)); name != "" {
			return Occasion{
				Kind: Festival, Source: "calendar", ObservedAt: now, Until: today.AddDate(0, 0, 1),
				Facts: map[string]any{"name": name, "days": days},
			}, true
		}
	}
	return Occasion{}, false
}
