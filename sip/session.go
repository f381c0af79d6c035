package sip

import (
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

const (
	// defaultSession is how often a session is shown to be alive, unless the
	// trunk says otherwise (RFC 4028 4 recommends 1800 s).
	defaultSession = 30 * time.Minute

	// minSession is the shortest interval anybody may ask for (RFC 4028 5).
	minSession = 90 * time.Second

	// maxSession bounds what a peer may ask, so that a broken header is not a
	// session for ever.
	maxSession = 24 * time.Hour

	// sessionGrace: who is not refreshed hangs up this long before the end, or
	// a third of the interval if that is shorter (RFC 4028 10).
	sessionGrace = 32 * time.Second
)

// session is the agreement to show each other that the call lives (RFC 4028).
type session struct {
	interval time.Duration // 0: none
	ours     bool          // we are the refresher
	refresh  time.Time     // when we are; zero otherwise, and while a refresh is on its way
	expires  time.Time     // when to hang up
}

// asks is the interval we propose; 0 when the trunk wants no timers.
func (c *Call) asks() time.Duration {
	want := c.peer.trunk.SessionExpires
	switch {
	case want < 0:
		return 0
	case want == 0:
		want = defaultSession
	}
	return max(want, c.minSE, minSession)
}

// proposeSession writes what an INVITE or a refresh of ours says about timers.
// While the roles are agreed they are kept.
func (c *Call) proposeSession(req *gosip.Request) {
	interval := c.asks()
	if interval == 0 && c.session.interval == 0 {
		return
	}
	role := "uac"
	if c.session.interval > 0 {
		interval = max(c.session.interval, c.minSE)
		if !c.session.ours {
			role = "uas"
		}
	}
	req.AppendHeader(gosip.NewHeader("Session-Expires", seconds(interval)+";refresher="+role))
	req.AppendHeader(gosip.NewHeader("Min-SE", seconds(max(c.minSE, minSession))))
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// raiseSession takes the Min-SE of a 422; false when that is no reason to try
// again.
func (c *Call) raiseSession(res *gosip.Response) bool {
	v := values(res, "min-se")
	if len(v) == 0 {
		return false
	}
	least, _, ok := parseSessionExpires(v[0])
	if !ok || least <= c.minSE || least > maxSession {
		return false
	}
	c.minSE = least
	return true
}

// parseSessionExpires reads Session-Expires or Min-SE: seconds and who
// refreshes, "uac", "uas" or "".
func parseSessionExpires(s string) (interval time.Duration, refresher string, ok bool) {
	number, params, _ := strings.Cut(s, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil {
		return 0, "", false
	}
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		value = strings.ToLower(strings.TrimSpace(value))
		if strings.EqualFold(strings.TrimSpace(name), "refresher") && (value == "uac" || value == "uas") {
			refresher = value
		}
	}
	return time.Duration(n) * time.Second, refresher, true
}

// agree takes the timer from a 2xx to a request of ours: none there, none at
// all (RFC 4028 7.2).
func (c *Call) agree(res *gosip.Response) {
	v := values(res, "session-expires")
	if len(v) == 0 {
		c.session = session{}
		return
	}
	interval, refresher, ok := parseSessionExpires(v[0])
	if !ok {
		c.session = session{}
		return
	}
	c.keepAlive(interval, refresher != "uas")
}

// keepAlive starts the timer anew.
func (c *Call) keepAlive(interval time.Duration, ours bool) {
	interval = min(max(interval, minSession), maxSession)
	now := time.Now()
	c.session = session{interval: interval, ours: ours, expires: now.Add(interval - min(sessionGrace, interval/3))}
	if ours {
		c.session.refresh = now.Add(interval / 2)
	}
}

// tooSmall reports whether a request of theirs asks for refreshes more often
// than RFC 4028 allows; 422 tells them the least.
func tooSmall(req *gosip.Request) bool {
	v := values(req, "session-expires")
	if len(v) == 0 || !lists(joined(req, "supported"), "timer") {
		return false
	}
	interval, _, ok := parseSessionExpires(v[0])
	return ok && interval < minSession
}

// acceptSession answers what their INVITE or UPDATE says about timers and
// starts the timer; the headers go into our 2xx (RFC 4028 9). Who cannot refresh
// leaves it to us.
func (c *Call) acceptSession(req *gosip.Request) []gosip.Header {
	able := lists(joined(req, "supported"), "timer") || lists(joined(req, "require"), "timer")
	interval, refresher := c.session.interval, ""
	if v := values(req, "session-expires"); len(v) > 0 {
		if asked, role, ok := parseSessionExpires(v[0]); ok {
			interval, refresher = asked, role
		}
	} else if interval > 0 && able && !c.session.ours {
		refresher = "uac" // they have been refreshing, and this is one
	}
	if interval == 0 || c.peer.trunk.SessionExpires < 0 {
		c.session = session{}
		return nil
	}
	ours := !able || refresher == "uas"
	c.keepAlive(interval, ours)
	role := "uac"
	if ours {
		role = "uas"
	}
	headers := []gosip.Header{gosip.NewHeader("Session-Expires", seconds(c.session.interval)+";refresher="+role)}
	if able && !ours {
		headers = append(headers, gosip.NewHeader("Require", "timer"))
	}
	return headers
}

// refreshSession shows that we live: by UPDATE if they take it, else by our SDP
// as it is (RFC 4028 7.4). A proposal of ours on its way is as good.
func (c *Call) refreshSession() {
	c.session.refresh = time.Time{}
	if len(c.proposals) > 0 {
		return
	}
	p := &proposal{method: gosip.INVITE, sdp: c.local, done: func([]byte, error) {}}
	if lists(c.allows, "UPDATE") {
		p.method, p.sdp = gosip.UPDATE, nil
	}
	c.propose(p)
}

// watchSession refreshes in time, and hangs up a call nobody has refreshed.
func (c *Call) watchSession(now time.Time) {
	s := &c.session
	switch {
	case s.interval == 0 || c.isOver() || c.dialog == nil:
	case !now.Before(s.expires):
		c.hangUp(`SIP;cause=408;text="session expired"`, Cause{Status: 408, Phrase: "session expired", By: ByTimeout})
	case !s.refresh.IsZero() && !now.Before(s.refresh):
		c.refreshSession()
	}
}
