package sip

import (
	"context"
	"fmt"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// pingLimit is how long a trunk may take to answer: two retransmissions.
const pingLimit = 2 * time.Second

// Ping asks a trunk with OPTIONS (RFC 3261 §11) whether it lives and returns
// the status it answers, within two seconds. Any status is a sign of life; 503
// says that it takes no calls now. It is an error when nothing answers.
func (a *Agent) Ping(ctx context.Context, t Trunk) (status int, err error) {
	ctx, stop := context.WithTimeout(ctx, pingLimit)
	defer stop()
	from := t.From
	if from == "" {
		from = "ping"
	}
	c, err := a.prepare(ctx, t, Invite{To: "ping", From: from})
	if err != nil {
		return 0, fmt.Errorf("asking trunk %s: %w", t.Name, err)
	}
	req := c.invite(1, nil)
	req.Method = gosip.OPTIONS
	req.CSeq().MethodName = gosip.OPTIONS
	req.Recipient.User = ""
	res := a.transact(ctx, req)
	if res == nil {
		return 0, fmt.Errorf("trunk %s does not answer OPTIONS at %s", t.Name, t.Addr)
	}
	return int(res.StatusCode), nil
}
