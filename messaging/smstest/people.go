package smstest

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"net/http"
	"strings"
	"time"
)

const (
	network     = 300 * time.Millisecond // from taken to delivered
	pushTimeout = 5 * time.Second
	pushPause   = 5 * time.Second // before a push is tried again
	pushTries   = 4
)

// Habit is what people do when nothing else is said: of a hundred, four reply R
// after one to three seconds.
func Habit(phone, _ string) (reply string, after time.Duration) {
	n := hash("habit" + phone)
	if n%100 >= 4 {
		return "", 0
	}
	return "R", time.Second + time.Duration(n>>8%2000)*time.Millisecond
}

// Network is the network's word when nothing else is said: of a hundred
// numbers, three are switched off or gone.
func Network(phone string) string {
	switch hash("network"+phone) % 100 {
	case 0, 1:
		return "MK:0001" // absent subscriber
	case 2:
		return "UNDELIV"
	}
	return "DELIVRD"
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	n := h.Sum64()
	n ^= n >> 29 // fnv mixes the last digits of numbers badly
	n *= 0xbf58476d1ce4e5b9
	return n ^ n>>32
}

// carry takes a text through the network to the person.
func (s *Server) carry(n int) {
	if !s.pause(network) {
		return
	}
	s.mu.Lock()
	m := s.truth.Messages[n]
	word := s.o.Deliver(m.Phone)
	s.truth.Messages[n].Status = word
	onLink, onLinkURL := s.o.OnLink, s.o.OnLinkURL
	links := address.FindAllString(m.Text, -1)
	if word == "DELIVRD" {
		s.truth.Delivered++
		s.truth.Links += len(links)
	}
	s.record("carried", m.Phone, map[string]any{"serial": m.Serial, "word": word})
	s.receipt(m, word)
	s.mu.Unlock()
	if word != "DELIVRD" {
		return
	}
	for _, link := range links {
		if onLink != nil {
			onLink(link, m.Phone)
		}
		if onLinkURL != "" {
			b, err := json.Marshal(map[string]string{"url": link, "phone": m.Phone})
			if err == nil && !s.post(onLinkURL, b) {
				s.o.Log.Warn("smstest: nobody took the link")
			}
		}
	}
	if reply, after := s.o.People(m.Phone, m.Text); reply != "" && s.pause(after) {
		s.Reply(m.Phone, reply)
	}
}

// receipt pushes the delivery report. The lock is held.
func (s *Server) receipt(m Message, word string) {
	if s.o.ReceiptURL == "" {
		return
	}
	report := "FAIL"
	if word == "DELIVRD" {
		report = "SUCCESS"
	}
	s.push(s.o.ReceiptURL, map[string]any{
		"user_receive_time": s.o.Now().In(beijing).Format(time.DateTime),
		"nationcode":        "86", "mobile": strings.TrimPrefix(m.Phone, "+86"),
		"report_status": report, "errmsg": word, "description": "", "sid": m.Serial,
	}, func() {})
}

var beijing = time.FixedZone("CST", 8*60*60)

// stops are the whole messages that mean stop, as the simulator reads them.
var stops = map[string]bool{
	"R": true, "T": true, "TD": true, "TDR": true, "N": true, "退订": true, "取消": true, "拒收": true, "不要": true,
}

// Reply is a person writing back. A word that means stop counts from the moment
// the sender took the push (or would not take it): before, nobody could know.
func (s *Server) Reply(phone, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth.Replies++
	s.record("replied", phone, map[string]any{"text": text})
	stop := func() {}
	if stops[strings.ToUpper(strings.TrimSpace(text))] {
		stop = func() { s.stopLocked(phone) }
	}
	if s.o.ReplyURL == "" {
		stop()
		return
	}
	sign := ""
	for _, m := range s.truth.Messages {
		if m.Phone == phone {
			sign = m.Sign
		}
	}
	s.push(s.o.ReplyURL, map[string]any{
		"extend": "", "nationcode": "86", "mobile": strings.TrimPrefix(phone, "+86"),
		"sign": sign, "text": text, "time": s.o.Now().Unix(),
	}, stop)
}

// Stop notes that a person said stop by another way, such as on a call. Any text
// from now on is counted against the sender.
func (s *Server) Stop(phone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopLocked(phone)
}

func (s *Server) stopLocked(phone string) {
	if _, ok := s.stopped[phone]; ok {
		return
	}
	s.stopped[phone] = s.o.Now()
	s.truth.Stops++
	s.record("stopped", phone, nil)
}

// push sends one report, as an array of one, until it is taken or given up, and
// then calls done under the lock. The lock is held.
func (s *Server) push(target string, item map[string]any, done func()) {
	body, err := json.Marshal([]any{item})
	if err != nil {
		return
	}
	s.start(func() {
		for try := range pushTries {
			if try > 0 && !s.pause(pushPause) {
				return
			}
			if s.post(target, body) {
				s.mu.Lock()
				s.truth.PushesTaken++
				done()
				s.mu.Unlock()
				return
			}
		}
		s.mu.Lock()
		s.truth.PushesGivenUp++
		done()
		s.mu.Unlock()
	})
}

func (s *Server) post(target string, body []byte) bool {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
