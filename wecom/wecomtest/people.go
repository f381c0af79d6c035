package wecomtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The ways of becoming friends that the server plays.
const (
	wayPhone    = 2
	wayLink     = 16
	wayAssigned = 202
)

// memberConfirms is how long a member takes to accept who came by a link that
// asks for it.
const memberConfirms = time.Second

// Habit is what people do when nothing else is said: of ten, seven add within
// one to three seconds, and a tenth of those delete the member a few seconds
// later. The same person always does the same.
func Habit(state, phone string) (adds bool, after, deletesAfter time.Duration) {
	who := phone
	if who == "" {
		who = state
	}
	h := fnv.New64a()
	h.Write([]byte(who))
	n := h.Sum64()
	n ^= n >> 29 // fnv mixes the last digits of numbers badly
	n *= 0xbf58476d1ce4e5b9
	n ^= n >> 32
	if n%100 >= 70 {
		return false, 0, 0
	}
	after = time.Second + time.Duration(n>>8%2000)*time.Millisecond
	if n>>24%10 == 0 {
		deletesAfter = 4*time.Second + time.Duration(n>>32%4000)*time.Millisecond
	}
	return true, after, deletesAfter
}

// meet finds or makes a person. The lock is held.
func (s *Server) meet(who string) *person {
	p := s.people[who]
	if p == nil {
		sum := sha256.Sum256([]byte(s.o.CorpID + "|" + who))
		p = &person{who: who, id: "wo" + hex.EncodeToString(sum[:])[:30], follows: map[string]*follow{}}
		s.people[who], s.byID[p.id] = p, p
		s.order = append(s.order, who)
	}
	return p
}

// offered counts an offer; the second one to a person is a duplicate. The lock
// is held.
func (s *Server) offered(p *person, channel, state string) {
	p.offers++
	if state != "" && !slices.Contains(p.states, state) {
		p.states = append(p.states, state)
	}
	s.truth.Offers++
	if p.offers > 1 {
		s.truth.DuplicateInvites++
		s.record("invited_again", p, map[string]any{"channel": channel, "state": state})
		return
	}
	s.record("invited", p, map[string]any{"channel": channel, "state": state})
}

// OfferSeen says that a person got a message with the link. The person then
// does as [Options.People] says. A link to another page is followed until it
// leads to an acquisition link. The phone may be "".
func (s *Server) OfferSeen(link, phone string) {
	s.start(func() {
		target, err := s.follow(link)
		if err != nil {
			s.o.Log.Warn("wecomtest: the link leads nowhere", "error", err)
			s.mu.Lock()
			s.truth.DeadLinks++
			s.mu.Unlock()
			return
		}
		_, state := parse(target)
		who := phone
		if who == "" {
			who = state
		}
		s.mu.Lock()
		s.offered(s.meet(who), "link", state)
		s.mu.Unlock()
		adds, after, leaves := s.o.People(state, phone)
		if !adds || !s.pause(after) {
			return
		}
		if err := s.Open(target, who); err != nil {
			s.o.Log.Warn("wecomtest: the person could not add", "error", err)
			return
		}
		if leaves > 0 && s.pause(leaves) {
			s.Delete(who)
		}
	})
}

// follow opens pages until an acquisition link is reached.
func (s *Server) follow(link string) (string, error) {
	isLink := func(u *url.URL) bool { return strings.HasPrefix(u.Path, "/ca/") }
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("link %q: %w", link, err)
	}
	if isLink(u) {
		return link, nil
	}
	var found string
	browser := &http.Client{Timeout: s.o.Deadline, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if isLink(r.URL) {
			found = r.URL.String()
			return http.ErrUseLastResponse
		}
		if len(via) > 5 {
			return fmt.Errorf("too many redirects")
		}
		return nil
	}}
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if found == "" {
		return "", fmt.Errorf("page %s leads to no acquisition link", link)
	}
	return found, nil
}

// parse splits an acquisition link into its ID and the token it carries, which
// WeCom cuts to 64 bytes.
func parse(link string) (id, state string) {
	u, err := url.Parse(link)
	if err != nil {
		return "", ""
	}
	state = u.Query().Get("customer_channel")
	if len(state) > maxChannel {
		state = state[:maxChannel]
	}
	return strings.TrimPrefix(u.Path, "/ca/"), state
}

// Open is a person opening an acquisition link and adding the member behind it.
// The person is a phone number or any name; who opens a link meant for another
// is a forwarded link.
func (s *Server) Open(linkURL, who string) error {
	id, state := parse(linkURL)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[id]
	if l == nil {
		return fmt.Errorf("no acquisition link %q", id)
	}
	p := s.meet(who)
	if s.quota <= 0 {
		s.record("no_quota", p, nil)
		return fmt.Errorf("the acquisition quota is used up")
	}
	member := s.roomiest(l.members)
	if member == "" {
		s.push(s.event("customer_acquisition", "link_unavailable", field{"LinkId", l.id})...)
		return fmt.Errorf("no member of link %s has room", l.id)
	}
	for _, m := range l.members {
		if f := p.follows[m]; f != nil && !f.left {
			s.record("already_friend", p, map[string]any{"member": m})
			return nil
		}
	}
	back := ""
	for _, m := range l.members {
		if p.follows[m] != nil {
			back = m // the one-way relation revives
		}
	}
	if back != "" {
		member = back
	}
	if s.o.OldState && p.first != "" {
		state = p.first
	}
	request := s.event("customer_acquisition", "friend_request", field{"LinkId", l.id}, field{"State", state})
	if l.skipVerify {
		s.push(append(request, s.arrive(p, l, member, state)...)...)
		return nil
	}
	half := s.event("change_external_contact", "add_half_external_contact",
		field{"UserID", member}, field{"ExternalUserID", p.id}, field{"State", state})
	s.record("half", p, map[string]any{"member": member, "state": state})
	s.push(append(request, half...)...)
	s.startLocked(func() {
		if !s.pause(memberConfirms) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.push(s.arrive(p, l, member, state)...)
	})
	return nil
}

// arrive makes a friend of a person who came by a link, and charges the quota.
// The lock is held.
func (s *Server) arrive(p *person, l *link, member, state string) []*pushed {
	if f := p.follows[member]; f != nil && !f.left {
		return nil // the person asked twice before the member looked
	}
	list := s.befriend(p, member, wayLink, p.id, state, nil)
	l.came = append(l.came, arrival{p.id, member, state})
	return append(list, s.spend()...)
}

// roomiest is the member with the fewest friends among those not full.
func (s *Server) roomiest(members []string) string {
	best, least := "", 0
	for _, m := range members {
		n := 0
		for _, p := range s.people {
			if p.follows[m] != nil {
				n++
			}
		}
		most := memberFull
		if v, ok := s.o.Full[m]; ok {
			most = v
		}
		if n < most && (best == "" || n < least) {
			best, least = m, n
		}
	}
	return best
}

// befriend connects the two and makes the event with its welcome code. The lock
// is held.
func (s *Server) befriend(p *person, member string, way int, by, state string, mobiles []string) []*pushed {
	f := &follow{member: member, state: state, way: way, by: by, since: s.o.Now(), mobiles: mobiles}
	if old := p.follows[member]; old != nil { // coming back keeps the member's notes
		f.remark, f.description, f.tags = old.remark, old.description, old.tags
		if f.mobiles == nil {
			f.mobiles = old.mobiles
		}
	}
	p.follows[member] = f
	if p.first == "" {
		p.first = state
	}
	p.ever = true
	code := s.id("WC", 16)
	s.welcomes[code] = &welcome{p: p, member: member, born: s.o.Now()}
	s.record("friends", p, map[string]any{"member": member, "state": state, "add_way": way})
	return s.event("change_external_contact", "add_external_contact",
		field{"UserID", member}, field{"ExternalUserID", p.id}, field{"State", state}, field{"WelcomeCode", code})
}

// TaskSeen says that a member got a number to add by hand. The member asks; the
// person accepts, or not, as [Options.People] says.
func (s *Server) TaskSeen(member, phone, remark string) {
	s.start(func() {
		s.mu.Lock()
		s.offered(s.meet(phone), "task", "")
		s.mu.Unlock()
		adds, after, leaves := s.o.People("", phone)
		if !adds || !s.pause(after) {
			return
		}
		if err := s.MemberAdds(member, phone, remark); err != nil {
			s.o.Log.Warn("wecomtest: the member could not add", "error", err)
			return
		}
		if leaves > 0 && s.pause(leaves) {
			s.Delete(phone)
		}
	})
}

// MemberAdds is a member searching a number and the person accepting. The
// member keeps the number in the remark; a "" remark leaves the person's name.
func (s *Server) MemberAdds(member, phone, remark string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.o.Members, member) {
		return fmt.Errorf("no member %q", member)
	}
	p := s.meet(phone)
	if f := p.follows[member]; f != nil && !f.left {
		s.record("already_friend", p, map[string]any{"member": member})
		return nil
	}
	list := s.befriend(p, member, wayPhone, member, "", []string{strings.TrimPrefix(phone, "+86")})
	p.follows[member].remark = remark
	s.push(list...)
	return nil
}

// Delete is the person deleting every member. The corp keeps a one-way relation
// that its API still shows.
func (s *Server) Delete(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[who]
	if p == nil {
		return
	}
	for _, m := range p.members() {
		if f := p.follows[m]; !f.left {
			f.left = true
			s.record("deleted_by_customer", p, map[string]any{"member": m})
			s.push(s.event("change_external_contact", "del_follow_user", field{"UserID", m}, field{"ExternalUserID", p.id})...)
		}
	}
}

// MemberDeletes is a member deleting the person.
func (s *Server) MemberDeletes(member, who string) {
	s.unfollow(member, who, "")
}

// Transfer hands the person from one member to another.
func (s *Server) Transfer(from, to, who string) {
	if !s.unfollow(from, who, "DELETE_BY_TRANSFER") {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(s.befriend(s.people[who], to, wayAssigned, "admin", "", nil)...)
}

func (s *Server) unfollow(member, who, source string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.people[who]
	if p == nil || p.follows[member] == nil {
		return false
	}
	delete(p.follows, member)
	s.record("deleted_by_member", p, map[string]any{"member": member, "source": source})
	s.push(s.event("change_external_contact", "del_external_contact",
		field{"UserID", member}, field{"ExternalUserID", p.id}, field{"Source", source})...)
	return true
}
