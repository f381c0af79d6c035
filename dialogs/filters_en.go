package dialogs

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// englishFilters say in English what filters says in Chinese; the names are the same.
var englishFilters = map[string]func(any, time.Time) (any, bool){
	"temperature": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok {
			return v, isText(v)
		}
		return englishCount(int(math.Round(f)), "degree"), true
	},
	"date": func(v any, _ time.Time) (any, bool) {
		at, ok := v.(time.Time)
		if !ok {
			return v, isText(v)
		}
		return englishDate(at), true
	},
	"money": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok || f < 0 || f > 1e8 {
			return nil, false
		}
		fen := int(math.Round(f * 100))
		s := englishInt(fen/100) + " yuan"
		if fen%100 > 0 {
			s += " " + englishInt(fen%100)
		}
		return s, true
	},
	"phone": func(v any, _ time.Time) (any, bool) {
		digits := plainText(v, time.Time{})
		for _, country := range []string{"+86", "+1", "+"} {
			digits = strings.TrimPrefix(digits, country)
		}
		return englishPhone(digits)
	},
	"count": func(v any, _ time.Time) (any, bool) {
		f, ok := v.(float64)
		if !ok {
			return v, isText(v)
		}
		return englishNumber(f), true
	},
	"spoken": func(v any, now time.Time) (any, bool) {
		switch v := v.(type) {
		case time.Time:
			return englishTime(v, now), true
		case float64:
			return englishNumber(v), true
		}
		return v, isText(v)
	},
}

// plainEnglish says a value nobody filtered.
func plainEnglish(v any, now time.Time) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return englishNumber(v)
	case int:
		return englishInt(v)
	case time.Time:
		return englishTime(v, now)
	}
	return ""
}

var englishOnes = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")

var englishTens = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")

// englishInt says a whole number: 25 is twenty-five, 105 is one hundred and five.
func englishInt(n int) string {
	if n < 0 {
		return "minus " + englishInt(-n)
	}
	if n < 20 {
		return englishOnes[n]
	}
	if n < 100 {
		if n%10 == 0 {
			return englishTens[n/10]
		}
		return englishTens[n/10] + "-" + englishOnes[n%10]
	}
	for _, unit := range []struct {
		size int
		name string
	}{{1e9, "billion"}, {1e6, "million"}, {1000, "thousand"}, {100, "hundred"}} {
		if n < unit.size {
			continue
		}
		s, rest := englishInt(n/unit.size)+" "+unit.name, n%unit.size
		switch {
		case rest == 0:
			return s
		case rest < 100:
			return s + " and " + englishInt(rest)
		}
		return s + " " + englishInt(rest)
	}
	return strconv.Itoa(n)
}

// englishCount says how many of something: minus one degree, twelve degrees.
func englishCount(n int, of string) string {
	if n != 1 && n != -1 {
		of += "s"
	}
	return englishInt(n) + " " + of
}

func englishNumber(f float64) string {
	if math.Abs(f) > 1e11 {
		return ""
	}
	whole, frac, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'f', -1, 64), ".")
	n, _ := strconv.Atoi(whole)
	out := englishInt(n)
	if f < 0 {
		out = "minus " + out
	}
	if frac != "" {
		out += " point"
		for _, r := range frac {
			out += " " + englishOnes[r-'0']
		}
	}
	return out
}

// englishDate is November twenty-eighth: what both sides of the Atlantic understand.
func englishDate(at time.Time) string { return at.Month().String() + " " + englishOrdinal(at.Day()) }

// englishOrdinal says which day of the month: twentieth, twenty-first.
func englishOrdinal(n int) string {
	if n > 20 && n%10 > 0 {
		return englishTens[n/10] + "-" + englishOrdinal(n%10)
	}
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	case 5:
		return "fifth"
	case 8:
		return "eighth"
	case 9:
		return "ninth"
	case 12:
		return "twelfth"
	}
	if s, ok := strings.CutSuffix(englishInt(n), "y"); ok {
		return s + "ieth"
	}
	return englishInt(n) + "th"
}

// englishPhone says a number digit by digit, in the groups it is written in: three,
// three and four digits of North America, three, four and four of China.
func englishPhone(digits string) (any, bool) {
	groups := map[int][]int{10: {3, 6}, 11: {3, 7}}[len(digits)]
	var b strings.Builder
	for i, r := range digits {
		if r < '0' || r > '9' {
			return nil, false
		}
		switch {
		case len(groups) > 0 && i == groups[0]:
			b.WriteString(", ")
			groups = groups[1:]
		case i > 0:
			b.WriteString(" ")
		}
		b.WriteString(englishOnes[r-'0'])
	}
	return b.String(), b.Len() > 0
}

// englishTime says a time as one would on the phone: tomorrow afternoon at three,
// at half past ten this morning, on Friday at noon.
func englishTime(at, now time.Time) string {
	at = at.In(now.Location())
	part, clock := "morning", englishClock(at)
	switch hour := at.Hour(); {
	case clock == "noon":
		part = ""
	case hour >= 18:
		part = "evening"
	case hour >= 12:
		part = "afternoon"
	}
	ahead := daysAhead(at, now)
	day := "on " + at.Weekday().String()
	switch {
	case now.IsZero() || ahead < 0 || ahead > 6:
		day = "on " + englishDate(at) + " at " + clock
		if part != "" {
			day += " in the " + part
		}
		return day
	case ahead == 0 && part == "":
		return "at noon today"
	case ahead == 0:
		return "at " + clock + " this " + part
	case ahead == 1:
		day = "tomorrow"
	}
	if part != "" {
		day += " " + part
	}
	return day + " at " + clock
}

// englishClock is three, half past ten, five to nine, noon.
func englishClock(at time.Time) string {
	name := func(hour int) string { return englishOnes[(hour+11)%12+1] }
	hour, m := at.Hour(), at.Minute()
	switch {
	case m == 0 && hour == 12:
		return "noon"
	case m == 0:
		return name(hour)
	case m == 30:
		return "half past " + name(hour)
	case m == 15:
		return "quarter past " + name(hour)
	case m == 45:
		return "quarter to " + name(hour+1)
	case m < 10:
		return name(hour) + " oh " + englishInt(m)
	}
	return name(hour) + " " + englishInt(m)
}
