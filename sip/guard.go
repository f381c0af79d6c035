package sip

import (
	"bytes"
	"strconv"
)

// guard watches the lines of a stream of SIP messages: every line of a header
// ends in CRLF and holds no NUL, as cleanLines wants of datagrams. It follows
// the framing by Content-Length (RFC 3261 18.3) so that bodies may hold
// anything.
type guard struct {
	line []byte // of the header, so far; only as much as a length needs
	size int    // of the line
	head int    // bytes of this header
	body int    // bytes of this body still to come
	want int    // Content-Length read
	last byte
}

const (
	maxHeader = 32 << 10 // bytes of one message's header
	maxBody   = 64 << 10
)

// pass reports whether the stream may go on.
func (g *guard) pass(b []byte) bool {
	for len(b) > 0 {
		if g.body > 0 {
			n := min(g.body, len(b))
			g.body -= n
			b = b[n:]
			continue
		}
		if !g.next(b[0]) {
			return false
		}
		b = b[1:]
	}
	return true
}

// next takes one byte of a header.
func (g *guard) next(c byte) bool {
	last := g.last
	g.last = c
	g.head++
	switch {
	case c == 0, c == '\n' && last != '\r', c != '\n' && last == '\r', g.head > maxHeader:
		return false
	case c == '\r':
		return true
	case c != '\n':
		g.size++
		if len(g.line) < 40 { // "Content-Length" with room for spaces
			g.line = append(g.line, c)
		}
		return true
	}
	g.last = 0
	if g.size > 0 {
		ok := g.length()
		g.line, g.size = g.line[:0], 0
		return ok
	}
	if g.head > 2 { // the empty line behind a header, not a keep-alive
		g.body, g.want = g.want, 0
	}
	g.head = 0
	return true
}

// length reads Content-Length, long or compact, if the line is one.
func (g *guard) length() bool {
	name, value, found := bytes.Cut(g.line, []byte(":"))
	name = bytes.TrimSpace(name)
	if !found || !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
		return true
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
	if err != nil || n < 0 || n > maxBody {
		return false
	}
	g.want = n
	return true
}
