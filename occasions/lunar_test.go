package occasions

import (
	"strconv"
	"testing"
	"time"

	"warmline/contacts"
)

// oracleMonth is one lunar month as the oracle has it.
type oracleMonth struct {
	first, next time.Time
	year, month int
	leap        bool
}

func (m oracleMonth) days() int { return int(m.next.Sub(m.first).Hours() / 24) }

func oracleMonths(t *testing.T) []oracleMonth {
	t.Helper()
	var months []oracleMonth
	for _, row := range oracle(t, "lunar-months.txt") {
		first, err := time.Parse(time.DateOnly, row[0])
		if err != nil {
			t.Fatal(err)
		}
		year, _ := strconv.Atoi(row[1])
		month, _ := strconv.Atoi(row[2])
		if len(months) > 0 {
			months[len(months)-1].next = first
		}
		months = append(months, oracleMonth{first: first, year: year, month: max(month, -month), leap: month < 0})
	}
	return months[:len(months)-1] // the last has no end
}

func TestLunarDatesEqualTheOracleOnEveryDayOf1900To2100(t *testing.T) {
	checked := 0
	for _, m := range oracleMonths(t) {
		for day := range m.days() {
			date := m.first.AddDate(0, 0, day)
			want := contacts.LunarDate{Year: m.year, Month: m.month, Day: day + 1, Leap: m.leap}
			if got, ok := contacts.Lunar(date); !ok || got != want {
				t.Errorf("%s is %+v, the oracle says %+v", date.Format(time.DateOnly), got, want)
			}
			if back, ok := want.Solar(time.UTC); !ok || !back.Equal(date) {
				t.Errorf("%+v is %s, the oracle says %s", want, back, date)
			}
			checked++
		}
	}
	if checked < 73000 {
		t.Fatalf("only %d days were checked", checked)
	}
}

// A person born on any lunar day has a birthday in every lunar year: on that day,
// or the 29th where the month has no 30th, in the leap month where that year has
// it and the plain month else.
func TestLunarBirthdaysEqualTheOracleInEveryYear(t *testing.T) {
	byName := map[int]map[string]oracleMonth{}
	name := func(month int, leap bool) string { return strconv.Itoa(month) + strconv.FormatBool(leap) }
	for _, m := range oracleMonths(t) {
		if byName[m.year] == nil {
			byName[m.year] = map[string]oracleMonth{}
		}
		byName[m.year][name(m.month, m.leap)] = m
	}
	for year := 1901; year <= 2099; year++ {
		newYear := byName[year][name(1, false)].first
		for month := 1; month <= 12; month++ {
			for _, leap := range []bool{false, true} {
				for _, day := range []int{1, 2, 15, 28, 29, 30} {
					m, ok := byName[year][name(month, leap)]
					if !ok {
						m = byName[year][name(month, false)]
					}
					want := m.first.AddDate(0, 0, min(day, m.days())-1)
					b := contacts.Birthday{Month: month, Day: day, Lunar: true, Leap: leap}
					if got, ok := b.Next(newYear); !ok || !got.Equal(want) {
						t.Errorf("%+v in %d: %s, the oracle says %s", b, year, got.Format(time.DateOnly), want.Format(time.DateOnly))
					}
				}
			}
		}
	}
}
