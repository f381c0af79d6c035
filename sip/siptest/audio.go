package siptest

import (
	"fmt"
	"slices"
	"time"
)

// openAudio binds the call's even RTP port and aims it at the caller's SDP.
func (c *call) openAudio(now time.Time) bool {
	if c.bindAudio(now) {
		return true
	}
	c.refuse(500, "No Media Port", "carrier", now)
	return false
}

func (c *call) bindAudio(now time.Time) bool {
	g := c.g
	for range (g.o.PortMax - g.o.PortMin) / 2 {
		port := g.port
		if g.port += 2; g.port >= g.o.PortMax {
			g.port = g.o.PortMin
		}
		s, err := openSocket(g.ip, port)
		if err != nil { // taken by somebody else
			continue
		}
		c.sock, c.tx, c.nextFrame = s, newSender(), now
		c.aim()
		return true
	}
	g.o.Log.Warn("no free RTP port", "from", g.o.PortMin, "to", g.o.PortMax)
	return false
}

// aim sends where the caller's SDP says; without an address, nowhere yet.
func (c *call) aim() {
	if c.sock != nil && c.media.addr.IsValid() && c.media.addr.Port() != 0 {
		c.sock.aim(c.media.addr)
	}
}

func (c *call) closeAudio() {
	if c.sock != nil {
		c.listen() // what came before the end counts
		c.sock.close()
		c.sock = nil
	}
}

// description is our SDP: the answer, or the offer of an offerless INVITE.
func (c *call) description() SDP {
	c.version++
	event, direction := c.media.event, "sendrecv"
	switch c.media.direction { // RFC 3264 6.1
	case "sendonly":
		direction = "recvonly"
	case "recvonly":
		direction = "sendonly"
	case "inactive":
		direction = "inactive"
	}
	if !c.media.addr.IsValid() {
		event = 101
	}
	return describe(c.g.ip.String(), c.sock.port, c.version, event, direction)
}

// listen takes every packet that waits.
func (c *call) listen() {
	for {
		n, ok := c.sock.read(c.g.buf[:])
		if !ok {
			return
		}
		pt, payload, ok := rtpPayload(c.g.buf[:n])
		if !ok || c.g.faults.loseRTP() {
			continue
		}
		c.rec.RTPIn++
		if c.g.o.Keep && pt == payloadPCMA {
			c.rec.Audio = append(c.rec.Audio, payload...)
		}
		if pt == payloadPCMA && loud(payload) {
			c.voiced++
		} else {
			c.silent++
		}
	}
}

// frame does the next 20 ms: a piece of what is being said, a step of a key, or
// silence while listening.
func (c *call) frame(now time.Time) {
	if c.who.mute {
		c.attend(now)
		return
	}
	if c.keys != "" {
		c.pressOn(now)
		return
	}
	if c.text != "" && !c.started {
		if audio := c.g.voice(c.text); audio != nil {
			c.out, c.started = slices.Concat(audio, c.tail), true
			c.tx.marker = true
		}
	}
	if len(c.out) == 0 && c.text == "" {
		c.sendRTP(c.tx.audio(nil))
		if c.answered {
			c.attend(now)
		}
		return
	}
	n := min(frameSamples, len(c.out))
	c.sendRTP(c.tx.audio(c.out[:n]))
	c.out = c.out[n:]
	c.voiced, c.silent = 0, 0 // nobody listens while speaking
	if len(c.out) == 0 && c.started {
		c.spoke(now)
	}
}

func (c *call) sendRTP(b []byte) {
	if c.media.direction == "sendonly" || c.media.direction == "inactive" || c.g.faults.loseRTP() {
		return
	}
	if c.sock.write(b) {
		c.rec.RTPOut++
	}
}

// utter queues words; tail follows them as it is; then runs once all is sent.
func (c *call) utter(text string, tail []byte, then func(time.Time)) {
	c.text, c.started, c.out, c.tail, c.then = text, false, nil, tail, then
}

// attend lets the person hear what came and do what they do next.
func (c *call) attend(now time.Time) {
	next, due := c.ear.hear(c.voiced, c.silent)
	c.voiced, c.silent = 0, 0
	if !due {
		return
	}
	c.optOut = next.optOut
	switch {
	case next.hang:
		c.hangUp("callee", now)
	case next.keys != "":
		c.keys, c.keyStep = next.keys, 0
	default:
		var tail []byte
		if next.beep {
			tail = tone(1000, 500*time.Millisecond)
		}
		c.utter(next.say, tail, nil)
	}
}

// spoke notes words that were said to their end.
func (c *call) spoke(now time.Time) {
	said, then := c.text, c.then
	c.text, c.started, c.then = "", false, nil
	if c.answered {
		c.rec.Said = append(c.rec.Said, said)
		c.g.books.note(c.g.o, entry{Event: "said", Text: said}, c.rec)
		c.acted()
	}
	if then != nil {
		then(now)
	}
}

// acted ends the person's own turn; what it meant holds from now on.
func (c *call) acted() {
	c.ear.acted()
	if c.optOut {
		c.rec.SaidOptOut = c.g.o.Now()
		c.g.stopped[plainNumber(c.rec.Number)] = c.rec.SaidOptOut
	}
	c.optOut = false
}

// pressOn sends the next step of a key: RFC 4733 if the caller offered it, else
// SIP INFO.
func (c *call) pressOn(now time.Time) {
	event, known := keyEvent(c.keys[0])
	switch {
	case !known:
		c.keyStep = keySteps
	case c.media.event != 0:
		if b := c.tx.key(byte(c.media.event), event, c.keyStep); b != nil {
			c.sendRTP(b)
		}
	default:
		if c.keyStep == 0 {
			body := fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", c.keys[0])
			c.g.send(c.request("INFO", relay(body)).Bytes(), c.peer)
		}
		c.sendRTP(c.tx.audio(nil))
	}
	if c.keyStep++; c.keyStep < keySteps {
		return
	}
	if known {
		c.rec.Keys += c.keys[:1]
		c.g.books.note(c.g.o, entry{Event: "digits", Digits: c.keys[:1]}, c.rec)
	}
	if c.keys, c.keyStep = c.keys[1:], 0; c.keys == "" {
		c.acted()
	}
}

// relay is the body of an INFO that carries a key.
type relay string

func (r relay) addTo(m *Message) {
	m.Header = append(m.Header, Field{"Content-Type", "application/dtmf-relay"})
	m.Body = []byte(r)
}
