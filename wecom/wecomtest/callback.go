package wecomtest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	retries    = 3 // of a callback that was not answered with 200
	faultDelay = 10 * time.Second
)

// seal encrypts and signs what is pushed.
type seal struct {
	token, corp string
	key         []byte
}

func newSeal(token, aesKey, corp string) (*seal, error) {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("wecomtest: the AES key needs 43 characters that decode to 32 bytes")
	}
	return &seal{token: token, corp: corp, key: key}, nil
}

// encrypt wraps a message for the receiver: 16 random bytes, length, message,
// receiver, padded to 32.
func (s *seal) encrypt(msg, receiver string, random []byte) string {
	var b bytes.Buffer
	b.Write(random)
	binary.Write(&b, binary.BigEndian, uint32(len(msg)))
	b.WriteString(msg)
	b.WriteString(receiver)
	pad := 32 - b.Len()%32
	b.Write(bytes.Repeat([]byte{byte(pad)}, pad))
	block, err := aes.NewCipher(s.key)
	if err != nil {
		panic(err) // the key's length was checked
	}
	out := b.Bytes()
	cipher.NewCBCEncrypter(block, s.key[:16]).CryptBlocks(out, out)
	return base64.StdEncoding.EncodeToString(out)
}

func (s *seal) sign(timestamp, nonce, encrypted string) string {
	parts := []string{s.token, timestamp, nonce, encrypted}
	sort.Strings(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// pushed is one callback on its way.
type pushed struct {
	topic string
	body  string
	query url.Values
	delay time.Duration
	twice bool
}

// field is one element of an event, in wire order.
type field struct{ name, value string }

// event makes a callback of an event, or nil when it is lost or kept back. The
// lock is held. A kept-back event follows its successor.
func (s *Server) event(event, change string, fields ...field) []*pushed {
	if s.o.CallbackURL == "" {
		return nil
	}
	now := s.o.Now()
	from := "sys"
	var x strings.Builder
	put := func(name, value string) { fmt.Fprintf(&x, "<%s><![CDATA[%s]]></%s>", name, value, name) }
	for _, f := range fields {
		if f.name == "FromUserName" {
			from = f.value
		}
	}
	x.WriteString("<xml>")
	put("ToUserName", s.o.CorpID)
	put("FromUserName", from)
	fmt.Fprintf(&x, "<CreateTime>%d</CreateTime>", now.Unix())
	put("MsgType", "event")
	put("Event", event)
	if change != "" {
		put("ChangeType", change)
	}
	for _, f := range fields {
		if f.value != "" && f.name != "FromUserName" {
			put(f.name, f.value)
		}
	}
	x.WriteString("</xml>")

	kind := ""
	if f := s.fault("callback"); f != nil {
		kind = f.Kind
	}
	receiver := s.o.CorpID
	if kind == "receiver" {
		receiver = "wwffffffffffffffff"
	}
	random := make([]byte, 16)
	rand.Read(random)
	encrypted := s.seal.encrypt(x.String(), receiver, random)
	ts, nonce := strconv.FormatInt(now.Unix(), 10), s.id("", 8)
	signature := s.seal.sign(ts, nonce, encrypted)
	if kind == "forge" {
		signature = s.seal.sign(ts, nonce, encrypted+"x")
	}
	p := &pushed{
		topic: strings.TrimSuffix(event+"/"+change, "/"),
		body: fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><AgentID><![CDATA[%d]]></AgentID><Encrypt><![CDATA[%s]]></Encrypt></xml>",
			s.o.CorpID, s.o.AgentID, encrypted),
		query: url.Values{"msg_signature": {signature}, "timestamp": {ts}, "nonce": {nonce}},
	}
	held := s.held
	s.held = nil
	switch kind {
	case "lose":
		s.truth.CallbacksLost++
		p = nil
	case "duplicate":
		p.twice = true
	case "delay":
		p.delay = faultDelay
	case "reorder":
		p, s.held = nil, p
	}
	var list []*pushed
	for _, q := range []*pushed{p, held} {
		if q != nil {
			list = append(list, q)
		}
	}
	return list
}

// push sends callbacks one after the other; a retry does not hold up the next.
// The lock is held.
func (s *Server) push(list ...*pushed) {
	if len(list) == 0 {
		return
	}
	s.startLocked(func() {
		for _, p := range list {
			if p.delay > 0 {
				d := p.delay
				s.start(func() {
					if s.pause(d) && !s.deliver(p) {
						s.again(p)
					}
				})
				continue
			}
			if !s.deliver(p) {
				s.start(func() { s.again(p) })
			}
			if p.twice && !s.deliver(p) {
				s.start(func() { s.again(p) })
			}
		}
	})
}

// again retries a callback until it is taken or given up.
func (s *Server) again(p *pushed) {
	for range retries {
		if !s.pause(s.o.Deadline) {
			return
		}
		if s.deliver(p) {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth.CallbacksGivenUp++
	s.record("callback_given_up", nil, map[string]any{"topic": p.topic})
}

// deliver posts a callback once and says whether it was answered with 200 in
// time.
func (s *Server) deliver(p *pushed) bool {
	s.mu.Lock()
	target := s.o.CallbackURL
	s.truth.CallbacksSent++
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Deadline)
	defer cancel()
	join := "?"
	if strings.Contains(target, "?") {
		join = "&"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target+join+p.query.Encode(), strings.NewReader(p.body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode != http.StatusOK {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth.CallbacksTaken++
	return true
}

// Verify does what WeCom does when an operator saves the callback page: it asks
// the URL to decrypt a number.
func (s *Server) Verify(ctx context.Context) error {
	s.mu.Lock()
	target := s.o.CallbackURL
	random := make([]byte, 16)
	rand.Read(random)
	number := strconv.FormatInt(s.o.Now().UnixNano(), 10)
	echo := s.seal.encrypt(number, s.o.CorpID, random)
	ts, nonce := strconv.FormatInt(s.o.Now().Unix(), 10), s.id("", 8)
	q := url.Values{"msg_signature": {s.seal.sign(ts, nonce, echo)}, "timestamp": {ts}, "nonce": {nonce}, "echostr": {echo}}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target+"?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("callback URL: %w", err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("callback URL: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil || resp.StatusCode != http.StatusOK || string(b) != number {
		return fmt.Errorf("callback URL answered HTTP %d, %d bytes: not the number asked for", resp.StatusCode, len(b))
	}
	return nil
}
