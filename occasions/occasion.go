package occasions

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"warmline/contacts"
)

// Kind says what sort of reason an occasion is; it is also the name under which
// its facts reach a dialog tree.
type Kind string

// The kinds.
const (
	Weather     Kind = "weather"
	Event       Kind = "event"
	Birthday    Kind = "birthday"
	Festival    Kind = "festival"
	Term        Kind = "term"        // a solar term begins
	Anniversary Kind = "anniversary" // of the first order
	Replenish   Kind = "replenish"   // what was bought will be used up
	Warning     Kind = "warning"     // an official warning is in force
	Outbreak    Kind = "outbreak"    // of a disease, officially announced
	Disaster    Kind = "disaster"
	Mourning    Kind = "mourning"
)

// Place is as fine as an order's address is kept. Names are bare: 黑龙江, 哈尔滨.
// Code is the city's in GB/T 2260, where Locate has found it.
type Place struct{ Province, City, District, Code string }

// Occasion is one reason, with what may be said of it.
type Occasion struct {
	Kind       Kind
	Place      Place
	Facts      map[string]any
	Source     string    // who says so
	ObservedAt time.Time // when it was learned
	Until      time.Time // after this it may not be said any more
	Confidence float64   // 0 to 1: a calendar is 1, a forecast less
	Audience   string    // a tag the person must have; "" is everybody
	CareOnly   bool      // while it holds, nothing is asked or sold in its place
	Hold       bool      // while it holds, nobody in its place is called
}

// beijing is the civil time of all of mainland China.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// holds says whether the occasion may be spoken of at now.
func (o Occasion) holds(now time.Time) bool {
	return !o.ObservedAt.After(now) && now.Before(o.Until)
}

// Source tells what there is in a place today. An error means nothing is known; it
// must not take longer than a person would wait, for the planner asks it.
type Source interface {
	Today(ctx context.Context, place Place, now time.Time) ([]Occasion, error)
}

// A Reading is everything that holds for one person now.
type Reading struct {
	Occasions []Occasion // one of a kind, the first source's; in the order of kinds
}

// Facts are what a tree may know, by kind.
func (r Reading) Facts() map[string]map[string]any {
	facts := map[string]map[string]any{}
	for _, o := range r.Occasions {
		facts[string(o.Kind)] = o.Facts
	}
	return facts
}

// CareOnly tells whether something grave goes on where the person lives: then
// nothing may be asked, offered or sent.
func (r Reading) CareOnly() bool {
	return slices.ContainsFunc(r.Occasions, func(o Occasion) bool { return o.CareOnly })
}

// Held gives the occasion for which the person should not be called at all.
func (r Reading) Held() (Occasion, bool) {
	i := slices.IndexFunc(r.Occasions, func(o Occasion) bool { return o.Hold })
	if i < 0 {
		return Occasion{}, false
	}
	return r.Occasions[i], true
}

// For reads what holds for one person at now: what the calendars and the person's
// own orders say, then the sources in order; the first that knows a kind wins. A
// source that fails is logged without the person and leaves its facts out.
func For(ctx context.Context, c contacts.Contact, now time.Time, sources []Source, log *slog.Logger) Reading {
	place, located := Locate(c.Province, c.City, c.District)
	if !located {
		place = Place{Province: c.Province, City: c.City, District: c.District}
	}
	r := in(ctx, place, now, c.Tags, sources, log)
	if b, ok := birthday(c, now); ok {
		r.add(b)
	}
	if a, ok := anniversary(c, now); ok {
		r.add(a)
	}
	r.sort()
	return r
}

// In reads what holds in a place at now for everybody who lives there.
func In(ctx context.Context, place Place, now time.Time, sources []Source, log *slog.Logger) Reading {
	return in(ctx, place, now, nil, sources, log)
}

func in(ctx context.Context, place Place, now time.Time, tags []string, sources []Source, log *slog.Logger) Reading {
	var r Reading
	for _, o := range calendar(now) {
		r.add(o)
	}
	if place.City != "" {
		for _, s := range sources {
			found, err := s.Today(ctx, place, now)
			if err != nil && log != nil {
				log.Warn("occasion source", "city", place.City, "err", err)
			}
			for _, o := range found {
				if o.holds(now) && (o.Audience == "" || slices.Contains(tags, o.Audience)) {
					r.add(o)
				}
			}
		}
	}
	r.sort()
	return r
}

// add keeps one occasion of a kind, but never lets a milder one hide a graver.
func (r *Reading) add(o Occasion) {
	i := slices.IndexFunc(r.Occasions, func(old Occasion) bool { return old.Kind == o.Kind })
	switch {
	case i < 0:
		r.Occasions = append(r.Occasions, o)
	case o.Hold && !r.Occasions[i].Hold:
		r.Occasions[i] = o
	}
}

func (r *Reading) sort() {
	slices.SortStableFunc(r.Occasions, func(a, b Occasion) int { return cmp.Compare(a.Kind, b.Kind) })
}

// birthdayAhead is how many days before a birthday it becomes a reason to call.
const birthdayAhead = 7

// birthday is an occasion on the day itself and the week before, never after.
func birthday(c contacts.Contact, now time.Time) (Occasion, bool) {
	days, ok := c.Birthday.DaysUntil(now.In(beijing))
	if !ok || days > birthdayAhead {
		return Occasion{}, false
	}
	y, m, d := now.In(beijing).Date()
	return Occasion{
		Kind: Birthday, Source: "member record", ObservedAt: now, Until: time.Date(y, m, d+1, 0, 0, 0, 0, beijing), Confidence: 1,
		Facts: map[string]any{
			"today": days == 0, "days": days, "lunar": c.Birthday.Lunar, "spoken": c.Birthday.Spoken(),
		},
	}, true
}
