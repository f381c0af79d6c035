package messaging

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"warmline/contacts"
)

const (
	maxPush    = 1 << 20
	maxItems   = 2000
	pushLimit  = 4 * time.Second // providers wait about 5 s
	receiptFmt = time.DateTime   // "2026-11-02 10:00:00", Beijing time
)

var beijing = time.FixedZone("CST", 8*60*60)

// DeliveryHandler takes Tencent's delivery reports. Pushes carry no signature,
// so the last element of the URL's path must be the secret. The consumer must
// have stored the reports when it returns nil; an error makes the provider push
// again. Reports may come twice.
func DeliveryHandler(secret string, consume func(ctx context.Context, list []Delivery) error) http.Handler {
	return push(secret, ParseDeliveries, consume)
}

// ReplyHandler takes what people wrote back, on the same terms as
// [DeliveryHandler].
func ReplyHandler(secret string, consume func(ctx context.Context, list []Reply) error) http.Handler {
	return push(secret, ParseReplies, consume)
}

func push[T any](secret string, parse func([]byte) ([]T, error), consume func(context.Context, []T) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := path.Base(r.URL.Path)
		if secret == "" || subtle.ConstantTimeCompare([]byte(last), []byte(secret)) != 1 {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			http.Error(w, "POST only", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
		if err != nil {
			http.Error(w, "too long", http.StatusRequestEntityTooLarge)
			return
		}
		list, err := parse(body)
		if err != nil {
			http.Error(w, "not understood", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), pushLimit)
		defer cancel()
		if err := consume(ctx, list); err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"result":0,"errmsg":"OK"}`)
	})
}

// ParseDeliveries reads Tencent's delivery push: a JSON array. The message's own
// ID is not part of it; match by Serial.
func ParseDeliveries(b []byte) ([]Delivery, error) {
	type wire struct {
		At     string `json:"user_receive_time"`
		Nation string `json:"nationcode"`
		Mobile string `json:"mobile"`
		Status string `json:"report_status"`
		Code   string `json:"errmsg"`
		Serial string `json:"sid"`
		ID     string `json:"ext"` // SessionContext, where the account has it switched on
	}
	list, err := items[wire](b)
	if err != nil {
		return nil, fmt.Errorf("reading delivery reports: %w", err)
	}
	var out []Delivery
	for n, w := range list {
		to, err := phone(w.Nation, w.Mobile)
		if err != nil {
			return nil, fmt.Errorf("reading delivery report %d: %w", n, err)
		}
		if w.Serial == "" {
			return nil, fmt.Errorf("reading delivery report %d: no sid", n)
		}
		d := Delivery{ID: w.ID, Serial: w.Serial, To: to, Delivered: w.Status == "SUCCESS", Code: w.Code}
		// The time is for people; a report with an odd one is still a report.
		if at, err := time.ParseInLocation(receiptFmt, w.At, beijing); err == nil {
			d.At = at
		}
		out = append(out, d)
	}
	return out, nil
}

// ParseReplies reads Tencent's reply push: one JSON object, or an array of them.
func ParseReplies(b []byte) ([]Reply, error) {
	type wire struct {
		Nation string `json:"nationcode"`
		Mobile string `json:"mobile"`
		Text   string `json:"text"`
		Sign   string `json:"sign"`
		At     int64  `json:"time"`
	}
	list, err := items[wire](b)
	if err != nil {
		return nil, fmt.Errorf("reading replies: %w", err)
	}
	var out []Reply
	for n, w := range list {
		from, err := phone(w.Nation, w.Mobile)
		if err != nil {
			return nil, fmt.Errorf("reading reply %d: %w", n, err)
		}
		out = append(out, Reply{From: from, Text: w.Text, Sign: w.Sign, At: time.Unix(w.At, 0)})
	}
	return out, nil
}

// items reads one object or an array of them.
func items[T any](b []byte) ([]T, error) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '{' {
		var one T
		if err := json.Unmarshal(b, &one); err != nil {
			return nil, err
		}
		return []T{one}, nil
	}
	var list []T
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("an empty list")
	}
	if len(list) > maxItems {
		return nil, fmt.Errorf("%d entries, at most %d", len(list), maxItems)
	}
	return list, nil
}

// phone joins country code and number. A person who texts from a number that
// would never be called still wants to be heard, so only the form is checked.
func phone(nation, mobile string) (contacts.Phone, error) {
	nation = strings.TrimPrefix(strings.TrimSpace(nation), "+")
	mobile = strings.TrimSpace(mobile)
	if nation == "" {
		nation = "86"
	}
	n := strings.TrimPrefix(mobile, "+")
	if n == mobile {
		n = nation + mobile
	}
	if len(n) < 6 || len(n) > 15 || strings.Trim(n, "0123456789") != "" {
		return "", errors.New("the number is not one")
	}
	return contacts.Phone("+" + n), nil
}
