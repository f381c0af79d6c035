package wecomtest

import (
	"net/url"
	"slices"
	"sort"
	"time"
	"unicode/utf8"
)

// person is somebody outside the corp.
type person struct {
	who     string             // phone number, or the state when no number is known
	id      string             // external_userid
	follows map[string]*follow // by member
	states  []string           // of the links the person was offered
	offers  int
	first   string // the state of the first friendship
	ever    bool   // was ever a friend
}

// follow is a member's side of a friendship.
type follow struct {
	member, state, by   string
	way                 int
	since               time.Time
	remark, description string
	mobiles, tags       []string
	left                bool // the customer deleted the member: the API does not show it
}

func (p *person) friend() bool {
	for _, f := range p.follows {
		if !f.left {
			return true
		}
	}
	return false
}

func (p *person) members() []string {
	var list []string
	for m := range p.follows {
		list = append(list, m)
	}
	sort.Strings(list)
	return list
}

func (p *person) contact() answer {
	return answer{"external_userid": p.id, "name": "顾客" + p.id[len(p.id)-4:], "type": 1, "gender": 0}
}

func (f *follow) wire() answer {
	return answer{
		"userid": f.member, "remark": f.remark, "description": f.description, "createtime": f.since.Unix(),
		"remark_mobiles": some(f.mobiles), "oper_userid": f.by, "add_way": f.way, "state": f.state,
	}
}

func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (s *Server) getCustomer(q url.Values, _ []byte) (answer, error) {
	p := s.byID[q.Get("external_userid")]
	if p == nil {
		return nil, refuse(40096, "invalid external userid")
	}
	if len(p.follows) == 0 {
		return nil, refuse(84061, "not external contact")
	}
	list := []answer{}
	for _, m := range p.members() {
		w := p.follows[m].wire()
		tags := []answer{}
		for _, id := range p.follows[m].tags {
			tags = append(tags, answer{"tag_id": id, "type": 1})
		}
		w["tags"] = tags
		list = append(list, w)
	}
	return answer{"external_contact": p.contact(), "follow_user": list, "next_cursor": ""}, nil
}

func (s *Server) byMembers(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Members []string `json:"userid_list"`
		Cursor  string   `json:"cursor"`
		Limit   int      `json:"limit"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Members) == 0 || len(in.Members) > 100 {
		return nil, refuse(40058, "userid_list needs 1 to 100 members")
	}
	for _, m := range in.Members {
		if !slices.Contains(s.o.Members, m) {
			return nil, refuse(60111, "userid not found: "+m)
		}
	}
	var all []answer
	for _, who := range s.order {
		p := s.people[who]
		for _, m := range p.members() {
			if slices.Contains(in.Members, m) {
				w := p.follows[m].wire()
				w["tag_id"] = some(p.follows[m].tags)
				all = append(all, answer{"external_contact": p.contact(), "follow_info": w})
			}
		}
	}
	from, to, next, err := page(in.Cursor, in.Limit, 50, 100, len(all))
	if err != nil {
		return nil, err
	}
	list := all[from:to]
	if list == nil {
		list = []answer{}
	}
	return answer{"external_contact_list": list, "next_cursor": next}, nil
}

// followed finds the friendship a call is about.
func (s *Server) followed(member, id string) (*person, *follow, error) {
	p := s.byID[id]
	switch {
	case !slices.Contains(s.o.Members, member):
		return nil, nil, refuse(60111, "userid not found")
	case p == nil:
		return nil, nil, refuse(40096, "invalid external userid")
	case p.follows[member] == nil:
		return nil, nil, refuse(84061, "not external contact")
	}
	return p, p.follows[member], nil
}

func (s *Server) remark(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Member      string   `json:"userid"`
		ID          string   `json:"external_userid"`
		Remark      *string  `json:"remark"`
		Description *string  `json:"description"`
		Mobiles     []string `json:"remark_mobiles"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	p, f, err := s.followed(in.Member, in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Remark == nil && in.Description == nil && in.Mobiles == nil:
		return nil, refuse(40058, "nothing to change")
	case in.Remark != nil && utf8.RuneCountInString(*in.Remark) > 20:
		return nil, refuse(40058, "remark too long")
	case in.Description != nil && utf8.RuneCountInString(*in.Description) > 150:
		return nil, refuse(40058, "description too long")
	}
	if in.Remark != nil {
		f.remark = *in.Remark
	}
	if in.Description != nil {
		f.description = *in.Description
	}
	if in.Mobiles != nil {
		f.mobiles = slices.DeleteFunc(in.Mobiles, func(m string) bool { return m == "" })
	}
	s.record("remarked", p, map[string]any{"member": f.member, "remark": f.remark})
	return nil, nil
}

// tagGroup is a group of corp tags.
type tagGroup struct {
	id, name string
	tags     []tag
}

type tag struct{ id, name string }

func (g *tagGroup) wire() answer {
	list := []answer{}
	for _, t := range g.tags {
		list = append(list, answer{"id": t.id, "name": t.name, "deleted": false})
	}
	return answer{"group_id": g.id, "group_name": g.name, "deleted": false, "tag": list}
}

func (s *Server) corpTags(url.Values, []byte) (answer, error) {
	list := []answer{}
	for _, g := range s.groups {
		list = append(list, g.wire())
	}
	return answer{"tag_group": list}, nil
}

func (s *Server) addCorpTag(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Group string `json:"group_name"`
		Tags  []struct {
			Name string `json:"name"`
		} `json:"tag"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if in.Group == "" || utf8.RuneCountInString(in.Group) > 30 || len(in.Tags) == 0 {
		return nil, refuse(40058, "need a group name of 1 to 30 characters and a tag")
	}
	var g *tagGroup
	if i := slices.IndexFunc(s.groups, func(g *tagGroup) bool { return g.name == in.Group }); i >= 0 {
		g = s.groups[i]
	} else {
		g = &tagGroup{id: s.id("et", 15), name: in.Group}
		s.groups = append(s.groups, g)
	}
	added := &tagGroup{id: g.id, name: g.name}
	for _, t := range in.Tags {
		if t.Name == "" || utf8.RuneCountInString(t.Name) > 30 {
			return nil, refuse(40058, "tag name needs 1 to 30 characters")
		}
		if slices.ContainsFunc(g.tags, func(o tag) bool { return o.name == t.Name }) {
			return nil, refuse(40071, "tag name exists: "+t.Name)
		}
		added.tags = append(added.tags, tag{s.id("et", 15), t.Name})
	}
	g.tags = append(g.tags, added.tags...)
	return answer{"tag_group": added.wire()}, nil
}

func (s *Server) markTag(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Member string   `json:"userid"`
		ID     string   `json:"external_userid"`
		Add    []string `json:"add_tag"`
		Remove []string `json:"remove_tag"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	_, f, err := s.followed(in.Member, in.ID)
	if err != nil {
		return nil, err
	}
	for _, id := range in.Add {
		known := slices.ContainsFunc(s.groups, func(g *tagGroup) bool {
			return slices.ContainsFunc(g.tags, func(t tag) bool { return t.id == id })
		})
		if !known {
			return nil, refuse(40068, "invalid tag id")
		}
		if !slices.Contains(f.tags, id) {
			f.tags = append(f.tags, id)
		}
	}
	f.tags = slices.DeleteFunc(f.tags, func(id string) bool { return slices.Contains(in.Remove, id) })
	return nil, nil
}
