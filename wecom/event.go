package wecom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Event is one push of WeCom, already verified and decrypted. Empty fields were
// absent; FromUser is "sys" for everything about customers.
type Event struct {
	ToUser, FromUser string
	At               time.Time // one-second steps: many events share a time
	MsgType          string    // "event", or "text" and others for messages to the app
	Event            string
	ChangeType       string
	UserID           string // the member
	ExternalUserID   string // the customer
	State            string
	WelcomeCode      string // lives 20 s, works once
	Source           string // DELETE_BY_TRANSFER when a transfer, not a person, ended it
	FailReason       string
	LinkID           string
	ChatID, ChatKey  string
	EventKey         string // the pressed button
	TaskID           string
	CardType         string
	ResponseCode     string
	AgentID          string
	MsgID            string
	Content          string
	ExpireQuota      int // quota_expire_soon
}

// Topic is what an event is about: Event and ChangeType together, for some
// change types stand in two families.
type Topic string

// The topics this room knows. Others pass through and may be ignored.
const (
	FriendAdded      Topic = "change_external_contact/add_external_contact"
	FriendHalf       Topic = "change_external_contact/add_half_external_contact"
	FriendEdited     Topic = "change_external_contact/edit_external_contact"
	MemberDeleted    Topic = "change_external_contact/del_external_contact"
	CustomerDeleted  Topic = "change_external_contact/del_follow_user"
	TransferFailed   Topic = "change_external_contact/transfer_fail"
	QuotaLow         Topic = "customer_acquisition/balance_low"
	QuotaExhausted   Topic = "customer_acquisition/balance_exhausted"
	QuotaIncreased   Topic = "customer_acquisition/balance_increased"
	QuotaExpires     Topic = "customer_acquisition/quota_expire_soon"
	LinkUnavailable  Topic = "customer_acquisition/link_unavailable"
	LinkDeleted      Topic = "customer_acquisition/delete_link"
	ProfileOpened    Topic = "customer_acquisition/open_profile"
	FriendRequested  Topic = "customer_acquisition/friend_request"
	CustomerStarted  Topic = "customer_acquisition/customer_start_chat"
	TaskPressed      Topic = "template_card_event"
	deleteByTransfer       = "DELETE_BY_TRANSFER"
)

// Topic says what the event is about.
func (e Event) Topic() Topic {
	if e.ChangeType == "" {
		return Topic(e.Event)
	}
	return Topic(e.Event + "/" + e.ChangeType)
}

// Step is the word of [State.Next] for the event, or "" when it moves no
// invitation. A deletion by transfer is no loss.
func (e Event) Step() string {
	switch e.Topic() {
	case FriendAdded:
		return StepAdd
	case FriendHalf:
		return StepHalf
	case ProfileOpened, FriendRequested:
		return StepClick
	case CustomerStarted:
		return StepChat
	case CustomerDeleted:
		return StepCustomerDeleted
	case MemberDeleted:
		if e.Source == deleteByTransfer {
			return StepTransfer
		}
		return StepMemberDeleted
	}
	return ""
}

// Key is equal for repeats of one event and different for all else. WeCom's own
// advice (FromUserName and CreateTime) takes two customers of one second for
// one. Keep it under a unique index.
func (e Event) Key() string {
	if e.MsgID != "" {
		return "msg:" + e.MsgID
	}
	parts := []string{
		e.Event, e.ChangeType, strconv.FormatInt(e.At.Unix(), 10), e.UserID, e.ExternalUserID,
		e.LinkID, e.State, e.TaskID, e.EventKey, e.FromUser,
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "|")))
	return hex.EncodeToString(sum[:])
}

const maxDepth = 8 // of XML elements; WeCom's own go to 4

// ParseEvent reads the XML inside a callback.
func ParseEvent(b []byte) (Event, error) {
	f, err := flatten(b)
	if err != nil {
		return Event{}, fmt.Errorf("reading a callback's message: %w", err)
	}
	e := Event{
		ToUser: f["ToUserName"], FromUser: f["FromUserName"], MsgType: f["MsgType"],
		Event: f["Event"], ChangeType: f["ChangeType"], UserID: f["UserID"], ExternalUserID: f["ExternalUserID"],
		State: f["State"], WelcomeCode: f["WelcomeCode"], Source: f["Source"], FailReason: f["FailReason"],
		LinkID: f["LinkId"], ChatID: f["ChatId"], ChatKey: f["ChatKey"], EventKey: f["EventKey"],
		TaskID: f["TaskId"], CardType: f["CardType"], ResponseCode: f["ResponseCode"],
		AgentID: f["AgentID"], MsgID: f["MsgId"], Content: f["Content"],
	}
	if e.MsgType == "" {
		return Event{}, errors.New("reading a callback's message: no MsgType")
	}
	s, err := strconv.ParseInt(f["CreateTime"], 10, 64)
	if err != nil {
		return Event{}, fmt.Errorf("reading a callback's message: CreateTime %q is no number", f["CreateTime"])
	}
	e.At = time.Unix(s, 0)
	if q := f["ExpireQuotaNum"]; q != "" {
		if e.ExpireQuota, err = strconv.Atoi(q); err != nil {
			return Event{}, fmt.Errorf("reading a callback's message: ExpireQuotaNum %q is no number", q)
		}
	}
	return e, nil
}

// flatten reads <xml><Name>text</Name>…</xml> into a map. Deeper elements are
// walked and left out. A document type or any entity beyond XML's five is
// refused, so nothing can be expanded or fetched.
func flatten(b []byte) (map[string]string, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	fields := map[string]string{}
	var path []string
	var text strings.Builder
	for seen := false; ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !seen {
				return nil, errors.New("no XML element")
			}
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("a document type is not accepted")
		case xml.StartElement:
			seen = true
			if len(path) == maxDepth {
				return nil, fmt.Errorf("elements deeper than %d", maxDepth)
			}
			path = append(path, t.Name.Local)
			text.Reset()
		case xml.CharData:
			if len(path) == 2 {
				text.Write(t)
			}
		case xml.EndElement:
			if len(path) == 2 {
				fields[path[1]] = strings.TrimSpace(text.String())
			}
			path = path[:len(path)-1]
			text.Reset()
		}
	}
}
