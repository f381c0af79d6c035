package web_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"warmline/dialer"
	"warmline/scheduler"
	"warmline/web"
)

// event is one message of a stream; kind is "" where only a cursor is told.
type event struct{ id, kind, data string }

// stream is one client of /api/v1/events.
type stream struct {
	w    *world
	body *bufio.Scanner
	raw  strings.Builder
	stop func()
}

// stream connects; after is the Last-Event-ID, or "".
func (w *world) stream(after string) *stream {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	w.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", w.server.URL+"/api/v1/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		w.t.Fatalf("the stream is %d %s", resp.StatusCode, ct)
	}
	return &stream{w: w, body: bufio.NewScanner(resp.Body), stop: cancel}
}

// next reads one message.
func (s *stream) next() (e event) {
	s.w.t.Helper()
	for s.body.Scan() {
		line := s.body.Text()
		s.raw.WriteString(line + "\n")
		if line == "" && e != (event{}) {
			return e
		}
		switch key, value, _ := strings.Cut(line, ": "); key {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		}
	}
	s.w.t.Fatalf("the stream ended: %v; so far:\n%s", s.body.Err(), s.raw.String())
	return e
}

// change reads on to the next change.
func (s *stream) change() event {
	s.w.t.Helper()
	for {
		if e := s.next(); e.kind == "change" {
			return e
		}
	}
}

// last is the newest change of the store.
func (s *stream) last() int64 {
	s.w.t.Helper()
	id, err := s.w.db.LastChange(s.w.t.Context())
	if err != nil {
		s.w.t.Fatal(err)
	}
	return id
}

// move moves the campaign, which is one change.
func (w *world) move(to scheduler.CampaignState) {
	w.t.Helper()
	if err := w.db.MoveCampaign(w.t.Context(), noon, w.campaign.ID, to, "", "ann"); err != nil {
		w.t.Fatal(err)
	}
}

func TestAChangeArrives(t *testing.T) {
	w := newWorld(t, 1, nil)
	s := w.stream("")
	if e := s.next(); e.kind != "" || e.id == "" {
		t.Errorf("the stream begins with %+v, want its cursor", e)
	}
	w.move(scheduler.Pausing)
	e := s.change()
	if !strings.Contains(e.data, `"kind":"campaign"`) || !strings.Contains(e.data, `"pausing"`) || !strings.Contains(e.data, w.campaign.ID) {
		t.Errorf("got %+v", e)
	}
	if e.id != fmt.Sprint(s.last()) {
		t.Errorf("its ID is %s, the store says %d", e.id, s.last())
	}
}

func TestAStreamResumesWhereItBrokeWithoutLossOrRepetition(t *testing.T) {
	w := newWorld(t, 1, nil)
	var seen []string
	at := w.stream("").next().id // broken before anything happened
	states := []scheduler.CampaignState{scheduler.Pausing, scheduler.Running, scheduler.Pausing, scheduler.Running, scheduler.Cancelled}
	for i, to := range states {
		w.move(to) // while nobody listens
		if i%2 == 0 {
			continue
		}
		s := w.stream(at)
		for range 2 {
			e := s.change()
			at, seen = e.id, append(seen, e.data)
		}
		s.stop()
	}
	seen = append(seen, w.stream(at).change().data)
	for i, to := range states {
		if !strings.Contains(seen[i], strconv.Quote(string(to))) {
			t.Errorf("change %d is %s, want %s", i, seen[i], to)
		}
	}
}

func TestLiveCallsArePushedOnlyWhenTheyChange(t *testing.T) {
	calls := make(chan []dialer.Live, 1)
	now := []dialer.Live{{Attempt: "a1", State: dialer.Ringing}}
	w := newWorld(t, 1, func(c *web.Config) {
		c.Live = func() []dialer.Live { // asked by the stream's goroutine alone
			select {
			case now = <-calls:
			default:
			}
			return now
		}
	})
	s := w.stream("")
	live := func() event {
		for {
			if e := s.next(); e.kind == "live" {
				return e
			}
		}
	}
	if e := live(); !strings.Contains(e.data, "ringing") || e.id != "" {
		t.Errorf("got %+v", e)
	}
	calls <- []dialer.Live{{Attempt: "a1", State: dialer.InDialog}}
	if e := live(); !strings.Contains(e.data, "in_dialog") {
		t.Errorf("told again without news: %+v", e)
	}
}
