package wecom

import (
	"context"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"
)

// Limits of acquisition links and Contact-me ways (docs 97297, 92228).
const (
	maxLinkName   = 30
	maxLinkPeople = 500
	maxWayRemark  = 30
	maxWayState   = 30
	maxWayPeople  = 100
	pageCustomers = 1000
)

// NewLink asks for an acquisition link (获客链接).
type NewLink struct {
	Name        string   // ≤ 30 characters, seen by operators only
	Members     []string // who may be added; Members and Departments are not both empty
	Departments []int
	Verify      bool // the member must accept each request by hand
}

// Link is an acquisition link, visible only to the app that made it.
type Link struct {
	ID      string
	Name    string
	URL     string // put a token on it with [LinkURL]
	Created time.Time
	Members []string // filled by GetLink
}

type wireLink struct {
	ID      string `json:"link_id"`
	Name    string `json:"link_name"`
	URL     string `json:"url"`
	Created int64  `json:"create_time"`
}

// CreateLink makes an acquisition link. On ErrNoAnswer the link may exist.
func (c *Client) CreateLink(ctx context.Context, n NewLink) (Link, error) {
	const api = "externalcontact/customer_acquisition/create_link"
	switch {
	case n.Name == "" || utf8.RuneCountInString(n.Name) > maxLinkName:
		return Link{}, fmt.Errorf("wecom %s: the name %q must have 1 to %d characters", api, n.Name, maxLinkName)
	case len(n.Members) == 0 && len(n.Departments) == 0:
		return Link{}, fmt.Errorf("wecom %s: the link %q names no member and no department", api, n.Name)
	case len(n.Members) > maxLinkPeople:
		return Link{}, fmt.Errorf("wecom %s: %d members, at most %d", api, len(n.Members), maxLinkPeople)
	}
	in := map[string]any{
		"link_name":   n.Name,
		"range":       map[string]any{"user_list": notNil(n.Members), "department_list": notNil(n.Departments)},
		"skip_verify": !n.Verify,
	}
	var out struct {
		Link wireLink `json:"link"`
	}
	if err := c.call(ctx, api, nil, in, &out); err != nil {
		return Link{}, err
	}
	l := out.Link
	return Link{ID: l.ID, Name: l.Name, URL: l.URL, Created: unix(l.Created), Members: n.Members}, nil
}

// GetLink reads one acquisition link.
func (c *Client) GetLink(ctx context.Context, id string) (Link, error) {
	var out struct {
		Link  wireLink `json:"link"`
		Range struct {
			Members []string `json:"user_list"`
		} `json:"range"`
	}
	err := c.call(ctx, "externalcontact/customer_acquisition/get", nil, map[string]any{"link_id": id}, &out)
	if err != nil {
		return Link{}, err
	}
	l := out.Link
	return Link{ID: id, Name: l.Name, URL: l.URL, Created: unix(l.Created), Members: out.Range.Members}, nil
}

// LinkCustomer is one person who came by an acquisition link.
type LinkCustomer struct {
	Customer string `json:"external_userid"`
	Member   string `json:"userid"`
	Chat     int    `json:"chat_status"` // 0 wrote nothing, 1 wrote, 2 unknown
	State    string `json:"state"`       // the token on the link that was opened
}

// Customers lists who came by a link, page by page. It finds what callbacks
// lost. The last pair holds the error that ended the list early, if any.
func (c *Client) Customers(ctx context.Context, linkID string) iter.Seq2[LinkCustomer, error] {
	return func(yield func(LinkCustomer, error) bool) {
		for cursor := ""; ; {
			var out struct {
				List []LinkCustomer `json:"customer_list"`
				Next string         `json:"next_cursor"`
			}
			in := map[string]any{"link_id": linkID, "limit": pageCustomers, "cursor": cursor}
			if err := c.call(ctx, "externalcontact/customer_acquisition/customer", nil, in, &out); err != nil {
				yield(LinkCustomer{}, err)
				return
			}
			for _, lc := range out.List {
				if !yield(lc, nil) {
					return
				}
			}
			if out.Next == "" || out.Next == cursor {
				return
			}
			cursor = out.Next
		}
	}
}

// Quota is what is left of the corp's acquisition quota.
type Quota struct {
	Used    int
	Balance int
	Lots    []QuotaLot
}

// QuotaLot is the part of the balance that ends on one day.
type QuotaLot struct {
	Expires time.Time
	Balance int
}

// Quota asks how many friends may still come by link.
func (c *Client) Quota(ctx context.Context) (Quota, error) {
	var out struct {
		Total   int `json:"total"`
		Balance int `json:"balance"`
		List    []struct {
			Expires int64 `json:"expire_date"`
			Balance int   `json:"balance"`
		} `json:"quota_list"`
	}
	if err := c.call(ctx, "externalcontact/customer_acquisition_quota", nil, nil, &out); err != nil {
		return Quota{}, err
	}
	q := Quota{Used: out.Total, Balance: out.Balance}
	for _, l := range out.List {
		q.Lots = append(q.Lots, QuotaLot{Expires: unix(l.Expires), Balance: l.Balance})
	}
	return q, nil
}

// NewWay asks for a Contact-me QR code (联系我).
type NewWay struct {
	Members []string // one member makes a single way, more a shared one
	State   string   // ≤ 30 characters; comes back with the friend
	Remark  string   // ≤ 30 characters
	Verify  bool     // the member must accept each request by hand
}

// Way is a Contact-me way. Without ConfigID it can not be edited or deleted.
type Way struct{ ConfigID, QRCode string }

// AddContactWay makes a Contact-me QR code. A corp holds at most 500,000.
func (c *Client) AddContactWay(ctx context.Context, n NewWay) (Way, error) {
	const api = "externalcontact/add_contact_way"
	switch {
	case len(n.Members) == 0 || len(n.Members) > maxWayPeople:
		return Way{}, fmt.Errorf("wecom %s: %d members, need 1 to %d", api, len(n.Members), maxWayPeople)
	case utf8.RuneCountInString(n.State) > maxWayState:
		return Way{}, fmt.Errorf("wecom %s: the state has more than %d characters", api, maxWayState)
	case utf8.RuneCountInString(n.Remark) > maxWayRemark:
		return Way{}, fmt.Errorf("wecom %s: the remark has more than %d characters", api, maxWayRemark)
	}
	kind := 1
	if len(n.Members) > 1 {
		kind = 2
	}
	const sceneQR = 2
	in := map[string]any{
		"type": kind, "scene": sceneQR, "user": n.Members,
		"state": n.State, "remark": n.Remark, "skip_verify": !n.Verify,
	}
	var out struct {
		ConfigID string `json:"config_id"`
		QRCode   string `json:"qr_code"`
	}
	if err := c.call(ctx, api, nil, in, &out); err != nil {
		return Way{}, err
	}
	return Way{ConfigID: out.ConfigID, QRCode: out.QRCode}, nil
}

// FollowUsers lists the members who may have customers and whom the app sees.
func (c *Client) FollowUsers(ctx context.Context) ([]string, error) {
	var out struct {
		Members []string `json:"follow_user"`
	}
	err := c.call(ctx, "externalcontact/get_follow_user_list", nil, nil, &out)
	return out.Members, err
}

// CallbackIPs lists the addresses WeCom calls back from; good for a day.
func (c *Client) CallbackIPs(ctx context.Context) ([]string, error) {
	var out struct {
		List []string `json:"ip_list"`
	}
	err := c.call(ctx, "getcallbackip", nil, nil, &out)
	return out.List, err
}

// notNil makes a nil list [] in JSON: WeCom's types have no null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func unix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}
