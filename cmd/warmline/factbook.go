package main

import (
	"context"
	"log/slog"
	"time"

	"warmline/contacts"
	"warmline/dialogs"
	"warmline/occasions"
)

// factBook puts together what a tree may know of a person: brand, order, city
// weather, birthday, local event. A source that fails or is stale leaves its
// facts out; the tree drops the line, never the call.
type factBook struct {
	brand   string
	spoken  contacts.SpokenNames
	sources []occasions.Source
	log     *slog.Logger
}

// signedFor is how old a signed order must be before it is asked about.
const signedFor = 3 * 24 * time.Hour

func (b *factBook) of(ctx context.Context, c contacts.Contact, now time.Time) dialogs.Facts {
	f := dialogs.Facts{
		"now":   now,
		"brand": b.brand,
		"contact": map[string]any{
			"name": c.Name, "surname": c.Surname, "salutation": c.Salutation(), "gender": c.Gender,
		},
		"place": map[string]any{"city": c.City, "province": c.Province},
	}
	if o, ok := c.LastItem(); ok && !o.Refunded && !o.Signed.IsZero() && now.Sub(o.Signed) >= signedFor {
		spoken, _ := b.spoken.Spoken(o.Item)
		f["order"] = map[string]any{
			"item": map[string]any{"spoken": spoken}, "channel": o.Channel, "signed": o.Signed,
			"days_since_signed": int(now.Sub(o.Signed).Hours() / 24),
		}
	}
	for name, fact := range occasions.For(ctx, c, now, b.sources, b.log) {
		f[name] = fact
	}
	return f
}
