package scheduler

import (
	"strings"
	"testing"
	"time"
)

func TestACampaignSaysWhatItLacks(t *testing.T) {
	good := Campaign{Name: "winter", Brand: "b", Segment: "all", TreeSource: []byte("tree"), Rate: 2, Channels: 5, RingTimeout: 30 * time.Second}
	tests := []struct {
		name string
		edit func(*Campaign)
		want string // "" is fine
	}{
		{"a complete one", func(*Campaign) {}, ""},
		{"no name", func(c *Campaign) { c.Name = "" }, "name"},
		{"no brand", func(c *Campaign) { c.Brand = "" }, "brand"},
		{"no segment is not everyone", func(c *Campaign) { c.Segment = "" }, "segment"},
		{"nothing to say", func(c *Campaign) { c.TreeSource = nil }, "dialog tree"},
		{"no pace", func(c *Campaign) { c.Rate = 0 }, "rate 0"},
		{"a pace beyond any trunk", func(c *Campaign) { c.Rate = 1001 }, "rate 1001"},
		{"no channels", func(c *Campaign) { c.Channels = 0 }, "channels 0"},
		{"rings too shortly to be heard", func(c *Campaign) { c.RingTimeout = 14 * time.Second }, "ring timeout 14s"},
		{"rings for too long", func(c *Campaign) { c.RingTimeout = 61 * time.Second }, "ring timeout 1m1s"},
		{"rings at the limits", func(c *Campaign) { c.RingTimeout = 60 * time.Second }, ""},
		{"more attempts than anyone bears", func(c *Campaign) { c.Retry.Attempts = 11 }, "attempts 11"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.edit(&c)
			err := c.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
