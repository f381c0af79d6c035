package wecom

import (
	"slices"
	"time"
)

// Room is what one member may still do. WeCom publishes no daily number for
// adding by hand; the defaults are ours and careful.
type Room struct {
	Member       string
	Store        string // the shop or counter the member belongs to
	Daily        int    // requests a day
	UsedToday    int
	Hourly       int // requests an hour; 0 is no limit
	UsedThisHour int
	Last         time.Time // the newest request
	PausedUntil  time.Time // throttled, or too few acceptances
	Away         bool      // off shift, full, unverified
}

// Careful defaults for requests that a member sends by hand.
const (
	DefaultDaily  = 20
	DefaultHourly = 5
	MinApart      = 3 * time.Minute
)

// Has says whether the member may take one more at now.
func (r Room) Has(now time.Time) bool {
	switch {
	case r.Away, now.Before(r.PausedUntil):
		return false
	case r.UsedToday >= r.Daily:
		return false
	case r.Hourly > 0 && r.UsedThisHour >= r.Hourly:
		return false
	}
	return true
}

// Due is the earliest moment for the next request: requests stay three minutes
// apart.
func (r Room) Due(now time.Time) time.Time {
	if next := r.Last.Add(MinApart); next.After(now) {
		return next
	}
	return now
}

// Wish is what is known about the person when a member is chosen.
type Wish struct {
	Previous string // the member who followed this person before
	Store    string // the store the person bought from
	Avoid    string // the member who did not manage, when a task is reassigned
}

// Pick chooses the member with room: who followed the person before, else one of
// the person's store, else anyone; among equals the one with the smallest part
// of the day used. The second value is false when nobody has room, and then
// nothing may be promised.
func Pick(rooms []Room, wish Wish, now time.Time) (Room, bool) {
	free := slices.DeleteFunc(slices.Clone(rooms), func(r Room) bool {
		return !r.Has(now) || (wish.Avoid != "" && r.Member == wish.Avoid)
	})
	if len(free) == 0 {
		return Room{}, false
	}
	return slices.MinFunc(free, func(a, b Room) int {
		if d := rank(a, wish) - rank(b, wish); d != 0 {
			return d
		}
		// used/daily compared without dividing
		if d := a.UsedToday*b.Daily - b.UsedToday*a.Daily; d != 0 {
			return d
		}
		if a.Member < b.Member {
			return -1
		}
		return 1
	}), true
}

func rank(r Room, w Wish) int {
	switch {
	case w.Previous != "" && r.Member == w.Previous:
		return 0
	case w.Store != "" && r.Store == w.Store:
		return 1
	}
	return 2
}

// RampDaily is the room of a member who began to add at since: five a day in the
// first week, five more each week, up to the full number.
func RampDaily(since, now time.Time, full int) int {
	weeks := int(now.Sub(since) / (7 * 24 * time.Hour))
	return min(full, 5*(max(weeks, 0)+1))
}

// Headroom is how many more people may be asked now: the least of member room,
// acquisition quota less the links still outstanding, and texts paid for.
func Headroom(rooms []Room, quota, outstanding, texts int, now time.Time) int {
	left := 0
	for _, r := range rooms {
		if r.Has(now) {
			left += r.Daily - r.UsedToday
		}
	}
	return max(0, min(left, quota-outstanding, texts))
}
