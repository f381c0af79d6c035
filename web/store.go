package web

import (
	"context"
	"time"

	"warmline/postgres"
	"warmline/reports"
	"warmline/scheduler"
)

// Store is what the API reads and moves.
type Store interface {
	Ping(ctx context.Context) error
	Campaigns(ctx context.Context) ([]scheduler.Campaign, error)
	Campaign(ctx context.Context, id string) (scheduler.Campaign, error)
	Backlog(ctx context.Context, campaign string) (postgres.Backlog, error)
	MoveCampaign(ctx context.Context, now time.Time, id string, to scheduler.CampaignState, why, actor string) error
	People(ctx context.Context, query string, limit int) ([]postgres.Person, error)
	Attempts(ctx context.Context, campaign string, limit int) ([]postgres.Attempt, error)
	InboundCalls(ctx context.Context, limit int) ([]postgres.InboundCall, error)
	Funnel(ctx context.Context, now time.Time, campaign string) (reports.Funnel, error)
	Changes(ctx context.Context, after int64, limit int) ([]postgres.Change, error)
	LastChange(ctx context.Context) (int64, error)
}

var _ Store = (*postgres.DB)(nil)
