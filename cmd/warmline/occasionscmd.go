package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/occasions"
)

// occasionsCmd shows the kind reasons of a day, or what the calendars say.
type occasionsCmd struct {
	Place string `help:"A city, as «哈尔滨», «黑龙江 哈尔滨 南岗区» or its six-figure code." placeholder:"CITY"`
	On    string `help:"The day; today when left out. With a time: 2026-12-01T10:20." placeholder:"DATE"`
	Lunar bool   `help:"One line a day: lunar date, solar term, festival, public holiday, workday."`
	From  string `help:"First day of --lunar; today when left out." placeholder:"DATE"`
	To    string `help:"Last day of --lunar; the first when left out." placeholder:"DATE"`
	JSON  bool   `help:"JSON: one object, or one object a day with --lunar."`
}

// Help shows examples.
func (occasionsCmd) Help() string {
	return `What is a kind reason to call in a place on a day, from the configured sources
(occasions: in the config file) and the calendars. Needs no database.

Examples:

  warmline occasions --place 哈尔滨 --on 2026-12-01
  warmline occasions --lunar --from 2026-02-17 --to 2026-03-01 --json

With --lunar --json each day is one object: date, lunar{year, month, day, leap},
term, festival, holiday, workday. A text is "" where there is none. Public
holidays and workdays come from a yearly table; in a year without one, holiday
and workday are null. The lunar calendar covers 1900-01-31 to 2101-01-28.`
}

// Run prints.
func (c *occasionsCmd) Run(a *app) error {
	if c.Lunar {
		return c.calendar(a)
	}
	if c.Place == "" {
		return fmt.Errorf("name a place: --place 哈尔滨; or --lunar for the calendars alone")
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	place, err := readPlace(c.Place)
	if err != nil {
		return err
	}
	now := time.Now().In(beijing)
	if c.On != "" {
		if now, err = readDay("--on", c.On, now); err != nil {
			return err
		}
	}
	sources, err := openSources(cfg.Occasions)
	if err != nil {
		return err
	}
	r := occasions.In(a.ctx, place, now, sources, a.log)
	if c.JSON {
		return a.json(occasionsReport(place, now, r))
	}
	a.printf("%s, %s\n", placeName(place), now.Format("2006-01-02 15:04"))
	for _, o := range r.Occasions {
		a.printf("\n%s  (%s, observed %s, until %s, confidence %.2f%s)\n", o.Kind, o.Source,
			o.ObservedAt.In(beijing).Format("01-02 15:04"), o.Until.In(beijing).Format("01-02 15:04"), o.Confidence, graveness(o))
		for _, line := range factLines("", o.Facts) {
			a.printf("  %s\n", line)
		}
	}
	if len(r.Occasions) == 0 {
		a.printf("Nothing is known that would be a reason to call. Sources are set under occasions: in the config file.\n")
	}
	return nil
}

// beijing is the civil time of all of mainland China.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

func readPlace(text string) (occasions.Place, error) {
	words := append(strings.Fields(text), "", "")
	if p, ok := occasions.Locate("", words[0], words[1]); ok && words[2] == "" {
		return p, nil
	}
	if p, ok := occasions.Locate(words[0], words[1], words[2]); ok {
		return p, nil
	}
	return occasions.Place{}, fmt.Errorf("--place %q is no city that is known, or could be two; write province and city, as «吉林 吉林市»", text)
}

func placeName(p occasions.Place) string {
	name := p.City
	if p.Province != p.City {
		name = p.Province + " " + name
	}
	return strings.TrimSpace(name + " " + p.District)
}

// readDay reads a day, at ten in the morning when no time is given.
func readDay(flag, text string, now time.Time) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return t.Add(10 * time.Hour), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s %q is no day; write 2026-12-01", flag, text)
}

func graveness(o occasions.Occasion) string {
	switch {
	case o.Hold:
		return "; nobody is called"
	case o.CareOnly:
		return "; care only"
	}
	return ""
}

// factLines are facts by their names in trees, sorted.
func factLines(prefix string, facts map[string]any) (lines []string) {
	for _, k := range slices.Sorted(maps.Keys(facts)) {
		switch v := facts[k].(type) {
		case map[string]any:
			lines = append(lines, factLines(prefix+k+".", v)...)
		case time.Time:
			lines = append(lines, fmt.Sprintf("%s%s: %s", prefix, k, v.In(beijing).Format("2006-01-02 15:04")))
		default:
			lines = append(lines, fmt.Sprintf("%s%s: %v", prefix, k, v))
		}
	}
	return lines
}

type occasionLine struct {
	Kind       occasions.Kind `json:"kind"`
	Facts      map[string]any `json:"facts"`
	Source     string         `json:"source"`
	ObservedAt time.Time      `json:"observed_at"`
	ValidUntil time.Time      `json:"valid_until"`
	Confidence float64        `json:"confidence"`
	CareOnly   bool           `json:"care_only"`
	Hold       bool           `json:"hold"`
}

func occasionsReport(place occasions.Place, now time.Time, r occasions.Reading) any {
	list := []occasionLine{}
	for _, o := range r.Occasions {
		list = append(list, occasionLine{o.Kind, o.Facts, o.Source, o.ObservedAt, o.Until, o.Confidence, o.CareOnly, o.Hold})
	}
	return map[string]any{
		"place": map[string]string{"province": place.Province, "city": place.City, "district": place.District, "code": place.Code},
		"at":    now, "care_only": r.CareOnly(), "occasions": list,
	}
}

type lunarDay struct {
	Year  int  `json:"year"`
	Month int  `json:"month"`
	Day   int  `json:"day"`
	Leap  bool `json:"leap"`
}

type calendarLine struct {
	Date     string    `json:"date"`
	Lunar    *lunarDay `json:"lunar"` // null outside the table
	Term     string    `json:"term"`
	Festival string    `json:"festival"`
	Holiday  *string   `json:"holiday"` // null in a year without a table
	Workday  *bool     `json:"workday"`
}

// longestCalendar is the most days one command prints: the whole table.
const longestCalendar = 202 * 366

func (c *occasionsCmd) calendar(a *app) error {
	today := time.Now().In(beijing)
	from, err := readDay("--from", orElse(c.From, today.Format(time.DateOnly)), today)
	if err != nil {
		return err
	}
	to, err := readDay("--to", orElse(c.To, from.Format(time.DateOnly)), today)
	if err != nil {
		return err
	}
	days := int(to.Sub(from).Hours()/24) + 1
	if days < 1 || days > longestCalendar {
		return fmt.Errorf("--from %s --to %s: the last day must not be before the first, nor 202 years behind it", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	missing := map[string]bool{}
	for i := range days {
		line := calendarOf(from.AddDate(0, 0, i))
		if line.Workday == nil {
			missing[line.Date[:4]] = true
		}
		if c.JSON {
			if err := a.json(line); err != nil {
				return err
			}
			continue
		}
		a.printf("%s\n", line)
	}
	if len(missing) > 0 {
		years := slices.Sorted(maps.Keys(missing))
		fmt.Fprintf(a.std.err, "There is no table of public holidays for %s; holiday and workday are unknown there.\n", span(years))
	}
	return a.ctx.Err()
}

// span names years shortly.
func span(years []string) string {
	if len(years) < 3 {
		return strings.Join(years, " and ")
	}
	return fmt.Sprintf("%d years between %s and %s", len(years), years[0], years[len(years)-1])
}

func calendarOf(day time.Time) calendarLine {
	c := occasions.Calendar(day)
	line := calendarLine{Date: day.Format(time.DateOnly), Term: c.Term, Festival: c.Festival}
	if l := c.Lunar; l != (contacts.LunarDate{}) {
		line.Lunar = &lunarDay{l.Year, l.Month, l.Day, l.Leap}
	}
	if kind, ok := compliance.CalendarCN().Kind(day); ok {
		name, work := compliance.CalendarCN().Holiday(day), kind == compliance.Workday
		line.Holiday, line.Workday = &name, &work
	}
	return line
}

// String is the day for people.
func (l calendarLine) String() string {
	parts := []string{l.Date}
	if l.Lunar != nil {
		d := contacts.LunarDate{Year: l.Lunar.Year, Month: l.Lunar.Month, Day: l.Lunar.Day, Leap: l.Lunar.Leap}
		parts = append(parts, d.String())
	}
	for _, s := range []string{l.Term, l.Festival} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	switch {
	case l.Workday == nil:
		parts = append(parts, "假期表缺失")
	case *l.Holiday != "":
		parts = append(parts, "放假:"+*l.Holiday)
	case *l.Workday:
		parts = append(parts, "工作日")
	default:
		parts = append(parts, "周末")
	}
	return strings.Join(parts, "  ")
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
