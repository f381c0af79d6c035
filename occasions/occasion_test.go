package occasions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/contacts"
)

func at(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, beijing)
	if err != nil {
		panic(err)
	}
	return t
}

var today = at("2026-12-01 10:20")

const book = `{"source": "示例", "cities": {"哈尔滨": [
	{"date": "2026-11-30", "low": -1, "high": 7, "text": "多云"},
	{"date": "2026-12-01", "low": -5, "high": 3, "text": "阴"},
	{"date": "2026-12-02", "low": -12, "high": -4, "text": "小雪"}],
	"广州": [{"date": "2026-12-01", "low": 17, "high": 25}, {"date": "2026-12-02", "low": 19, "high": 26}],
	"武汉": [{"date": "2026-11-20", "low": 9, "high": 15}]}}`

const happenings = "city,name,place,starts,ends,source\n" +
	"哈尔滨市,冬日灯会,兆麟公园,2026-12-05,2026-12-20,文旅局\n" +
	"哈尔滨,旧书市集,中央大街,2026-11-20,2026-11-30,文旅局\n" +
	"武汉,马拉松,汉口江滩,2026-12-20,2026-12-20,体育局\n"

func fixed(t *testing.T) *Almanac {
	t.Helper()
	a, err := ReadAlmanac(strings.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	events, err := ReadEvents(strings.NewReader(happenings))
	if err != nil {
		t.Fatal(err)
	}
	a.Add(events)
	return a
}

// broken is a source that is down.
type broken struct{}

func (broken) Today(context.Context, Place, time.Time) ([]Occasion, error) {
	return nil, errors.New("down")
}

func TestFactsOfOnePerson(t *testing.T) {
	observed := at("2026-12-01 10:00")
	for _, test := range []struct {
		name string
		who  contacts.Contact
		now  time.Time
		want map[string]map[string]any
	}{
		{
			"cold snap, event and a lunar birthday today",
			contacts.Contact{City: "哈尔滨", Birthday: contacts.Birthday{Month: 10, Day: 23, Lunar: true}}, today,
			map[string]map[string]any{
				"weather": {
					"drop_48h": 11, "today": map[string]any{"low": -5, "high": 3, "text": "阴"},
					"tomorrow": map[string]any{"low": -12, "high": -4, "text": "小雪"}, "observed_at": observed, "source": "示例", "kind": "cold_snap",
				},
				"event":    {"name": "冬日灯会", "place": "兆麟公园", "date": at("2026-12-05 00:00"), "observed_at": observed, "source": "文旅局"},
				"birthday": {"today": true, "days": 0, "lunar": true, "spoken": "农历十月廿三"},
			},
		},
		{
			"a rise is no drop, yesterday unknown, no words for the sky",
			contacts.Contact{City: "广州", Birthday: contacts.Birthday{Month: 12, Day: 2}}, today,
			map[string]map[string]any{
				"weather": {
					"drop_48h": 0, "today": map[string]any{"low": 17, "high": 25}, "tomorrow": map[string]any{"low": 19, "high": 26},
					"observed_at": observed, "source": "示例",
				},
				"birthday": {"today": false, "days": 1, "lunar": false, "spoken": "12月2日"},
			},
		},
		{"a series that ended is no weather, an event too far off is none", contacts.Contact{City: "武汉"}, today, map[string]map[string]any{}},
		{"a birthday yesterday is never mentioned", contacts.Contact{Birthday: contacts.Birthday{Month: 11, Day: 30}}, today, map[string]map[string]any{}},
		{"a city nobody knows", contacts.Contact{City: "火星"}, today, map[string]map[string]any{}},
		{
			"days before the festival", contacts.Contact{}, at("2026-02-15 10:00"),
			map[string]map[string]any{"festival": {"name": "除夕", "english": "Chinese New Year's Eve", "days": 1}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := For(context.Background(), test.who, test.now, []Source{broken{}, fixed(t)}, nil)
			if diff := cmp.Diff(test.want, got.Facts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFactThatIsPastItsTimeIsNotSpoken(t *testing.T) {
	for name, o := range map[string]Occasion{
		"stale":           {Kind: Weather, ObservedAt: today.Add(-7 * time.Hour), Until: today.Add(-time.Hour)},
		"from the future": {Kind: Weather, ObservedAt: today.Add(time.Minute), Until: today.Add(time.Hour)},
	} {
		got := For(context.Background(), contacts.Contact{City: "哈尔滨"}, today, []Source{one{o}}, nil)
		if len(got.Occasions) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

type one struct{ o Occasion }

func (s one) Today(context.Context, Place, time.Time) ([]Occasion, error) {
	return []Occasion{s.o}, nil
}

func TestFestivals(t *testing.T) {
	for date, want := range map[string]string{
		"2026-01-01 09:00": "元旦", "2026-02-16 09:00": "除夕", "2026-02-17 09:00": "春节", "2026-03-03 09:00": "元宵节",
		"2026-06-19 09:00": "端午节", "2026-08-19 09:00": "七夕", "2026-09-25 09:00": "中秋节", "2026-10-18 09:00": "重阳节",
		"2024-02-09 09:00": "除夕", "2025-07-25 09:00": "", "2026-12-01 09:00": "",
		"2026-05-10 09:00": "母亲节", "2026-06-21 09:00": "父亲节", "2026-04-05 09:00": "清明节", "2026-02-10 09:00": "小年",
	} {
		if got := Calendar(at(date)).Festival; got != want {
			t.Errorf("%s is %q, want %q", date, got, want)
		}
	}
}

func TestTheAlmanacRefusesOddValues(t *testing.T) {
	for why, text := range map[string]string{
		"null is not 0 degrees": `{"source":"s","cities":{"a":[{"date":"2026-12-01","low":null,"high":1}]}}`,
		"nothing at all":        `{"source":"s","cities":{"a":[{"date":"2026-12-01"}]}}`,
		"hotter than ever":      `{"source":"s","cities":{"a":[{"date":"2026-12-01","low":1,"high":99}]}}`,
		"upside down":           `{"source":"s","cities":{"a":[{"date":"2026-12-01","low":9,"high":1}]}}`,
		"no date":               `{"source":"s","cities":{"a":[{"date":"tomorrow","low":1,"high":2}]}}`,
		"no source":             `{"cities":{}}`,
		"an unknown field":      `{"source":"s","town":{}}`,
	} {
		if _, err := ReadAlmanac(strings.NewReader(text)); err == nil {
			t.Errorf("%s was accepted", why)
		}
	}
}

func TestEventsNameTheLineTheyRefuse(t *testing.T) {
	const header = "city,name,place,starts,ends,source\n"
	for text, want := range map[string]string{
		"":                                 "reading the header of the events: EOF",
		"city,name,place,from,to,source\n": `events: column 4 is "from"; known are province, city, name, place, starts, ends, audience, expires, source`,
		"city,name,place,starts,source\n":  "events: there is no column ends",
		header + "杭州,b,c,2026-12-02,2026-12-01,s\n":             "events, line 2, ends: 2026-12-02 to 2026-12-01 is no span of days",
		header + "杭州,b,c,2026-12-02,2026-12-02,\n":              "events, line 2, source: is empty or not UTF-8",
		header + "杭州,一二三四五六七八九十一二三,c,2026-12-02,2026-12-02,s\n": "events, line 2, name: has room for 12 characters",
		header + "吉林,b,c,2026-12-02,2026-12-02,s\n":             "events, line 2, city: 吉林 is no city that is known, or could be two; give its province",
	} {
		if _, err := ReadEvents(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestAnEventForMembersIsToldToMembersOnlyAndNotPastItsExpiry(t *testing.T) {
	events, err := ReadEvents(strings.NewReader("city,name,place,starts,ends,audience,expires,source\n" +
		"杭州,会员品鉴会,孤山,2026-12-01,2026-12-03,会员,,门店\n" +
		"杭州,读书会,断桥,2026-12-02,2026-12-04,,2026-12-03,门店\n"))
	if err != nil {
		t.Fatal(err)
	}
	var a Almanac
	a.Add(events)
	named := func(tags []string, now string) any {
		r := For(context.Background(), contacts.Contact{City: "杭州", Tags: tags}, at(now), []Source{&a}, nil)
		return r.Facts()["event"]["name"]
	}
	for _, c := range []struct {
		tags []string
		now  string
		want any
	}{
		{[]string{"会员"}, "2026-12-01 10:00", "会员品鉴会"}, {nil, "2026-12-01 10:00", "读书会"}, {nil, "2026-12-03 10:00", nil},
	} {
		if got := named(c.tags, c.now); got != c.want {
			t.Errorf("%v at %s: %v, want %v", c.tags, c.now, got, c.want)
		}
	}
}

func FuzzReadAlmanac(f *testing.F) {
	f.Add(book)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ReadAlmanac(strings.NewReader(s))
		if err != nil {
			return
		}
		for city := range a.Cities {
			if _, err := a.Today(context.Background(), Place{City: city}, today); err != nil {
				t.Errorf("%s was accepted and then refused: %v", city, err)
			}
		}
	})
}

func FuzzReadEvents(f *testing.F) {
	f.Add(happenings)
	f.Fuzz(func(t *testing.T, s string) {
		events, err := ReadEvents(strings.NewReader(s))
		for _, e := range events {
			if err == nil && (e.Name == "" || e.City == "" && e.Source == "" || !e.Ends.After(e.Starts)) {
				t.Errorf("%+v", e)
			}
		}
	})
}
