package wecomtest

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	maxLinkName  = 30
	maxPeople    = 500
	maxState     = 30
	maxWayPeople = 100
	maxChannel   = 64 // bytes of customer_channel; the rest is cut off in silence
	quotaLow     = 20
	memberFull   = 20_000
)

// link is an acquisition link and who came by it.
type link struct {
	id, name, url string
	members       []string
	skipVerify    bool
	created       time.Time
	came          []arrival
}

// arrival is one person who came by a link.
type arrival struct {
	id, member, state string
}

func (s *Server) createLink(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Name  string `json:"link_name"`
		Range struct {
			Members     []string `json:"user_list"`
			Departments []int    `json:"department_list"`
		} `json:"range"`
		SkipVerify *bool `json:"skip_verify"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	members := in.Range.Members
	if len(in.Range.Departments) > 0 {
		members = slices.Clone(s.o.Members) // one department holds everybody
	}
	switch {
	case in.Name == "" || utf8.RuneCountInString(in.Name) > maxLinkName:
		return nil, refuse(40058, "link_name needs 1 to 30 characters")
	case len(members) == 0 || len(members) > maxPeople:
		return nil, refuse(40058, "range needs 1 to 500 people")
	case len(s.links) >= s.o.MaxLinks:
		return nil, refuse(41095, "too many links")
	}
	for _, m := range members {
		if !slices.Contains(s.o.Members, m) {
			return nil, refuse(60111, "userid not found: "+m)
		}
	}
	l := &link{
		id: s.id("cawcde", 6), name: in.Name, members: members, created: s.o.Now(),
		skipVerify: in.SkipVerify == nil || *in.SkipVerify,
	}
	l.url = s.URL() + "/ca/" + l.id
	s.links[l.id] = l
	s.linkIDs = append(s.linkIDs, l.id)
	return answer{"link": answer{"link_id": l.id, "link_name": l.name, "url": l.url, "create_time": l.created.Unix()}}, nil
}

func (s *Server) linkOf(body []byte, into any) (*link, error) {
	var in struct {
		ID string `json:"link_id"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if into != nil {
		if err := read(body, into); err != nil {
			return nil, err
		}
	}
	l := s.links[in.ID]
	if l == nil {
		return nil, refuse(40058, "link_id not found")
	}
	return l, nil
}

func (s *Server) getLink(_ url.Values, body []byte) (answer, error) {
	l, err := s.linkOf(body, nil)
	if err != nil {
		return nil, err
	}
	return answer{
		"link":  answer{"link_name": l.name, "url": l.url, "create_time": l.created.Unix(), "skip_verify": l.skipVerify},
		"range": answer{"user_list": l.members, "department_list": []int{}},
	}, nil
}

func (s *Server) linkCustomers(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Limit  int    `json:"limit"`
		Cursor string `json:"cursor"`
	}
	l, err := s.linkOf(body, &in)
	if err != nil {
		return nil, err
	}
	from, to, next, err := page(in.Cursor, in.Limit, 1000, 1000, len(l.came))
	if err != nil {
		return nil, err
	}
	list := []answer{}
	for _, a := range l.came[from:to] {
		list = append(list, answer{"external_userid": a.id, "userid": a.member, "chat_status": 0, "state": a.state})
	}
	return answer{"customer_list": list, "next_cursor": next}, nil
}

// page turns an opaque cursor into a range.
func page(cursor string, limit, usual, most, n int) (from, to int, next string, err error) {
	if limit == 0 {
		limit = usual
	}
	if limit < 1 || limit > most {
		return 0, 0, "", refuse(40058, fmt.Sprintf("limit must be 1 to %d", most))
	}
	if cursor != "" {
		v, err := strconv.ParseInt(cursor, 36, 32)
		if err != nil || v%7 != 3 {
			return 0, 0, "", refuse(40058, "invalid cursor")
		}
		from = int(v / 7)
	}
	from = min(max(from, 0), n)
	to = min(from+limit, n)
	if to < n {
		next = strconv.FormatInt(int64(to)*7+3, 36)
	}
	return from, to, next, nil
}

func (s *Server) quotaLeft(url.Values, []byte) (answer, error) {
	end := s.o.Now().AddDate(1, 0, 0).Truncate(24 * time.Hour)
	return answer{
		"total": s.used, "balance": s.quota,
		"quota_list": []answer{{"expire_date": end.Unix(), "balance": s.quota}},
	}, nil
}

// AddQuota buys more friends by link; from nothing it says so by callback.
func (s *Server) AddQuota(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	empty := s.quota == 0
	s.quota += n
	if empty && n > 0 {
		s.push(s.event("customer_acquisition", "balance_increased")...)
	}
}

// spend takes one friend off the quota. The lock is held.
func (s *Server) spend() []*pushed {
	s.quota--
	s.used++
	switch s.quota {
	case quotaLow - 1:
		return s.event("customer_acquisition", "balance_low")
	case 0:
		return s.event("customer_acquisition", "balance_exhausted")
	}
	return nil
}

func (s *Server) addWay(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Type  int      `json:"type"`
		Scene int      `json:"scene"`
		User  []string `json:"user"`
		State string   `json:"state"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Type == 0:
		return nil, refuse(41037, "missing type")
	case in.Scene == 0:
		return nil, refuse(41038, "missing scene")
	case in.Type != 1 && in.Type != 2:
		return nil, refuse(41039, "invalid type")
	case in.Scene != 1 && in.Scene != 2:
		return nil, refuse(41040, "invalid scene")
	case in.Type == 1 && len(in.User) != 1:
		return nil, refuse(40058, "a single way has exactly one user")
	case len(in.User) > maxWayPeople:
		return nil, refuse(41041, "more than 100 users")
	case utf8.RuneCountInString(in.State) > maxState:
		return nil, refuse(40058, "state too long")
	}
	id := s.id("", 16)
	s.ways[id] = in.State
	return answer{"config_id": id, "qr_code": s.URL() + "/qr/" + id}, nil
}

func (s *Server) followUsers(url.Values, []byte) (answer, error) {
	return answer{"follow_user": s.o.Members}, nil
}

func (s *Server) callbackIPs(url.Values, []byte) (answer, error) {
	return answer{"ip_list": []string{"127.0.0.1"}}, nil
}

// page shows what a browser would see behind an acquisition link.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	l := s.links[r.PathValue("link")]
	s.mu.Unlock()
	if l == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>获客链接</title><p>%s（模拟）</p>", html.EscapeString(l.name))
}
