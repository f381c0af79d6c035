package wecomtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	welcomeLife    = 20 * time.Second
	perMember      = 30 // messages a minute; the rest vanish in silence
	responseLife   = 72 * time.Hour
	maxTextBytes   = 2048
	maxWelcomeText = 4000
)

// welcome is a code that lets one message greet a new friend.
type welcome struct {
	p      *person
	member string
	born   time.Time
	used   bool
}

func (s *Server) sendWelcome(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Code string `json:"welcome_code"`
		Text struct {
			Content string `json:"content"`
		} `json:"text"`
		Attachments []json.RawMessage `json:"attachments"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	c := s.welcomes[in.Code]
	switch {
	case in.Text.Content == "" && len(in.Attachments) == 0:
		return nil, refuse(40058, "text or attachments needed")
	case len(in.Text.Content) > maxWelcomeText || len(in.Attachments) > 9:
		return nil, refuse(40058, "welcome too long")
	case c == nil:
		return nil, refuse(41050, "invalid welcome code")
	case c.used:
		return nil, refuse(41051, "welcome already sent")
	case s.o.Now().Sub(c.born) > welcomeLife:
		return nil, refuse(41050, "welcome code expired")
	}
	c.used = true
	s.truth.Welcomes++
	s.record("welcomed", c.p, map[string]any{"member": c.member, "text": in.Text.Content})
	return nil, nil
}

// card is a template card in a member's chat.
type card struct {
	task    string
	members []string
	until   time.Time
}

// Message is an app message that reached a member.
type Message struct {
	Member string          `json:"member"`
	Type   string          `json:"type"`
	Task   string          `json:"task,omitempty"`
	Body   json.RawMessage `json:"body"`
}

func (s *Server) sendMessage(_ url.Values, body []byte) (answer, error) {
	var in struct {
		To       string          `json:"touser"`
		Type     string          `json:"msgtype"`
		Agent    int             `json:"agentid"`
		Check    int             `json:"enable_duplicate_check"`
		Interval int             `json:"duplicate_check_interval"`
		Text     json.RawMessage `json:"text"`
		TextCard json.RawMessage `json:"textcard"`
		Card     json.RawMessage `json:"template_card"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if in.Agent != s.o.AgentID {
		return nil, refuse(40056, "invalid agentid")
	}
	content, task, err := messageBody(in.Type, in.Text, in.TextCard, in.Card)
	if err != nil {
		return nil, err
	}
	var good, bad []string
	for _, m := range strings.Split(in.To, "|") {
		if slices.Contains(s.o.Members, m) {
			good = append(good, m)
		} else {
			bad = append(bad, strings.ToLower(m))
		}
	}
	if len(good) == 0 {
		return nil, refuse(81013, "all recipients invalid")
	}
	now := s.o.Now()
	if in.Interval == 0 {
		in.Interval = 1800
	}
	for _, m := range good {
		sum := sha256.Sum256(append([]byte(m+"|"), content...))
		key := hex.EncodeToString(sum[:])
		if until, ok := s.repeats[key]; in.Check == 1 && ok && now.Before(until) {
			s.truth.MessagesDropped++
			continue
		}
		s.repeats[key] = now.Add(time.Duration(in.Interval) * time.Second)
		s.sent[m] = slices.DeleteFunc(s.sent[m], func(t time.Time) bool { return now.Sub(t) >= time.Minute })
		if len(s.sent[m]) >= perMember {
			s.truth.MessagesDropped++
			continue
		}
		s.sent[m] = append(s.sent[m], now)
		s.truth.Messages = append(s.truth.Messages, Message{Member: m, Type: in.Type, Task: task, Body: content})
	}
	a := answer{"invaliduser": strings.Join(bad, "|"), "msgid": s.id("", 12)}
	if in.Type == "template_card" {
		code := s.id("", 16)
		s.cards[code] = &card{task: task, members: good, until: now.Add(responseLife)}
		a["response_code"] = code
	}
	return a, nil
}

// messageBody checks the part of a message that its type names.
func messageBody(kind string, text, textcard, template json.RawMessage) (json.RawMessage, string, error) {
	switch kind {
	case "text":
		var t struct {
			Content string `json:"content"`
		}
		if json.Unmarshal(text, &t) != nil || t.Content == "" {
			return nil, "", refuse(82001, "empty text")
		}
		if len(t.Content) > maxTextBytes {
			return nil, "", refuse(45002, "content too long")
		}
		return text, "", nil
	case "textcard":
		var t struct{ Title, Description, URL string }
		if json.Unmarshal(textcard, &t) != nil || t.Title == "" || t.Description == "" || t.URL == "" {
			return nil, "", refuse(40058, "textcard needs title, description and url")
		}
		return textcard, "", nil
	case "template_card":
		var t struct {
			Kind string `json:"card_type"`
			Task string `json:"task_id"`
			Main struct {
				Title string `json:"title"`
			} `json:"main_title"`
			Buttons []struct {
				Text string `json:"text"`
				Key  string `json:"key"`
			} `json:"button_list"`
		}
		if json.Unmarshal(template, &t) != nil || t.Kind != "button_interaction" || t.Main.Title == "" {
			return nil, "", refuse(40058, "only button_interaction with a title")
		}
		if t.Task == "" || len(t.Task) > 128 {
			return nil, "", refuse(42014, "bad task_id")
		}
		if len(t.Buttons) == 0 || len(t.Buttons) > 6 {
			return nil, "", refuse(42028, "1 to 6 buttons")
		}
		return template, t.Task, nil
	}
	return nil, "", refuse(40008, "unknown msgtype "+kind)
}

func (s *Server) updateCard(_ url.Values, body []byte) (answer, error) {
	var in struct {
		Code   string `json:"response_code"`
		Button struct {
			Word string `json:"replace_name"`
		} `json:"button"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	c := s.cards[in.Code]
	if c == nil || s.o.Now().After(c.until) {
		return nil, refuse(42052, "response_code expired or used")
	}
	delete(s.cards, in.Code)
	s.truth.CardsUpdated++
	return nil, nil
}

// Press is a member pressing a button of the card with the task.
func (s *Server) Press(member, task, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := s.id("", 16)
	s.cards[code] = &card{task: task, members: []string{member}, until: s.o.Now().Add(responseLife)}
	s.push(s.event("template_card_event", "",
		field{"FromUserName", member}, field{"EventKey", key}, field{"TaskId", task},
		field{"CardType", "button_interaction"}, field{"ResponseCode", code})...)
}
