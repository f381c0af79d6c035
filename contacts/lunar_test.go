package contacts

import (
	"testing"
	"time"
)

func TestLunarDaysOfKnownDates(t *testing.T) {
	for _, test := range []struct{ date, want string }{
		// 正月初一, as printed almanacs have it
		{"1900-01-31", "正月初一"}, {"1949-01-29", "正月初一"}, {"1976-01-31", "正月初一"}, {"1985-02-20", "正月初一"},
		{"2000-02-05", "正月初一"}, {"2008-02-07", "正月初一"}, {"2012-01-23", "正月初一"}, {"2019-02-05", "正月初一"},
		{"2020-01-25", "正月初一"}, {"2021-02-12", "正月初一"}, {"2022-02-01", "正月初一"}, {"2023-01-22", "正月初一"},
		{"2024-02-10", "正月初一"}, {"2025-01-29", "正月初一"}, {"2026-02-17", "正月初一"}, {"2027-02-06", "正月初一"},
		{"2028-01-26", "正月初一"}, {"2030-02-03", "正月初一"}, {"2033-01-31", "正月初一"}, {"2034-02-19", "正月初一"},
		{"2050-01-23", "正月初一"}, {"2100-02-09", "正月初一"},
		// leap months
		{"2025-06-25", "六月初一"}, {"2025-07-25", "闰六月初一"}, {"2025-08-22", "闰六月廿九"}, {"2025-08-23", "七月初一"},
		{"2023-03-22", "闰二月初一"}, {"2020-05-23", "闰四月初一"}, {"2017-07-23", "闰六月初一"}, {"2033-12-22", "闰冬月初一"},
		// festivals
		{"2024-09-17", "八月十五"}, {"2025-10-06", "八月十五"}, {"2026-09-25", "八月十五"}, {"2026-06-19", "五月初五"},
		{"2025-05-31", "五月初五"}, {"2024-06-10", "五月初五"}, {"2026-03-03", "正月十五"}, {"2026-10-18", "九月初九"},
		// last days of the year, short and long
		{"2025-01-28", "腊月廿九"}, {"2026-02-16", "腊月廿九"}, {"2024-02-09", "腊月三十"}, {"2027-02-05", "腊月廿九"},
	} {
		day, err := time.Parse(time.DateOnly, test.date)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Lunar(day)
		if !ok || got.String() != test.want {
			t.Errorf("Lunar(%s) = %s, %v; want %s", test.date, got, ok, test.want)
		}
		back, ok := got.Solar(time.UTC)
		if !ok || !back.Equal(day) {
			t.Errorf("%s of lunar %d comes back as %s, %v", test.date, got.Year, back.Format(time.DateOnly), ok)
		}
	}
}

func TestEveryDayOfTheTableComesBack(t *testing.T) {
	day, last := time.Date(1900, 1, 31, 0, 0, 0, 0, time.UTC), time.Date(2101, 1, 28, 0, 0, 0, 0, time.UTC)
	before := LunarDate{}
	for ; !day.After(last); day = day.AddDate(0, 0, 1) {
		l, ok := Lunar(day)
		if !ok {
			t.Fatalf("Lunar(%s) is not known", day.Format(time.DateOnly))
		}
		if l == before || l.Day != 1 && l.Day != before.Day+1 {
			t.Fatalf("%s is %s after %s", day.Format(time.DateOnly), l, before)
		}
		if back, ok := l.Solar(time.UTC); !ok || !back.Equal(day) {
			t.Fatalf("%s comes back as %s", day.Format(time.DateOnly), back.Format(time.DateOnly))
		}
		before = l
	}
	for _, outside := range []time.Time{last.AddDate(0, 0, 1), time.Date(1900, 1, 30, 0, 0, 0, 0, time.UTC)} {
		if l, ok := Lunar(outside); ok {
			t.Errorf("Lunar(%s) = %s, want unknown", outside.Format(time.DateOnly), l)
		}
	}
}

func TestLunarDaysThatDoNotExist(t *testing.T) {
	for _, d := range []LunarDate{
		{Year: 2026, Month: 6, Day: 1, Leap: true}, {Year: 2025, Month: 12, Day: 30}, {Year: 1899, Month: 1, Day: 1},
		{Year: 2101, Month: 1, Day: 1}, {Year: 2026, Month: 13, Day: 1}, {Year: 2026, Month: 1, Day: 0},
	} {
		if got, ok := d.Solar(time.UTC); ok {
			t.Errorf("%+v is %s, want none", d, got.Format(time.DateOnly))
		}
	}
}
