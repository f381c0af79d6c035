package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"warmline/dialer"
	"warmline/postgres"
	"warmline/reports"
	"warmline/scheduler"
)

// body wraps an answer as huma wants it.
type body[T any] struct{ Body T }

// list wraps rows so that fields can be added beside them later.
type list[T any] struct {
	Items []T `json:"items"`
}

func listOf[T any](items []T) *body[list[T]] {
	if items == nil {
		items = []T{}
	}
	return &body[list[T]]{list[T]{items}}
}

// campaignView is a campaign with where it stands.
type campaignView struct {
	Campaign scheduler.Campaign `json:"campaign"`
	Backlog  postgres.Backlog   `json:"backlog"`
}

// failure turns an error into a problem (RFC 9457); what went wrong inside is
// logged and not told.
func (s *server) failure(err error) error {
	if errors.Is(err, postgres.ErrNotFound) {
		return huma.Error404NotFound("there is no such thing")
	}
	s.Log.Warn("api", "err", err)
	return huma.Error503ServiceUnavailable("the store does not answer; try again")
}

// conflict says why a campaign does not move.
func conflict(c scheduler.Campaign, to scheduler.CampaignState) error {
	return huma.Error409Conflict("the campaign is " + string(c.State) + " and cannot become " + string(to))
}

func (s *server) routes(api huma.API) {
	get := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary}
	}
	post := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary}
	}
	huma.Register(api, get("list-campaigns", "/api/v1/campaigns", "Campaigns and their backlog"),
		func(ctx context.Context, _ *struct{}) (*body[list[campaignView]], error) {
			all, err := s.Store.Campaigns(ctx)
			if err != nil {
				return nil, s.failure(err)
			}
			var out []campaignView
			for _, c := range all {
				b, err := s.Store.Backlog(ctx, c.ID)
				if err != nil {
					return nil, s.failure(err)
				}
				out = append(out, campaignView{c, b})
			}
			return listOf(out), nil
		})
	huma.Register(api, get("get-campaign", "/api/v1/campaigns/{id}", "One campaign"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" format:"uuid"`
		}) (*body[campaignView], error) {
			c, err := s.Store.Campaign(ctx, in.ID)
			if err != nil {
				return nil, s.failure(err)
			}
			b, err := s.Store.Backlog(ctx, c.ID)
			if err != nil {
				return nil, s.failure(err)
			}
			return &body[campaignView]{campaignView{c, b}}, nil
		})
	huma.Register(api, post("move-campaign", "/api/v1/campaigns/{id}/{move}", "Pause, resume or cancel a campaign"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" format:"uuid"`
			Move string `path:"move" enum:"pause,resume,cancel"`
		}) (*body[campaignView], error) {
			to := map[string]scheduler.CampaignState{"pause": scheduler.Pausing, "resume": scheduler.Running, "cancel": scheduler.Cancelled}[in.Move]
			c, err := s.Store.Campaign(ctx, in.ID)
			if err != nil {
				return nil, s.failure(err)
			}
			if !c.State.May(to) {
				return nil, conflict(c, to)
			}
			why := ""
			if to == scheduler.Pausing {
				why = "user"
			}
			if err := s.Store.MoveCampaign(ctx, s.Now(), in.ID, to, why, "api"); err != nil {
				// Somebody else may have moved it since it was read.
				if c, rerr := s.Store.Campaign(ctx, in.ID); rerr == nil && !c.State.May(to) {
					return nil, conflict(c, to)
				}
				return nil, s.failure(err)
			}
			c.State = to
			b, err := s.Store.Backlog(ctx, c.ID)
			if err != nil {
				return nil, s.failure(err)
			}
			return &body[campaignView]{campaignView{c, b}}, nil
		})
	huma.Register(api, get("list-people", "/api/v1/people", "People by part of a number or name, numbers masked"),
		func(ctx context.Context, in *struct {
			Query string `query:"q" maxLength:"40" doc:"part of a number or a name; empty lists the newest"`
			Limit int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
		}) (*body[list[postgres.Person]], error) {
			people, err := s.Store.People(ctx, in.Query, in.Limit)
			if err != nil {
				return nil, s.failure(err)
			}
			return listOf(people), nil
		})
	huma.Register(api, get("list-attempts", "/api/v1/attempts", "Attempts, newest first"),
		func(ctx context.Context, in *struct {
			Campaign string `query:"campaign" format:"uuid" doc:"campaign ID; empty is all"`
			Limit    int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
		}) (*body[list[postgres.Attempt]], error) {
			all, err := s.Store.Attempts(ctx, in.Campaign, in.Limit)
			if err != nil {
				return nil, s.failure(err)
			}
			return listOf(all), nil
		})
	huma.Register(api, get("list-inbound", "/api/v1/inbound", "Calls that people made to us, newest first, numbers masked"),
		func(ctx context.Context, in *struct {
			Limit int `query:"limit" default:"50" minimum:"1" maximum:"500"`
		}) (*body[list[postgres.InboundCall]], error) {
			all, err := s.Store.InboundCalls(ctx, in.Limit)
			if err != nil {
				return nil, s.failure(err)
			}
			return listOf(all), nil
		})
	huma.Register(api, get("list-calls", "/api/v1/calls", "Live calls of this process"),
		func(context.Context, *struct{}) (*body[list[dialer.Live]], error) {
			if s.Live == nil {
				return listOf[dialer.Live](nil), nil
			}
			return listOf(s.Live()), nil
		})
	huma.Register(api, post("hang-up", "/api/v1/calls/{attempt}/hangup", "Hang up a live call"),
		func(_ context.Context, in *struct {
			Attempt string `path:"attempt"`
		}) (*struct{}, error) {
			if s.Hangup == nil || !s.Hangup(in.Attempt) {
				return nil, huma.Error404NotFound("no such live call in this process")
			}
			return nil, nil
		})
	huma.Register(api, get("get-funnel", "/api/v1/funnel", "From imported to friend, with every denominator"),
		func(ctx context.Context, in *struct {
			Campaign string `query:"campaign" format:"uuid" doc:"campaign ID; empty is all"`
		}) (*body[reports.Funnel], error) {
			f, err := s.Store.Funnel(ctx, s.Now(), in.Campaign)
			if err != nil {
				return nil, s.failure(err)
			}
			return &body[reports.Funnel]{f}, nil
		})
}
