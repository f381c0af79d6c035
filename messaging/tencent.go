package messaging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	tencentBase    = "https://sms.tencentcloudapi.com"
	tencentVersion = "2021-01-11"
	tencentType    = "application/json; charset=utf-8"
	tencentTimeout = 10 * time.Second
	maxAnswer      = 1 << 20
)

// Tencent sends by Tencent Cloud SMS. Fill the fields before the first Send; it
// is then safe for concurrent use.
type Tencent struct {
	AppID     string // SmsSdkAppId
	SecretID  string
	SecretKey string
	Region    string           // "" is ap-guangzhou
	BaseURL   string           // "" is https://sms.tencentcloudapi.com
	HTTP      *http.Client     // nil is a client with a 10 s timeout
	Now       func() time.Time // nil is time.Now; the signature is dated by it
	Log       *slog.Logger     // nil discards
	Rules     Rules
}

var _ Sender = (*Tencent)(nil)

type tencentAnswer struct {
	Response struct {
		Statuses []struct {
			Serial  string `json:"SerialNo"`
			Fee     int    `json:"Fee"`
			Code    string `json:"Code"`
			Message string `json:"Message"`
		} `json:"SendStatusSet"`
		Error *struct {
			Code    string `json:"Code"`
			Message string `json:"Message"`
		} `json:"Error"`
		Request string `json:"RequestId"`
	} `json:"Response"`
}

// Send sends one message. Errors are *ContentError (nothing was sent), *Error
// (the provider refused) or ErrUnknown.
func (t *Tencent) Send(ctx context.Context, m Message) (Receipt, error) {
	if err := t.Rules.Check(m); err != nil {
		return Receipt{}, err
	}
	body, err := json.Marshal(map[string]any{
		"PhoneNumberSet":   []string{m.To.E164()},
		"SmsSdkAppId":      t.AppID,
		"SignName":         m.Sign,
		"TemplateId":       m.Template,
		"TemplateParamSet": append([]string{}, m.Params...),
		"SessionContext":   m.ID,
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("writing message %s: %w", m.ID, err)
	}
	now := t.now()
	req, err := t.request(ctx, "SendSms", body, now)
	if err != nil {
		return Receipt{}, fmt.Errorf("message %s: %w", m.ID, err)
	}
	a, err := t.exchange(req)
	if err != nil {
		return Receipt{}, fmt.Errorf("message %s: %w", m.ID, err)
	}
	r := a.Response
	switch {
	case r.Error != nil:
		err = refusal(r.Error.Code, r.Error.Message, r.Request)
	case len(r.Statuses) != 1:
		err = fmt.Errorf("message %s: %w: %d statuses for one number", m.ID, ErrUnknown, len(r.Statuses))
	case r.Statuses[0].Code != "Ok":
		err = refusal(r.Statuses[0].Code, r.Statuses[0].Message, r.Request)
	}
	if err != nil {
		t.log().Warn("text refused", "message", m.ID, "to", m.To, "error", err)
		return Receipt{}, err
	}
	s := r.Statuses[0]
	t.log().Info("text taken", "message", m.ID, "to", m.To, "serial", s.Serial)
	return Receipt{ID: m.ID, Serial: s.Serial, Fee: s.Fee, At: now}, nil
}

func (t *Tencent) request(ctx context.Context, action string, body []byte, now time.Time) (*http.Request, error) {
	base := t.BaseURL
	if base == "" {
		base = tencentBase
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the provider's address %q is not usable", base)
	}
	u.Path = "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	region := t.Region
	if region == "" {
		region = "ap-guangzhou"
	}
	s := tc3{id: t.SecretID, key: t.SecretKey, service: "sms"}
	signed := []header{{"content-type", tencentType}, {"host", u.Host}, {"x-tc-action", strings.ToLower(action)}}
	req.Header.Set("Authorization", s.authorization(signed, body, now))
	req.Header.Set("Content-Type", tencentType)
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", tencentVersion)
	req.Header.Set("X-TC-Region", region)
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
	return req, nil
}

// exchange sends once. Whatever keeps us from a whole answer is ErrUnknown.
func (t *Tencent) exchange(req *http.Request) (tencentAnswer, error) {
	client := t.HTTP
	if client == nil {
		client = &http.Client{Timeout: tencentTimeout}
	}
	var a tencentAnswer
	resp, err := client.Do(req)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err == nil && a.Response.Request == "" && a.Response.Error == nil {
		err = errors.New("an answer without a request ID")
	}
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return a, nil
}

// refusals sorts Tencent's codes; the longest match decides, and what is not
// listed is content, for a person to look at.
var refusals = []struct {
	prefix string
	kind   Kind
}{
	{"LimitExceeded", KindLimit},
	{"RequestLimitExceeded", KindLimit},
	{"FailedOperation.PhoneNumberInBlacklist", KindStopped},
	{"FailedOperation.InsufficientBalanceInSmsPackage", KindAccount},
	{"FailedOperation.FailResolvePacket", KindLater},
	{"InvalidParameterValue.IncorrectPhoneNumber", KindNumber},
	{"UnsupportedOperation", KindNumber},
	{"AuthFailure", KindAccount},
	{"UnauthorizedOperation", KindAccount},
	{"InternalError", KindLater},
	{"ResourceUnavailable", KindLater},
}

func refusal(code, message, request string) *Error {
	kind, best := KindContent, 0
	for _, r := range refusals {
		if strings.HasPrefix(code, r.prefix) && len(r.prefix) > best {
			kind, best = r.kind, len(r.prefix)
		}
	}
	return &Error{Provider: "tencent", Code: code, Message: message, Request: request, Kind: kind}
}

func (t *Tencent) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

func (t *Tencent) log() *slog.Logger {
	if t.Log != nil {
		return t.Log
	}
	return slog.New(slog.DiscardHandler)
}
