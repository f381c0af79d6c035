package wecom

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of customer calls (docs 92994, 92115).
const (
	pageMembers    = 100
	pageFriends    = 100
	maxRemark      = 20
	maxDescription = 150
)

// AddWay says how two people became friends. Unknown numbers are to be expected.
type AddWay int

// The ways that attribution looks at (doc 92114).
const (
	WayUnknown   AddWay = 0
	WayQR        AddWay = 1
	WayPhone     AddWay = 2 // the number was searched
	WayPhoneBook AddWay = 5
	WayLink      AddWay = 16 // acquisition link
	WayAssigned  AddWay = 202
)

// Friendship is one member and one customer who are, or were, connected.
// A customer with two members is two friendships and one person.
type Friendship struct {
	Member      string // userid
	Customer    string // external_userid, the same in all self-built apps of a corp
	Name        string // the customer's own WeChat name
	Remark      string // the member's words
	Description string
	Mobiles     []string // numbers the member keeps, as typed
	Tags        []string // tag IDs
	AddWay      AddWay
	StartedBy   string // userid when the member asked, external_userid when the customer did
	State       string // the token of the link or QR code, if any
	Since       time.Time
}

// Customer is a person outside the corp, with everyone of ours who knows them.
type Customer struct {
	ID      string
	Name    string
	UnionID string
	Friends []Friendship
}

type wireFollow struct {
	Member      string   `json:"userid"`
	Remark      string   `json:"remark"`
	Description string   `json:"description"`
	Created     int64    `json:"createtime"`
	Mobiles     []string `json:"remark_mobiles"`
	TagIDs      []string `json:"tag_id"` // batch shape
	Tags        []struct {
		ID string `json:"tag_id"`
	} `json:"tags"` // single shape
	StartedBy string `json:"oper_userid"`
	AddWay    AddWay `json:"add_way"`
	State     string `json:"state"`
}

type wireCustomer struct {
	ID      string `json:"external_userid"`
	Name    string `json:"name"`
	UnionID string `json:"unionid"`
}

func (w wireFollow) friendship(c wireCustomer) Friendship {
	f := Friendship{
		Member: w.Member, Customer: c.ID, Name: c.Name, Remark: w.Remark, Description: w.Description,
		Mobiles: w.Mobiles, Tags: w.TagIDs, AddWay: w.AddWay, StartedBy: w.StartedBy, State: w.State, Since: unix(w.Created),
	}
	for _, t := range w.Tags {
		if t.ID != "" {
			f.Tags = append(f.Tags, t.ID)
		}
	}
	return f
}

// Get reads one customer with all followers.
func (c *Client) Get(ctx context.Context, externalUserID string) (Customer, error) {
	var got Customer
	for cursor := ""; ; {
		var out struct {
			Contact wireCustomer `json:"external_contact"`
			Follow  []wireFollow `json:"follow_user"`
			Next    string       `json:"next_cursor"`
		}
		q := url.Values{"external_userid": {externalUserID}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if err := c.call(ctx, "externalcontact/get", q, nil, &out); err != nil {
			return Customer{}, err
		}
		got.ID, got.Name, got.UnionID = out.Contact.ID, out.Contact.Name, out.Contact.UnionID
		for _, w := range out.Follow {
			got.Friends = append(got.Friends, w.friendship(out.Contact))
		}
		if out.Next == "" || out.Next == cursor {
			return got, nil
		}
		cursor = out.Next
	}
}

// ByMembers lists every friendship of the members, page by page: the
// reconciler's workhorse. A list that ends early ends with its error.
func (c *Client) ByMembers(ctx context.Context, members []string) iter.Seq2[Friendship, error] {
	return func(yield func(Friendship, error) bool) {
		for some := range slices.Chunk(members, pageMembers) {
			for cursor := ""; ; {
				var out struct {
					List []struct {
						Contact wireCustomer `json:"external_contact"`
						Follow  wireFollow   `json:"follow_info"`
					} `json:"external_contact_list"`
					Next string `json:"next_cursor"`
				}
				in := map[string]any{"userid_list": some, "cursor": cursor, "limit": pageFriends}
				if err := c.call(ctx, "externalcontact/batch/get_by_user", nil, in, &out); err != nil {
					yield(Friendship{}, err)
					return
				}
				for _, e := range out.List {
					if !yield(e.Follow.friendship(e.Contact), nil) {
						return
					}
				}
				if out.Next == "" || out.Next == cursor {
					break
				}
				cursor = out.Next
			}
		}
	}
}

// Remark is what the member should see about a customer. Empty fields stay as
// they are; Mobiles replaces the whole list, so build it with [FillRemark].
type Remark struct {
	Member, Customer string
	Remark           string   // ≤ 20 characters
	Description      string   // ≤ 150 characters
	Mobiles          []string // nil leaves the list alone
}

// Remark writes remark, description and numbers. It makes no callback.
func (c *Client) Remark(ctx context.Context, r Remark) error {
	const api = "externalcontact/remark"
	switch {
	case r.Remark == "" && r.Description == "" && r.Mobiles == nil:
		return fmt.Errorf("wecom %s: nothing to write for customer %s", api, r.Customer)
	case utf8.RuneCountInString(r.Remark) > maxRemark:
		return fmt.Errorf("wecom %s: the remark has more than %d characters", api, maxRemark)
	case utf8.RuneCountInString(r.Description) > maxDescription:
		return fmt.Errorf("wecom %s: the description has more than %d characters", api, maxDescription)
	}
	in := map[string]any{"userid": r.Member, "external_userid": r.Customer}
	if r.Remark != "" {
		in["remark"] = r.Remark
	}
	if r.Description != "" {
		in["description"] = r.Description
	}
	if r.Mobiles != nil {
		in["remark_mobiles"] = r.Mobiles
	}
	return c.call(ctx, api, nil, in, nil)
}

// FillRemark is want without whatever would overwrite the member's own work:
// only an empty remark or description is filled, and numbers are added to the
// ones that are there. The second value is false when nothing is left to write.
func FillRemark(have Friendship, want Remark) (Remark, bool) {
	r := Remark{Member: have.Member, Customer: have.Customer}
	// WeCom fills the remark with the customer's own name: that is nobody's work.
	if (have.Remark == "" || have.Remark == have.Name) && want.Remark != have.Remark {
		r.Remark = want.Remark
	}
	if have.Description == "" {
		r.Description = want.Description
	}
	all := slices.Clone(have.Mobiles)
	for _, m := range want.Mobiles {
		known := slices.ContainsFunc(have.Mobiles, func(h string) bool { return digits(h) == digits(m) })
		if !known {
			all = append(all, m)
		}
	}
	if len(all) > len(have.Mobiles) {
		r.Mobiles = all
	}
	return r, r.Remark != "" || r.Description != "" || r.Mobiles != nil
}

// digits is the national number in what a person typed: full-width digits and
// the country code are folded away.
func digits(s string) string {
	var b []byte
	for _, r := range s {
		if r >= '０' && r <= '９' {
			r -= '０' - '0'
		}
		if r >= '0' && r <= '9' {
			b = append(b, byte(r))
		}
	}
	d := string(b)
	for _, prefix := range []string{"0086", "86"} {
		if len(d) == len(prefix)+11 && d[:len(prefix)] == prefix {
			return d[len(prefix):]
		}
	}
	return d
}
