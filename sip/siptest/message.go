package siptest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Message is one SIP request or response, as it was on the wire.
type Message struct {
	Start  string  // "INVITE sip:138@10.0.0.1 SIP/2.0" or "SIP/2.0 200 OK"
	Header []Field // in order; compact names are spelled out
	Body   []byte

	Source netip.AddrPort // who sent the datagram; zero when it was built here
}

// Field is one header line. As a [Part] it is appended to a message.
type Field struct{ Name, Value string }

// Part is something a built message may carry beyond its fixed headers: a
// [Field] or an [SDP] body.
type Part interface{ addTo(m *Message) }

func (f Field) addTo(m *Message) { m.Header = append(m.Header, f) }

// longNames spells out the compact header forms (RFC 3261 7.3.3, RFC 4028).
var longNames = map[string]string{
	"i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length",
	"c": "Content-Type", "f": "From", "s": "Subject", "k": "Supported", "t": "To",
	"v": "Via", "x": "Session-Expires", "o": "Event", "u": "Allow-Events",
}

// Parse reads one datagram. It accepts bare LF line ends, folded lines and
// compact names; it refuses a start line that is not SIP/2.0, a header line
// without a colon and a body shorter than its Content-Length.
func Parse(b []byte) (*Message, error) {
	head, body, ok := split(b)
	if !ok {
		return nil, fmt.Errorf("parsing SIP message of %d bytes: no empty line after the header", len(b))
	}
	lines := strings.Split(strings.ReplaceAll(string(head), "\r\n", "\n"), "\n")
	m := &Message{Start: strings.TrimSpace(lines[0]), Body: body}
	if err := checkStart(m.Start); err != nil {
		return nil, err
	}
	for i, line := range lines[1:] {
		if err := m.addLine(line); err != nil {
			return nil, fmt.Errorf("parsing SIP header line %d: %w", i+2, err)
		}
	}
	if err := m.trimBody(); err != nil {
		return nil, err
	}
	return m, nil
}

// split cuts a datagram at its first empty line.
func split(b []byte) (head, body []byte, ok bool) {
	for i := 0; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		rest := b[i+1:]
		if bytes.HasPrefix(rest, []byte("\r\n")) {
			return bytes.TrimSuffix(b[:i], []byte("\r")), rest[2:], true
		}
		if bytes.HasPrefix(rest, []byte("\n")) {
			return bytes.TrimSuffix(b[:i], []byte("\r")), rest[1:], true
		}
	}
	return nil, nil, false
}

func checkStart(s string) error {
	if rest, ok := strings.CutPrefix(s, "SIP/2.0 "); ok {
		code, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(code)
		if err != nil || len(code) != 3 || n < 100 || n > 699 {
			return fmt.Errorf("parsing SIP status line %q: status is not 100 to 699", s)
		}
		return nil
	}
	p := strings.Split(s, " ")
	if len(p) != 3 || p[0] == "" || p[1] == "" || p[2] != "SIP/2.0" {
		return fmt.Errorf("parsing SIP request line %q: want METHOD URI SIP/2.0", s)
	}
	return nil
}

// addLine adds one header line, or continues the one before (RFC 3261 7.3.1).
func (m *Message) addLine(line string) error {
	line = strings.ReplaceAll(line, "\r", " ")
	if line != "" && (line[0] == ' ' || line[0] == '\t') {
		if len(m.Header) == 0 {
			return errors.New("a continuation without a line before it")
		}
		last := &m.Header[len(m.Header)-1]
		last.Value = strings.TrimSpace(last.Value + " " + strings.TrimSpace(line))
		return nil
	}
	name, value, ok := strings.Cut(line, ":")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%q is not Name: value", line)
	}
	if long, ok := longNames[strings.ToLower(name)]; ok {
		name = long
	}
	m.Header = append(m.Header, Field{name, strings.TrimSpace(value)})
	return nil
}

// trimBody cuts the body to Content-Length (RFC 3261 18.3).
func (m *Message) trimBody() error {
	v := m.Get("Content-Length")
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("parsing SIP Content-Length %q: not a length", v)
	}
	if n > len(m.Body) {
		return fmt.Errorf("parsing SIP body: Content-Length says %d bytes, %d came", n, len(m.Body))
	}
	m.Body = m.Body[:n]
	return nil
}

// Get returns the first value of a header, or "".
func (m *Message) Get(name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// All returns every value of a header, lists such as Via, Route and
// Record-Route taken apart at their commas.
func (m *Message) All(name string) []string {
	var out []string
	for _, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			out = append(out, splitList(f.Value)...)
		}
	}
	return out
}

// Set replaces every value of a header with one, or adds it.
func (m *Message) Set(name, value string) {
	for i, f := range m.Header {
		if strings.EqualFold(f.Name, name) {
			m.Header[i].Value = value
			return
		}
	}
	m.Header = append(m.Header, Field{name, value})
}

// Bytes writes the message as a datagram; Content-Length is counted anew.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.Start + "\r\n")
	for _, f := range m.Header {
		if !strings.EqualFold(f.Name, "Content-Length") {
			b.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.Body))
	b.Write(m.Body)
	return b.Bytes()
}

// Method is the method of a request, or "" for a response.
func (m *Message) Method() string {
	if m.Status() != 0 {
		return ""
	}
	method, _, _ := strings.Cut(m.Start, " ")
	return method
}

// URI is the Request-URI of a request, or "" for a response.
func (m *Message) URI() string {
	if p := strings.Split(m.Start, " "); m.Status() == 0 && len(p) == 3 {
		return p[1]
	}
	return ""
}

// Status is the status of a response, or 0 for a request.
func (m *Message) Status() int {
	rest, ok := strings.CutPrefix(m.Start, "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(rest[:3])
	return n
}

// CSeq is the sequence number and method of the CSeq header, or 0 and "".
func (m *Message) CSeq() (number uint32, method string) {
	num, method, _ := strings.Cut(m.Get("CSeq"), " ")
	n, err := strconv.ParseUint(num, 10, 32)
	if err != nil {
		return 0, ""
	}
	return uint32(n), strings.TrimSpace(method)
}

// Branch is the branch of the topmost Via: what names a transaction.
func (m *Message) Branch() string {
	via := m.All("Via")
	if len(via) == 0 {
		return ""
	}
	return param(via[0], "branch")
}

// FromTag and ToTag are the two tags that, with Call-ID, name a dialog.
func (m *Message) FromTag() string { return param(m.Get("From"), "tag") }

// ToTag is the tag of the To header, "" in a request that opens a dialog.
func (m *Message) ToTag() string { return param(m.Get("To"), "tag") }
