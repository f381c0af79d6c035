// Package occasions finds the kind reason to call somebody today: a cold snap
// where they live, a birthday by either calendar, a festival or solar term,
// something going on in their city, a year since their first order.
//
// A [Source] is asked once per city and hour and gives [Occasion] values, each
// with where it was learned, when, until when it holds and how sure it is. [For]
// puts together a [Reading] for one person; its facts carry the names dialog trees
// use:
//
//	weather      kind, drop_48h, today{low, high, text, rain, wind}, tomorrow{…}, observed_at, source
//	event        name, place, date, observed_at, source
//	birthday     today, days, lunar, spoken
//	festival     name, days
//	term         name
//	anniversary  years, days
//	replenish    item, days
//	warning, outbreak, disaster, mourning   title, level, issuer, link
//
// weather.kind is named by [Rules] an operator may edit: cold_snap, heat, rain …
//
// # What it promises
//
// A missing, late, stale or odd value is no value. There is no "0 degrees" because
// a field was null; the tree drops the line, never the call. A service that fails
// is left alone for a while, and what it said before holds for six hours.
//
// What is grave is never a reason to sell. A warning, an outbreak or a disaster is
// taken only with the name of the official body that issued it, its title carries
// no numbers of the ill or dead, and while it holds its district gets care alone
// ([Reading.CareOnly]); with level red, and on days of mourning, nobody there is
// called ([Reading.Held]).
//
// # Where it is known from
//
// Weather: [Forecast] (services shaped like Open-Meteo), [QWeather] (和风天气, with
// official warnings), [Almanac] (fixed, for tests and rehearsals). Events:
// [ReadEvents] and [Feed] (iCalendar, CSV, JSON). Grave things: [Notices], kept by
// hand from announcements. The calendars are computed: solar terms by the Sun's
// longitude, lunar dates by the table in package contacts; both are right to the
// day for 1900 to 2100. [Locate] turns what addresses say into one [Place].
//
// The package may go out to the network but has no clock: it is told now.
package occasions
