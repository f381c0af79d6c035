package wecomtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// Truth is what really happened, counted by the server itself.
type Truth struct {
	Friends          int            `json:"friends"`           // people who ever became friends
	Lost             int            `json:"lost"`              // of those, friends of nobody now
	Offers           int            `json:"offers"`            // links seen and numbers given to members
	DuplicateInvites int            `json:"duplicate_invites"` // offers to a person beyond the first
	SharedStates     int            `json:"shared_states"`     // tokens offered to more than one person
	DeadLinks        int            `json:"dead_links"`        // links that lead nowhere
	Welcomes         int            `json:"welcomes"`
	Messages         []Message      `json:"messages"` // app messages that reached members
	MessagesDropped  int            `json:"messages_dropped"`
	CardsUpdated     int            `json:"cards_updated"`
	Tokens           int            `json:"tokens"` // access tokens given out
	WrongSecrets     int            `json:"wrong_secrets"`
	Peak             int            `json:"peak"`  // most calls of one API at a time
	Calls            map[string]int `json:"calls"` // by API
	CallbacksSent    int            `json:"callbacks_sent"`
	CallbacksTaken   int            `json:"callbacks_taken"`    // answered with 200
	CallbacksLost    int            `json:"callbacks_lost"`     // by fault
	CallbacksGivenUp int            `json:"callbacks_given_up"` // after all retries
	QuotaLeft        int            `json:"quota_left"`
	People           []Person       `json:"people"`
}

// Person is one invented person at the end of the day.
type Person struct {
	Who      string   `json:"who"` // phone number, or the state when no number was known
	External string   `json:"external_userid"`
	States   []string `json:"states"` // of the links the person was offered
	Offers   int      `json:"offers"`
	Friend   bool     `json:"friend"` // now
	Ever     bool     `json:"ever"`
	Members  []string `json:"members"` // who follow the person, one-way relations too
}

// Truth tells what happened so far.
func (s *Server) Truth() Truth {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.truth
	t.Calls = maps.Clone(s.truth.Calls)
	t.Messages = slices.Clone(s.truth.Messages)
	t.QuotaLeft = s.quota
	seen := map[string]int{}
	for _, who := range s.order {
		p := s.people[who]
		for _, state := range p.states {
			seen[state]++
		}
		if p.ever {
			t.Friends++
			if !p.friend() {
				t.Lost++
			}
		}
		t.People = append(t.People, Person{
			Who: p.who, External: p.id, States: slices.Clone(p.states), Offers: p.offers,
			Friend: p.friend(), Ever: p.ever, Members: p.members(),
		})
	}
	for _, n := range seen {
		if n > 1 {
			t.SharedStates++
		}
	}
	return t
}

// control registers what another process may do to the server.
func (s *Server) control(mux *http.ServeMux) {
	type order struct {
		URL    string `json:"url"`
		Phone  string `json:"phone"`
		Member string `json:"member"`
		Remark string `json:"remark"`
		Task   string `json:"task"`
		Key    string `json:"key"`
		Fault
	}
	do := func(name string, f func(o order) error) {
		mux.HandleFunc("POST /control/"+name, func(w http.ResponseWriter, r *http.Request) {
			var o order
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil {
				http.Error(w, "the body must be a JSON object: "+err.Error(), http.StatusBadRequest)
				return
			}
			if err := f(o); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
			}
		})
	}
	do("open", func(o order) error { s.OfferSeen(o.URL, o.Phone); return nil })
	do("task", func(o order) error { s.TaskSeen(o.Member, o.Phone, o.Remark); return nil })
	do("add", func(o order) error { return s.MemberAdds(o.Member, o.Phone, o.Remark) })
	do("delete", func(o order) error { s.Delete(o.Phone); return nil })
	do("press", func(o order) error { s.Press(o.Member, o.Task, o.Key); return nil })
	do("callback", func(o order) error { s.SetCallback(o.URL); return nil })
	do("fault", func(o order) error { s.Inject(o.Fault); return nil })
	do("revoke", func(order) error { s.RevokeTokens(); return nil })
	mux.HandleFunc("GET /control/truth", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.Truth())
	})
}
