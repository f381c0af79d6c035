package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// maxRefers bounds the transfers of one call whose outcome is awaited.
const maxRefers = 4

// refer is a REFER of ours whose subscription lives.
type refer struct {
	seq   uint32
	final bool // the new call's final status has been told
}

// Refer asks the other side to call target instead of us (RFC 3515): a blind
// transfer. The target is a number of the trunk, or a sip, sips or tel URI. Refer
// returns when the request is accepted; a *RefusedError says that it is not. How
// the transfer goes is told by Referred events: their Status is that of the new
// call, 100 to 699. The last one is a final status, or 0 when the other side
// stops telling. Our own call goes on until either side hangs up.
func (c *Call) Refer(ctx context.Context, target string) error {
	if err := c.wishFor(ctx, func(c *Call, result chan<- error) { c.refer(target, result) }); err != nil {
		return fmt.Errorf("transferring the call: %w", err)
	}
	return nil
}

// wishFor has the owner do something and waits for what came of it, for the call's
// end, or for ctx.
func (c *Call) wishFor(ctx context.Context, do func(c *Call, result chan<- error)) error {
	result := make(chan error, 1)
	if err := c.tell(ctx, func(c *Call) { do(c, result) }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-c.gone:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxTarget is more than any URI of a phone needs.
const maxTarget = 256

// referTo makes the Refer-To URI. What stands between the angle brackets must
// not end them, and where the trunk may not call nobody is sent either.
func (c *Call) referTo(target string) (string, error) {
	t := c.peer.trunk
	if scheme, rest, found := strings.Cut(target, ":"); found && slices.Contains([]string{"sip", "sips", "tel"}, strings.ToLower(scheme)) {
		if len(target) > maxTarget || rest == "" {
			return "", fmt.Errorf("target URI is %d bytes long", len(target))
		}
		for i := 0; i < len(target); i++ {
			if b := target[i]; b <= ' ' || b >= 0x7f || strings.IndexByte(`<>"`, b) >= 0 {
				return "", fmt.Errorf("target URI has character %q at byte %d", b, i)
			}
		}
		user := numberIn("<" + target + ">")
		if user == "" && (strings.Contains(rest, "@") || strings.EqualFold(scheme, "tel")) {
			return "", errors.New("target URI has no number that could be read")
		}
		if user == "" {
			return target, nil
		}
		return target, t.mayCall(user)
	}
	t.CallerIDs = nil // nobody's caller ID goes out
	f, err := t.form(Invite{To: target, From: cmp.Or(c.inv.From, t.From, "1")})
	if err != nil {
		return "", err
	}
	p := *c.peer
	p.form = f
	if p.at.host == "" { // of a call that came in: where it came from
		p.at.host, p.at.port = p.dest.Addr().String(), int(p.dest.Port())
	}
	uri, _, _ := (&Call{peer: &p}).addresses()
	return uri.String(), nil
}

// refer sends the request. A side that gives no reports says so with Refer-Sub:
// false (RFC 4488 4); that we could do without is not said, for then none would.
func (c *Call) refer(target string, result chan<- error) {
	switch {
	case c.isOver():
		result <- ErrEnded
		return
	case c.dialog == nil:
		result <- ErrNotAnswered
		return
	case len(c.refers) >= maxRefers:
		result <- ErrBusy
		return
	}
	uri, err := c.referTo(target)
	if err != nil {
		result <- err
		return
	}
	seq := c.dialog.next()
	req := c.dialog.request(gosip.REFER, seq)
	req.AppendHeader(c.contact())
	req.AppendHeader(gosip.NewHeader("Refer-To", "<"+uri+">"))
	c.refers = append(c.refers, refer{seq: seq}) // reports may overtake the 202 (RFC 3515 2.4.4)
	c.ask(c.dialog, req, func(req *gosip.Request, res *gosip.Response) {
		c.onReferAnswer(seq, req, res, result)
	})
}

func (c *Call) onReferAnswer(seq uint32, req *gosip.Request, res *gosip.Response, result chan<- error) {
	if i := c.referAt(seq); i >= 0 {
		c.refers[i].seq = req.CSeq().SeqNo // with credentials it has another
	}
	switch {
	case res == nil:
		result <- ErrNoAnswer
	case res.StatusCode >= 300:
		c.endRefer(req.CSeq().SeqNo)
		result <- &RefusedError{"REFER", res.StatusCode, said(res.Reason)}
	default:
		result <- nil
		if sub := values(res, "refer-sub"); len(sub) > 0 && strings.HasPrefix(strings.ToLower(strings.TrimSpace(sub[0])), "false") {
			c.endRefer(req.CSeq().SeqNo)
			c.emit(Event{Kind: Referred})
		}
	}
}

func (c *Call) referAt(seq uint32) int {
	return slices.IndexFunc(c.refers, func(r refer) bool { return r.seq == seq })
}

func (c *Call) endRefer(seq uint32) {
	c.refers = slices.DeleteFunc(c.refers, func(r refer) bool { return r.seq == seq })
}

// onNotify takes a report about a transfer (RFC 3515 2.4.5). Without a REFER of
// ours there is no subscription (RFC 6665 4.1.3: 481).
func (c *Call) onNotify(h held) {
	pack, params, _ := strings.Cut(joined(h.req, "event"), ";")
	if !strings.EqualFold(strings.TrimSpace(pack), "refer") {
		h.refuse(489, "Bad Event", gosip.NewHeader("Allow-Events", "refer"))
		return
	}
	r := c.referOf(params)
	if r == nil {
		h.refuse(481, "Subscription Does Not Exist")
		return
	}
	h.respond(200, "OK", nil)
	status, phrase, told := parseSipfrag(h.req.Body())
	state, _, _ := strings.Cut(joined(h.req, "subscription-state"), ";")
	last := strings.EqualFold(strings.TrimSpace(state), "terminated")
	if told || last && !r.final {
		c.emit(Event{Kind: Referred, Status: status, Cause: Cause{Status: status, Phrase: phrase}})
	}
	r.final = r.final || status >= 200
	if last {
		c.endRefer(r.seq)
	}
}

// referOf finds the REFER a report belongs to: by the id of Event, which is its
// CSeq (RFC 3515 2.4.6), else the first.
func (c *Call) referOf(params string) *refer {
	if len(c.refers) == 0 {
		return nil
	}
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "id") {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
		if i := c.referAt(uint32(n)); err == nil && i >= 0 {
			return &c.refers[i]
		}
		return nil
	}
	return &c.refers[0]
}

// parseSipfrag reads the status line of a message/sipfrag body (RFC 3420).
func parseSipfrag(body []byte) (status int, phrase string, ok bool) {
	line, _, _ := strings.Cut(string(body), "\n")
	rest, found := strings.CutPrefix(strings.TrimSpace(line), "SIP/2.0 ")
	if !found {
		return 0, "", false
	}
	code, phrase, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 || status > 699 {
		return 0, "", false
	}
	return status, said(phrase), true
}
