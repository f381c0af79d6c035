package sip

import (
	"context"
	"fmt"

	gosip "github.com/emiago/sipgo/sip"
)

// pressLength is the duration a key sent by INFO claims, in ms.
const pressLength = 160

// Press sends keys by SIP INFO (application/dtmf-relay), one after the other,
// for trunks that do not take them in RTP (RFC 4733). Keys are 0–9 * # A–D. It
// returns when the last one is accepted; a *RefusedError says which way they are
// not taken.
func (c *Call) Press(ctx context.Context, keys string) error {
	for _, k := range keys {
		digit := key(string(k))
		if digit == "" {
			return fmt.Errorf("pressing %q: not a key of a telephone", k)
		}
		if err := c.wishFor(ctx, func(c *Call, result chan<- error) { c.press(digit, result) }); err != nil {
			return fmt.Errorf("pressing a key: %w", err)
		}
	}
	return nil
}

func (c *Call) press(digit string, result chan<- error) {
	switch {
	case c.isOver():
		result <- ErrEnded
		return
	case c.dialog == nil:
		result <- ErrNotAnswered
		return
	}
	req := c.dialog.request(gosip.INFO, c.dialog.next())
	kind := gosip.ContentTypeHeader("application/dtmf-relay")
	req.AppendHeader(&kind)
	req.SetBody(fmt.Appendf(nil, "Signal=%s\r\nDuration=%d\r\n", digit, pressLength))
	c.ask(c.dialog, req, func(_ *gosip.Request, res *gosip.Response) {
		switch {
		case res == nil:
			result <- ErrNoAnswer
		case res.StatusCode >= 300:
			result <- &RefusedError{"INFO", res.StatusCode, said(res.Reason)}
		default:
			result <- nil
		}
	})
}
