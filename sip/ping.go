package sip

import (
	"context"
	"fmt"
	"time"
)

// pingLimit is how long a trunk may take to answer: two retransmissions.
const pingLimit = 2 * time.Second

// Ping asks a trunk with OPTIONS (RFC 3261 §11) whether it lives and returns
// the status it answers, within two seconds. Any status is a sign of life; 503
// says that it takes no calls now. It is an error when nothing answers.
func (a *Agent) Ping(ctx context.Context, t Trunk) (status int, err error) {
	ctx, stop := context.WithTimeout(ctx, pingLimit)
	defer stop()
	if err := t.check(); err != nil {
		return 0, fmt.Errorf("asking trunk %s: %w", t.Name, err)
	}
	at, ips, err := a.endpoints(ctx, &t)
	if err != nil {
		return 0, fmt.Errorf("asking trunk %s: %w", t.Name, err)
	}
	status, err = a.options(ctx, way{trunk: &t, at: at[0], ips: ips})
	if err != nil {
		return 0, fmt.Errorf("asking trunk %s: %w", t.Name, err)
	}
	return status, nil
}
