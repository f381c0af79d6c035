package contacts

import (
	"testing"
	"time"
)

func TestParseBirthday(t *testing.T) {
	for _, test := range []struct {
		in   string
		want Birthday
		err  error
	}{
		{"8-15", Birthday{Month: 8, Day: 15}, nil},
		{"08/15", Birthday{Month: 8, Day: 15}, nil},
		{"8月15日", Birthday{Month: 8, Day: 15}, nil},
		{"８月１５日", Birthday{Month: 8, Day: 15}, nil},
		{"1990-08-15", Birthday{Month: 8, Day: 15}, nil},
		{"1990年8月15日", Birthday{Month: 8, Day: 15}, nil},
		{"19900815", Birthday{Month: 8, Day: 15}, nil},
		{"0815", Birthday{Month: 8, Day: 15}, nil},
		{"2-29", Birthday{Month: 2, Day: 29}, nil},
		{"八月十五日", Birthday{Month: 8, Day: 15}, nil},
		{"农历八月十五", Birthday{Month: 8, Day: 15, Lunar: true}, nil},
		{"农历8-15", Birthday{Month: 8, Day: 15, Lunar: true}, nil},
		{"阴历 8月15日", Birthday{Month: 8, Day: 15, Lunar: true}, nil},
		{"8-15(农历)", Birthday{Month: 8, Day: 15, Lunar: true}, nil},
		{"农历一九九〇年八月十五", Birthday{Month: 8, Day: 15, Lunar: true}, nil},
		{"农历闰六月初一", Birthday{Month: 6, Day: 1, Lunar: true, Leap: true}, nil},
		{"农历闰6-1", Birthday{Month: 6, Day: 1, Lunar: true, Leap: true}, nil},
		{"腊月廿三", Birthday{Month: 12, Day: 23, Lunar: true}, nil},
		{"冬月三十", Birthday{Month: 11, Day: 30, Lunar: true}, nil},
		{"正月初一", Birthday{Month: 1, Day: 1, Lunar: true}, nil},
		{"", Birthday{}, nil},
		{"八月十五", Birthday{}, errAmbiguous},
		{"13-1", Birthday{}, errBirthday},
		{"2-30", Birthday{}, errBirthday},
		{"农历8-31", Birthday{}, errBirthday},
		{"八月二三", Birthday{}, errBirthday},
		{"不告诉你", Birthday{}, errBirthday},
	} {
		got, err := ParseBirthday(test.in)
		if got != test.want || err != test.err {
			t.Errorf("ParseBirthday(%q) = %+v, %v; want %+v, %v", test.in, got, err, test.want, test.err)
		}
	}
}

func TestNextBirthday(t *testing.T) {
	for _, test := range []struct {
		name      string
		birthday  Birthday
		now, want string
	}{
		{"the day itself", Birthday{Month: 12, Day: 1}, "2026-12-01", "2026-12-01"},
		{"yesterday is a year away", Birthday{Month: 11, Day: 30}, "2026-12-01", "2027-11-30"},
		{"29 February in a common year", Birthday{Month: 2, Day: 29}, "2026-01-01", "2026-02-28"},
		{"29 February in a leap year", Birthday{Month: 2, Day: 29}, "2028-01-01", "2028-02-29"},
		{"a lunar day of this year", Birthday{Month: 8, Day: 15, Lunar: true}, "2026-01-01", "2026-09-25"},
		{"a lunar day early in the common year belongs to the lunar year before", Birthday{Month: 12, Day: 8, Lunar: true}, "2026-01-01", "2026-01-26"},
		{"the thirtieth of a short month", Birthday{Month: 12, Day: 30, Lunar: true}, "2026-02-01", "2026-02-16"},
		{"a leap month in its year", Birthday{Month: 6, Day: 1, Lunar: true, Leap: true}, "2025-07-01", "2025-07-25"},
		{"a leap month in another year", Birthday{Month: 6, Day: 1, Lunar: true, Leap: true}, "2026-01-01", "2026-07-14"},
	} {
		now, err := time.ParseInLocation(time.DateOnly, test.now, beijing)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := test.birthday.Next(now.Add(23 * time.Hour))
		if !ok || got.Format(time.DateOnly) != test.want {
			t.Errorf("%s: %s, %v; want %s", test.name, got.Format(time.DateOnly), ok, test.want)
		}
	}
	if _, ok := (Birthday{}).Next(time.Now()); ok {
		t.Error("nobody's birthday has a next one")
	}
}

func FuzzParseBirthday(f *testing.F) {
	for _, s := range []string{"8-15", "农历闰六月初一", "19900815", "八月十五日", "廿"} {
		f.Add(s)
	}
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, beijing)
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBirthday(s)
		if err != nil && !b.IsZero() {
			t.Errorf("ParseBirthday(%q) = %+v and %v", s, b, err)
		}
		if !b.IsZero() {
			if days, ok := b.DaysUntil(now); !ok || days < 0 || days > 385 {
				t.Errorf("%q, %+v: next in %d days, %v", s, b, days, ok)
			}
		}
	})
}
