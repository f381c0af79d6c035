package occasions

import (
	"time"

	"warmline/contacts"
)

// anniversaryAhead is how many days before the anniversary of a first order it
// becomes a reason to call.
const anniversaryAhead = 3

// anniversary is the day, one or more years ago, of the first order that was not
// refunded, and the days before it, never after. 29 February falls on the 28th.
func anniversary(c contacts.Contact, now time.Time) (Occasion, bool) {
	var first time.Time
	for _, o := range c.Orders {
		if !o.Refunded && !o.Paid.IsZero() && (first.IsZero() || o.Paid.Before(first)) {
			first = o.Paid
		}
	}
	if first.IsZero() {
		return Occasion{}, false
	}
	y, m, d := now.In(beijing).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, beijing)
	fy, fm, fd := first.In(beijing).Date()
	for years := y - fy; years <= y-fy+1; years++ {
		day := time.Date(fy+years, fm, fd, 0, 0, 0, 0, beijing)
		if day.Month() != fm { // 29 February
			day = day.AddDate(0, 0, -1)
		}
		days := int(day.Sub(today).Hours() / 24)
		if years >= 1 && days >= 0 && days <= anniversaryAhead {
			return Occasion{
				Kind: Anniversary, Source: "orders", ObservedAt: now, Until: today.AddDate(0, 0, 1), Confidence: 1,
				Facts: map[string]any{"years": years, "days": days},
			}, true
		}
	}
	return Occasion{}, false
}

// replenishAhead is how many days before something is used up it becomes a reason
// to call, and replenishLate how many after.
const (
	replenishAhead = 7
	replenishLate  = 14
)

// Due tells whether what was bought will be used up about now: cycle is how long
// one order of it lasts, from the table of spoken names. spoken is the item's
// spoken name. It is no occasion without either.
func Due(o contacts.Order, spoken string, cycle time.Duration, now time.Time) (Occasion, bool) {
	if o.Signed.IsZero() || o.Refunded || cycle <= 0 || spoken == "" {
		return Occasion{}, false
	}
	end := o.Signed.Add(cycle)
	if now.Before(end.AddDate(0, 0, -replenishAhead)) || now.After(end.AddDate(0, 0, replenishLate)) {
		return Occasion{}, false
	}
	y, m, d := now.In(beijing).Date()
	ey, em, ed := end.In(beijing).Date()
	days := int(time.Date(ey, em, ed, 0, 0, 0, 0, beijing).Sub(time.Date(y, m, d, 0, 0, 0, 0, beijing)).Hours() / 24)
	return Occasion{
		Kind: Replenish, Source: "orders", ObservedAt: now, Until: end.AddDate(0, 0, replenishLate), Confidence: 0.6,
		Facts: map[string]any{"item": spoken, "days": max(days, 0)},
	}, true
}
