package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	sseEvery = 250 * time.Millisecond // at most four pushes a second
	ssePing  = 15 * time.Second
	sseBatch = 500
)

// events streams what changes, by cursor: "change" events carry durable
// changes and their ID, "live" events the calls of this process. A client that
// reconnects sends Last-Event-ID and misses nothing.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	var cursor int64
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			http.Error(w, "Last-Event-ID is not a cursor of this stream", http.StatusBadRequest)
			return
		}
		cursor = n
	} else {
		n, err := s.Store.LastChange(r.Context())
		if err != nil {
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		cursor = n
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	// An ID alone is no event, but the client keeps it: who is cut off before the
	// first change comes back to where it began.
	if _, err := fmt.Fprintf(w, "id: %d\n\n", cursor); err != nil {
		return
	}
	tick, ping := time.NewTicker(sseEvery), time.NewTicker(ssePing)
	defer tick.Stop()
	defer ping.Stop()
	var told string
	for {
		list, err := s.Store.Changes(r.Context(), cursor, sseBatch)
		if err != nil {
			return // the client comes back with its cursor
		}
		for _, c := range list {
			b, err := json.Marshal(c)
			if err != nil {
				continue
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: change\ndata: %s\n\n", c.ID, b); err != nil {
				return
			}
			cursor = c.ID
		}
		if s.Live != nil {
			if b, err := json.Marshal(s.Live()); err == nil && string(b) != told {
				told = string(b)
				if _, err := fmt.Fprintf(w, "event: live\ndata: %s\n\n", b); err != nil {
					return
				}
			}
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		case <-ping.C:
			if _, err := fmt.Fprint(w, ": ping\n\n"); err != nil {
				return
			}
		}
	}
}
