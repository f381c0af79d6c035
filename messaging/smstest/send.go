package smstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const (
	sameText  = 30 * time.Second // one equal text per number
	maxPhones = 200
)

// Fault is something that goes wrong a number of times.
type Fault struct {
	// Kind is "code" (refuse with Code, the default), "http500", "hang" (no
	// answer until the caller gives up) or "lost" (the text is taken, the answer
	// is not sent).
	Kind  string `json:"kind"`
	Code  string `json:"code"`
	Times int    `json:"times"` // 0 is once
}

// Inject adds a fault.
func (s *Server) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Kind == "" {
		f.Kind = "code"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// fault takes the next fault, if any. The lock is held.
func (s *Server) fault() Fault {
	if len(s.faults) == 0 {
		return Fault{}
	}
	f := s.faults[0]
	if f.Times--; f.Times == 0 {
		s.faults = s.faults[1:]
	}
	return *f
}

type request struct {
	Phones   []string `json:"PhoneNumberSet"`
	App      string   `json:"SmsSdkAppId"`
	Template string   `json:"TemplateId"`
	Sign     string   `json:"SignName"`
	Params   []string `json:"TemplateParamSet"`
	Session  string   `json:"SessionContext"`
}

type status struct {
	SerialNo       string
	PhoneNumber    string
	Fee            int
	SessionContext string
	Code           string
	Message        string
	IsoCode        string
}

// send is the one action of the provider, SendSms.
func (s *Server) send(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		s.refuse(w, "RequestSizeLimitExceeded")
		return
	}
	s.mu.Lock()
	s.truth.Requests++
	f := s.fault()
	now := s.o.Now()
	s.mu.Unlock()
	if code := authentic(r, body, s.o.SecretID, s.o.SecretKey, now); code != "" {
		s.mu.Lock()
		s.truth.Forged++
		s.mu.Unlock()
		s.refuse(w, code)
		return
	}
	switch f.Kind {
	case "code":
		s.refuse(w, f.Code)
		return
	case "http500":
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	case "hang":
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		return
	}
	if r.Header.Get("X-TC-Action") != "SendSms" || r.Header.Get("X-TC-Version") != "2021-01-11" {
		s.refuse(w, "InvalidAction")
		return
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		s.refuse(w, "InvalidParameter")
		return
	}
	list, code := s.take(in, now)
	if f.Kind == "lost" {
		panic(http.ErrAbortHandler)
	}
	if code != "" {
		s.refuse(w, code)
		return
	}
	s.answer(w, map[string]any{"SendStatusSet": list})
}

func (s *Server) refuse(w http.ResponseWriter, code string) {
	s.mu.Lock()
	s.refused(code)
	s.mu.Unlock()
	s.answer(w, map[string]any{"Error": map[string]string{"Code": code, "Message": "refused by the simulator"}})
}

// refused counts a refusal. The lock is held.
func (s *Server) refused(code string) {
	if s.truth.Refused == nil {
		s.truth.Refused = map[string]int{}
	}
	s.truth.Refused[code]++
}

func (s *Server) answer(w http.ResponseWriter, response map[string]any) {
	s.mu.Lock()
	s.serial++
	response["RequestId"] = fmt.Sprintf("req-%08d", s.serial)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"Response": response})
}

// address finds the links in a text; Chinese words may follow without a space.
var address = regexp.MustCompile(`https?://[!-~]+`)

// bare finds web addresses in variables, with or without a scheme.
var bare = regexp.MustCompile(`(?i)(://|www\.|[a-z0-9-]\.(com|cn|net|cc|top|ly|link)\b)`)

// take checks the whole request, then each number.
func (s *Server) take(in request, now time.Time) ([]status, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.o.Templates[in.Template]
	switch {
	case in.App != s.o.AppID:
		return nil, "UnauthorizedOperation.SmsSdkAppIdVerifyFail"
	case s.o.Templates == nil && in.Template != "":
		for i := range in.Params {
			text += "{" + strconv.Itoa(i+1) + "} "
		}
	case !ok:
		return nil, "FailedOperation.TemplateIncorrectOrUnapproved"
	}
	switch {
	case in.Sign == "" || s.o.Signs != nil && !slices.Contains(s.o.Signs, in.Sign):
		return nil, "FailedOperation.SignatureIncorrectOrUnapproved"
	case len(in.Phones) == 0:
		return nil, "InvalidParameterValue.IncorrectPhoneNumber"
	case len(in.Phones) > maxPhones:
		return nil, "LimitExceeded.PhoneNumberCountLimit"
	case len(in.Session) > 511:
		return nil, "InvalidParameter.SessionContext"
	}
	for i, p := range in.Params {
		if !s.o.ParamURL && bare.MatchString(p) {
			return nil, "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
		}
		hole := "{" + strconv.Itoa(i+1) + "}"
		if !strings.Contains(text, hole) {
			return nil, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
		}
		text = strings.ReplaceAll(text, hole, p)
	}
	if regexp.MustCompile(`\{\d+\}`).MatchString(text) {
		return nil, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
	}
	var list []status
	for _, phone := range in.Phones {
		list = append(list, s.takeOne(in, phone, text, now))
	}
	return list, ""
}

var mobile = regexp.MustCompile(`^\+861[3-9]\d{9}$`)

// takeOne takes or refuses a text for one number. The lock is held.
func (s *Server) takeOne(in request, phone, text string, now time.Time) status {
	st := status{PhoneNumber: phone, SessionContext: in.Session, IsoCode: "CN"}
	parts := parts("【" + in.Sign + "】" + text)
	recent := slices.DeleteFunc(s.today[phone], func(t time.Time) bool { return now.Sub(t) >= 24*time.Hour })
	s.today[phone] = recent
	last, repeated := s.last[phone+"|"+text]
	switch {
	case !mobile.MatchString(phone):
		st.Code = "InvalidParameterValue.IncorrectPhoneNumber"
	case repeated && now.Sub(last) < sameText:
		st.Code = "LimitExceeded.PhoneNumberThirtySecondLimit"
	case len(recent) >= s.o.PerDay:
		st.Code = "LimitExceeded.PhoneNumberDailyLimit"
	case s.balance < parts:
		st.Code = "FailedOperation.InsufficientBalanceInSmsPackage"
	}
	if st.Code != "" {
		st.Message = "refused by the simulator"
		s.refused(st.Code)
		return st
	}
	s.balance -= parts
	s.last[phone+"|"+text] = now
	s.today[phone] = append(recent, now)
	s.serial++
	st.Code, st.Message, st.Fee = "Ok", "send success", parts
	st.SerialNo = fmt.Sprintf("2028:%08d", s.serial)
	m := Message{
		Phone: phone, Serial: st.SerialNo, Session: in.Session, Template: in.Template, Sign: in.Sign, Text: text, At: now,
	}
	if _, stopped := s.stopped[phone]; stopped {
		m.AfterStop = true
		s.truth.MessagedAfterOptOut++
	}
	s.truth.Taken++
	n := len(s.truth.Messages)
	s.truth.Messages = append(s.truth.Messages, m)
	s.record("taken", phone, map[string]any{"serial": m.Serial, "session": m.Session, "text": text, "after_stop": m.AfterStop})
	s.start(func() { s.carry(n) })
	return st
}

// parts is how many parts a text is charged as: 70 UCS2 units alone, 67 each.
func parts(text string) int {
	n := len(utf16.Encode([]rune(text)))
	if n <= 70 {
		return 1
	}
	return (n + 66) / 67
}
