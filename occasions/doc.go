// Package occasions finds the kind reason to call somebody today: a cold snap
// where they live, a birthday by either calendar, a festival, something going on
// in their city.
//
// A [Source] is asked once per city and hour and gives [Occasion] values, each
// with where it was learned, when, and until when it holds. [For] puts together
// what is to be known about one person, under the names dialog trees use:
//
//	weather   drop_48h, today{low, high, text}, tomorrow{low, high, text}, observed_at
//	event     name, place, date, observed_at
//	birthday  today, days, lunar, spoken
//	festival  name, days
//
// What it promises: a missing, late, stale or odd value is no value. There is no
// "0 degrees" because a field was null; the tree drops the line, never the call.
//
// Two sources of weather stand side by side: an [Almanac] read from files, fixed,
// for tests and rehearsals, and [Forecast], an HTTP client for services shaped
// like Open-Meteo, with a deadline and a cache. The package may go out to the
// network but has no clock: it is told now.
package occasions
