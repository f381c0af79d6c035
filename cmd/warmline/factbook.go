package main

import (
	"context"
	"log/slog"
	"time"

	"warmline/compliance"
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
	cycles  contacts.Cycles
	sources []occasions.Source
	log     *slog.Logger
}

// signedFor is how old a signed order must be before it is asked about.
const signedFor = 3 * 24 * time.Hour

func (b *factBook) of(ctx context.Context, c contacts.Contact, now time.Time) dialogs.Facts {
	return b.with(c, now, occasions.For(ctx, c, now, b.sources, b.log))
}

// held says why somebody should not be called at all today: something grave goes
// on where they live.
func (b *factBook) held(ctx context.Context, c contacts.Contact, now time.Time) []compliance.Sensitive {
	return sensitive(occasions.For(ctx, c, now, b.sources, b.log))
}

func sensitive(r occasions.Reading) []compliance.Sensitive {
	o, ok := r.Held()
	if !ok {
		return nil
	}
	return []compliance.Sensitive{{Kind: string(o.Kind), Until: o.Until}}
}

// with joins what is known of a person and what holds today.
func (b *factBook) with(c contacts.Contact, now time.Time, reading occasions.Reading) dialogs.Facts {
	f := dialogs.Facts{
		"now":   now,
		"brand": b.brand,
		"contact": map[string]any{
			"name": c.Name, "surname": c.Surname, "salutation": c.Salutation(), "gender": c.Gender,
		},
		"place": map[string]any{"city": c.City, "province": c.Province},
	}
	if reading.CareOnly() {
		f["care_only"] = true
	}
	for name, fact := range reading.Facts() {
		f[name] = fact
	}
	o, ok := c.LastItem()
	if !ok || o.Refunded || o.Signed.IsZero() {
		return f
	}
	spoken, _ := b.spoken.Spoken(o.Item)
	if now.Sub(o.Signed) >= signedFor {
		f["order"] = map[string]any{
			"item": map[string]any{"spoken": spoken}, "channel": o.Channel, "signed": o.Signed,
			"days_since_signed": int(now.Sub(o.Signed).Hours() / 24),
		}
	}
	if due, ok := occasions.Due(o, spoken, b.cycles.Of(o), now); ok {
		f[string(due.Kind)] = due.Facts
	}
	return f
}
