package wecom

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func message(t *testing.T, name string) []byte {
	t.Helper()
	for _, v := range vectors(t) {
		if v.Name == name {
			return []byte(v.Message)
		}
	}
	t.Fatalf("no vector %s", name)
	return nil
}

func TestParseEvent(t *testing.T) {
	tests := []struct {
		vector string
		want   Event
		topic  Topic
		step   string
	}{
		{"v2_add_external_contact", Event{
			ToUser: "ww0123456789abcdef", FromUser: "sys", At: time.Unix(1790000001, 0), MsgType: "event",
			Event: "change_external_contact", ChangeType: "add_external_contact", UserID: "zhangsan",
			ExternalUserID: "woAAAAAA0000000000000000000001", State: "c01HZX5N9Q7T", WelcomeCode: "WELCOMECODE1",
		}, FriendAdded, StepAdd},
		{"v3_del_follow_user", Event{
			ToUser: "ww0123456789abcdef", FromUser: "sys", At: time.Unix(1790000002, 0), MsgType: "event",
			Event: "change_external_contact", ChangeType: "del_follow_user", UserID: "zhangsan",
			ExternalUserID: "woAAAAAA0000000000000000000001",
		}, CustomerDeleted, StepCustomerDeleted},
		{"v9_template_card_event", Event{
			ToUser: "ww0123456789abcdef", FromUser: "zhangsan", At: time.Unix(1790000008, 0), MsgType: "event",
			Event: "template_card_event", EventKey: "done", TaskID: "friend-01HZX5N9Q7T", CardType: "button_interaction",
			ResponseCode: "RC1", AgentID: "1000002",
		}, TaskPressed, ""},
		{"v10_friend_request", Event{
			ToUser: "ww0123456789abcdef", FromUser: "sys", At: time.Unix(1790000009, 0), MsgType: "event",
			Event: "customer_acquisition", ChangeType: "friend_request", LinkID: "cawcdea7783d7330b4", State: "c01HZX5N9Q7T",
		}, FriendRequested, StepClick},
	}
	for _, tt := range tests {
		t.Run(tt.vector, func(t *testing.T) {
			got, err := ParseEvent(message(t, tt.vector))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.Topic() != tt.topic || got.Step() != tt.step {
				t.Errorf("got %s %q, want %s %q", got.Topic(), got.Step(), tt.topic, tt.step)
			}
		})
	}
}

func TestParseEventRefuses(t *testing.T) {
	const head = `<xml><MsgType>event</MsgType><CreateTime>1</CreateTime>`
	tests := []struct{ name, in string }{
		{"nothing", ""},
		{"text", "hello"},
		{"a document type", `<!DOCTYPE xml [<!ENTITY a "b">]>` + head + `</xml>`},
		{"an entity of its own", head + `<State>&a;</State></xml>`},
		{"a foreign character set", `<?xml version="1.0" encoding="GBK"?>` + head + `</xml>`},
		{"an open element", head},
		{"elements too deep", strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20)},
		{"no time", `<xml><MsgType>event</MsgType></xml>`},
		{"no type", `<xml><CreateTime>1</CreateTime></xml>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, err := ParseEvent([]byte(tt.in)); err == nil {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestStepOfTransferIsNoLoss(t *testing.T) {
	e := Event{Event: "change_external_contact", ChangeType: "del_external_contact", Source: "DELETE_BY_TRANSFER"}
	if got := e.Step(); got != StepTransfer {
		t.Errorf("got %q, want %q", got, StepTransfer)
	}
	other := Event{Event: "change_tag", ChangeType: "del_follow_user"}
	if got := other.Step(); got != "" {
		t.Errorf("del_follow_user of another family gave %q", got)
	}
}

func TestKeyTellsEventsOfOneSecondApart(t *testing.T) {
	base := Event{FromUser: "sys", At: time.Unix(9, 0), Event: "change_external_contact", ChangeType: "add_external_contact", UserID: "m", ExternalUserID: "a"}
	keys := map[string]string{base.Key(): "base"}
	for name, change := range map[string]func(*Event){
		"customer": func(e *Event) { e.ExternalUserID = "b" },
		"member":   func(e *Event) { e.UserID = "n" },
		"time":     func(e *Event) { e.At = e.At.Add(time.Second) },
		"change":   func(e *Event) { e.ChangeType = "add_half_external_contact" },
		"state":    func(e *Event) { e.State = "s" },
		"link":     func(e *Event) { e.LinkID = "l" },
		"button":   func(e *Event) { e.EventKey = "k" },
		"task":     func(e *Event) { e.TaskID = "k" },
	} {
		e := base
		change(&e)
		if was, ok := keys[e.Key()]; ok {
			t.Errorf("%s has the key of %s", name, was)
		}
		keys[e.Key()] = name
	}
	again := base
	again.WelcomeCode = "another" // a repeat may differ in what is no identity
	if again.Key() != base.Key() {
		t.Error("a repeat has another key")
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Message))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if err != nil {
			return
		}
		if e.MsgType == "" || e.Key() == "" {
			t.Errorf("accepted without type or key: %+v", e)
		}
		e.Step()
	})
}
