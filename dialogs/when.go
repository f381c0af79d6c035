package dialogs

import "time"

// What a day part means when no clock time is said with it.
const (
	morningHour   = 10
	noonHour      = 12
	afternoonHour = 15
	duskHour      = 18
	eveningHour   = 19
)

// latestHour is when a time that was only guessed would come too late in the evening:
// 九点半 said at half past ten is tomorrow morning, not tonight.
const latestHour = 21

// dayPart is a part of a day that was named.
type dayPart uint8

const (
	noPart dayPart = iota
	night          // 凌晨: taken at its word
	morning
	noon
	afternoon
	dusk
	evening
	afterWork
)

// naming is what was read of a time, before it is set against now.
type naming struct {
	day         bool // a day was named, ahead days from now
	ahead       int
	date        time.Time // a date was named
	part        dayPart
	clock       bool
	hour, min   int
	exactPM     bool // 15:00 and 3 pm need no guess
	sameTime    bool // at this same time
	after       time.Duration
	hasDuration bool
	past        bool // 昨天: no time to call
}

func (m naming) named() bool {
	return !m.past && (m.day || !m.date.IsZero() || m.part != noPart || m.clock || m.hasDuration)
}

// resolve sets a moment against now. Times that have passed move on to the next day on
// which they have not; a zero result is a time that cannot be meant.
func (m naming) resolve(now time.Time) time.Time {
	if now.IsZero() || !m.named() {
		return time.Time{}
	}
	if m.hasDuration {
		return now.Add(m.after).Truncate(time.Minute)
	}
	var hour, minute int
	switch {
	case m.clock:
		hour, minute = m.toHour(), m.min
	case m.sameTime:
		hour, minute = now.Hour(), now.Minute()
	default:
		hour, minute = m.part.start()
	}
	if hour > 24 || minute > 59 {
		return time.Time{}
	}
	if !m.date.IsZero() {
		at := m.date.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
		if at.After(now) {
			return at
		}
		return time.Time{}
	}
	at := time.Date(now.Year(), now.Month(), now.Day()+m.ahead, hour, minute, 0, 0, now.Location())
	if at.After(now) {
		return at
	}
	if m.clock && m.part == noPart && !m.exactPM && hour < 12 {
		if half := at.Add(12 * time.Hour); half.After(now) && half.Hour() < latestHour {
			return half
		}
	}
	if m.day && m.ahead > 0 {
		return time.Time{}
	}
	return at.AddDate(0, 0, 1)
}

// toHour reads three as 15 in the afternoon, and as 15 when nobody calls at 3 at night.
func (m naming) toHour() int {
	h := m.hour
	switch {
	case m.exactPM:
	case m.part == afternoon || m.part == dusk || m.part == evening || m.part == afterWork:
		if h < 12 && h > 0 {
			return h + 12
		}
	case m.part == noon && h < 3:
		return h + 12
	case m.part == noPart && h >= 1 && h < 8:
		return h + 12
	}
	return h
}

// start is when a part of the day begins to be polite.
func (p dayPart) start() (hour, minute int) {
	switch p {
	case night:
		return 6, 0
	case noon:
		return noonHour, 0
	case afternoon:
		return afternoonHour, 0
	case dusk:
		return duskHour, 0
	case evening:
		return eveningHour, 0
	case afterWork:
		return duskHour, 30
	}
	return morningHour, 0
}

// weekdayAhead counts the days to a weekday: the coming one, never today, or with weeks the
// one of a week that starts on a later Monday.
func weekdayAhead(now time.Time, want time.Weekday, weeks int) int {
	if weeks == 0 {
		ahead := (int(want) - int(now.Weekday()) + 7) % 7
		if ahead == 0 {
			ahead = 7
		}
		return ahead
	}
	toMonday := (8 - int(now.Weekday())) % 7
	if toMonday == 0 {
		toMonday = 7
	}
	return toMonday + 7*(weeks-1) + (int(want)+6)%7
}

// monthEnd is the last day of now's month, or of the next when that is today.
func monthEnd(now time.Time) time.Time {
	end := time.Date(now.Year(), now.Month()+1, 0, 0, 0, 0, 0, now.Location())
	if now.Day() == end.Day() {
		end = time.Date(now.Year(), now.Month()+2, 0, 0, 0, 0, 0, now.Location())
	}
	return end
}

// dayOfMonth is the next day with this number, zero when a month has no such day.
func dayOfMonth(now time.Time, month time.Month, day int) time.Time {
	year := now.Year()
	if month == 0 {
		if month = now.Month(); day <= now.Day() {
			month++
		}
	} else if month < now.Month() || month == now.Month() && day <= now.Day() {
		year++
	}
	at := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	if day < 1 || at.Day() != day {
		return time.Time{}
	}
	return at
}
