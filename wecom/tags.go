package wecom

import (
	"context"
	"fmt"
	"unicode/utf8"
)

const maxTagName = 30

// Tag is one corp tag of a group. A corp has at most 3,000.
type Tag struct {
	ID, Name       string
	GroupID, Group string
	Deleted        bool
}

// MarkTag adds tags to a customer. It never removes one: a member may have set it.
func (c *Client) MarkTag(ctx context.Context, member, customer string, tagIDs ...string) error {
	const api = "externalcontact/mark_tag"
	if len(tagIDs) == 0 {
		return fmt.Errorf("wecom %s: no tag for customer %s", api, customer)
	}
	in := map[string]any{"userid": member, "external_userid": customer, "add_tag": tagIDs}
	return c.call(ctx, api, nil, in, nil)
}

type wireTagGroup struct {
	ID   string `json:"group_id"`
	Name string `json:"group_name"`
	Tags []struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	} `json:"tag"`
}

func (g wireTagGroup) tags() []Tag {
	var list []Tag
	for _, t := range g.Tags {
		list = append(list, Tag{ID: t.ID, Name: t.Name, GroupID: g.ID, Group: g.Name, Deleted: t.Deleted})
	}
	return list
}

// CorpTags lists all corp tags.
func (c *Client) CorpTags(ctx context.Context) ([]Tag, error) {
	var out struct {
		Groups []wireTagGroup `json:"tag_group"`
	}
	if err := c.call(ctx, "externalcontact/get_corp_tag_list", nil, map[string]any{}, &out); err != nil {
		return nil, err
	}
	var list []Tag
	for _, g := range out.Groups {
		list = append(list, g.tags()...)
	}
	return list, nil
}

// AddCorpTags adds tags to the named group, which is made when it is missing.
func (c *Client) AddCorpTags(ctx context.Context, group string, names ...string) ([]Tag, error) {
	const api = "externalcontact/add_corp_tag"
	type newTag struct {
		Name string `json:"name"`
	}
	var tags []newTag
	for _, n := range append([]string{group}, names...) {
		if n == "" || utf8.RuneCountInString(n) > maxTagName {
			return nil, fmt.Errorf("wecom %s: the name %q must have 1 to %d characters", api, n, maxTagName)
		}
	}
	for _, n := range names {
		tags = append(tags, newTag{n})
	}
	var out struct {
		Group wireTagGroup `json:"tag_group"`
	}
	if err := c.call(ctx, api, nil, map[string]any{"group_name": group, "tag": tags}, &out); err != nil {
		return nil, err
	}
	return out.Group.tags(), nil
}
