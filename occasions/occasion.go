package occasions

import (
	"context"
	"log/slog"
	"time"

	"warmline/contacts"
)

// Kind says what sort of reason an occasion is; it is also the name under which
// its facts reach a dialog tree.
type Kind string

// The kinds.
const (
	Weather  Kind = "weather"
	Event    Kind = "event"
	Birthday Kind = "birthday"
	Festival Kind = "festival"
)

// Place is as fine as an order's address is kept. Names are bare: 黑龙江, 哈尔滨.
type Place struct{ Province, City, District string }

// Occasion is one reason, with what may be said of it.
type Occasion struct {
	Kind       Kind
	Place      Place
	Facts      map[string]any
	Source     string    // who says so
	ObservedAt time.Time // when it was learned
	Until      time.Time // after this it may not be said any more
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

// For gives the facts of one person at now: kind → facts. Sources are asked in
// order, the first that knows a kind wins. A source that fails is logged without
// the person and leaves its facts out.
func For(ctx context.Context, c contacts.Contact, now time.Time, sources []Source, log *slog.Logger) map[string]map[string]any {
	facts := map[string]map[string]any{}
	if b, ok := birthday(c, now); ok {
		facts[string(Birthday)] = b.Facts
	}
	if f, ok := festival(now); ok {
		facts[string(Festival)] = f.Facts
	}
	if c.City == "" {
		return facts
	}
	place := Place{Province: c.Province, City: c.City, District: c.District}
	for _, s := range sources {
		found, err := s.Today(ctx, place, now)
		if err != nil && log != nil {
			log.Warn("occasion source", "city", c.City, "err", err)
		}
		for _, o := range found {
			if _, known := facts[string(o.Kind)]; !known && o.holds(now) {
				facts[string(o.Kind)] = o.Facts
			}
		}
	}
	return facts
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
		Kind: Birthday, Source: "member record", ObservedAt: now, Until: time.Date(y, m, d+1, 0, 0, 0, 0, beijing),
		Facts: map[string]any{
			"today": days == 0, "days": days, "lunar": c.Birthday.Lunar, "spoken": c.Birthday.Spoken(),
		},
	}, true
}
