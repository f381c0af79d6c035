package wecom

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Limits of messages (docs 92137, 90236).
const (
	welcomeLife  = 20 * time.Second
	welcomeRetry = time.Second
	maxWelcome   = 4000 // bytes
	maxText      = 2048 // bytes
	maxToUsers   = 1000
)

// SendWelcome answers a new friend with the code of the event that began the
// friendship at the given time. The code lives 20 s and works once, so call this
// from the callback's fast path. "Delivered already" is success; while another
// app is sending, it tries again as long as the code lives.
func (c *Client) SendWelcome(ctx context.Context, code, text string, since time.Time) error {
	const api = "externalcontact/send_welcome_msg"
	if code == "" || text == "" || len(text) > maxWelcome {
		return fmt.Errorf("wecom %s: need a code and a text of 1 to %d bytes", api, maxWelcome)
	}
	in := map[string]any{"welcome_code": code, "text": map[string]string{"content": text}}
	for {
		err := c.call(ctx, api, nil, in, nil)
		switch Code(err) {
		case CodeWelcomeDone:
			return nil
		case CodeWelcomeRace:
			if c.now().Sub(since) > welcomeLife-2*welcomeRetry {
				return err
			}
			if err := c.wait(ctx, welcomeRetry); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// AppMessage is a message of the app to members. Exactly one of Text, TextCard
// and TaskCard is set.
type AppMessage struct {
	AgentID  int
	To       []string // userids
	Text     string
	TextCard *TextCard
	TaskCard *TaskCard
}

// TextCard is a card that opens one page.
type TextCard struct {
	Title       string // ≤ 128 characters
	Description string // ≤ 512 characters
	URL         string
	Button      string // ≤ 4 characters; "" is WeCom's own word
}

// TaskCard is a template card with buttons. A press comes back as
// [TaskPressed] with the button's key.
type TaskCard struct {
	TaskID      string // unique in the app: digits, letters, _ @ -
	Title, Desc string
	Rows        []CardRow // ≤ 6
	Buttons     []CardButton
	URL         string // opened by a tap on the card
}

// CardRow is one line of a card. Never a whole phone number: cards stay in chats.
type CardRow struct {
	Key   string `json:"keyname"`
	Value string `json:"value,omitempty"`
}

// CardButton is a button; with a URL it opens a page instead of calling back.
type CardButton struct {
	Text string // ≤ 10 characters
	Key  string
	URL  string
}

// Sent is WeCom's answer. Part of the receivers may have been refused while the
// call worked; more than 30 messages a minute to one member vanish silently.
type Sent struct {
	MsgID        string
	Invalid      []string // userids, lower case as WeCom gives them
	ResponseCode string   // of a task card, to change it once within 72 h
}

// Send sends an app message. WeCom drops a repeat within 30 minutes.
func (c *Client) Send(ctx context.Context, m AppMessage) (Sent, error) {
	const api = "message/send"
	if len(m.To) == 0 || len(m.To) > maxToUsers {
		return Sent{}, fmt.Errorf("wecom %s: %d receivers, need 1 to %d", api, len(m.To), maxToUsers)
	}
	in := map[string]any{
		"touser": strings.Join(m.To, "|"), "agentid": m.AgentID,
		"enable_duplicate_check": 1, "duplicate_check_interval": 1800,
	}
	switch {
	case m.TaskCard != nil:
		card, err := m.TaskCard.wire()
		if err != nil {
			return Sent{}, fmt.Errorf("wecom %s: %w", api, err)
		}
		in["msgtype"], in["template_card"] = "template_card", card
	case m.TextCard != nil:
		t := m.TextCard
		card := map[string]string{"title": t.Title, "description": t.Description, "url": t.URL}
		if t.Button != "" {
			card["btntxt"] = t.Button
		}
		in["msgtype"], in["textcard"] = "textcard", card
	default:
		if m.Text == "" || len(m.Text) > maxText {
			return Sent{}, fmt.Errorf("wecom %s: a text of %d bytes, need 1 to %d", api, len(m.Text), maxText)
		}
		in["msgtype"], in["text"] = "text", map[string]string{"content": m.Text}
	}
	var out struct {
		Invalid      string `json:"invaliduser"`
		MsgID        string `json:"msgid"`
		ResponseCode string `json:"response_code"`
	}
	if err := c.call(ctx, api, nil, in, &out); err != nil {
		return Sent{}, err
	}
	sent := Sent{MsgID: out.MsgID, ResponseCode: out.ResponseCode}
	if out.Invalid != "" {
		sent.Invalid = strings.Split(out.Invalid, "|")
	}
	return sent, nil
}

func (t *TaskCard) wire() (map[string]any, error) {
	if !validTaskID(t.TaskID) {
		return nil, fmt.Errorf("the card's task %q may hold only digits, letters, _ @ - (1 to 128)", t.TaskID)
	}
	if len(t.Rows) > 6 || len(t.Buttons) == 0 || len(t.Buttons) > 6 {
		return nil, fmt.Errorf("card %s has %d rows (at most 6) and %d buttons (1 to 6)", t.TaskID, len(t.Rows), len(t.Buttons))
	}
	var buttons []map[string]any
	for _, b := range t.Buttons {
		w := map[string]any{"text": b.Text, "style": 1, "key": b.Key}
		if b.URL != "" {
			w["type"], w["url"] = 1, b.URL
		}
		buttons = append(buttons, w)
	}
	card := map[string]any{
		"card_type":   "button_interaction",
		"main_title":  map[string]string{"title": t.Title, "desc": t.Desc},
		"task_id":     t.TaskID,
		"button_list": buttons,
	}
	if len(t.Rows) > 0 {
		card["horizontal_content_list"] = t.Rows
	}
	if t.URL != "" {
		card["card_action"] = map[string]any{"type": 1, "url": t.URL}
	}
	return card, nil
}

func validTaskID(s string) bool {
	for _, r := range s {
		ok := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '@' || r == '-'
		if !ok {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 128
}

// UpdateCard replaces the buttons of a task card by one grey word, such as
// 已添加. The code comes from [Sent] or from a [TaskPressed] event; it works once
// and lives 72 h.
func (c *Client) UpdateCard(ctx context.Context, agentID int, responseCode, word string, members ...string) error {
	in := map[string]any{
		"userids": notNil(members), "agentid": agentID, "response_code": responseCode,
		"button": map[string]string{"replace_name": word},
	}
	return c.call(ctx, "message/update_template_card", nil, in, nil)
}
