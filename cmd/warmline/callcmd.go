package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/dialogs"
	"warmline/postgres"
	"warmline/sip"
)

// callCmd places one real call: how a telephony engineer tries a gateway.
type callCmd struct {
	Number      string        `arg:"" help:"Phone number, or any SIP user part."`
	Trunk       string        `required:"" help:"The peer, sip:HOST:PORT, or the name of a trunk of the config, called exactly as campaigns do." placeholder:"sip:HOST:PORT|NAME"`
	Dialog      string        `required:"" help:"Dialog tree, a file." placeholder:"FILE"`
	Facts       string        `help:"What the tree may know, YAML or JSON." placeholder:"FILE"`
	RingTimeout time.Duration `help:"How long it may ring." default:"30s"`
	MaxTalk     time.Duration `help:"Longest conversation." default:"2m"`
	User        string        `help:"Digest user."`
	Password    string        `help:"Digest password." env:"WARMLINE_CALL_PASSWORD"`
	Realm       string        `help:"The only realm that gets the password; the trunk's host when left out."`
	From        string        `help:"Caller ID; warmline, or the trunk's, when left out."`
	Transport   string        `help:"To a peer: udp, tcp or tls; udp when left out." placeholder:"udp|tcp|tls"`
	TLSCA       string        `name:"tls-ca" help:"Authorities that a peer's certificate may be of, PEM; the system's when left out." placeholder:"FILE"`
	SRTP        string        `name:"srtp" help:"To a peer, whether audio is encrypted: off, optional or required; off when left out." placeholder:"off|optional|required"`
	Codec       string        `help:"Codecs to offer a peer, best first: pcma, pcmu, g722, comma separated; pcma,pcmu when left out." placeholder:"CODEC,…"`
	Voice       string        `help:"Voice: espeak, tones for simulated people, or auto." enum:"auto,espeak,tones" default:"auto"`
	Override    string        `help:"Call a suppressed number all the same; the reason is kept." placeholder:"REASON"`
	JSON        bool          `help:"Last line is one JSON object."`
}

// Help shows an example.
func (callCmd) Help() string {
	return `No database and no Redis are needed. Consent is NOT checked: call your own
phone or a test peer. Every call is noted (masked number, user, time) in the
audit file of the data folder.

Example: a peer of Debian's sip-tester, and a call to it:

  sipp -sn uas -i 127.0.0.1 -p 5060 &
  warmline call 1000 --trunk sip:127.0.0.1:5060 --dialog examples/dialogs/winter-care.yaml --max-talk 20s

Other ways to the peer, and the trunk «main» of the config with its transport,
codecs, SRTP, registration, number formats and failover; from a port of our own:

  warmline call 1000 --trunk sip:pbx.example:5061 --transport tls --srtp required --codec g722,pcma --dialog tree.yaml
  warmline call 13800138000 --trunk main --dialog tree.yaml

A call that a trunk refused for its own sake, and that went on to another target
or trunk, shows every hop with its raw codes.

Exit code 0 when the call was carried through to its end, whatever became of
it; 1 when it could not be tried.`
}

// callReport is the last line of warmline call --json.
type callReport struct {
	callFacts
	Transcript []turnLine `json:"transcript"`
}

// callFacts are what any finished call says of itself.
type callFacts struct {
	Disposition string    `json:"disposition"`
	Answered    bool      `json:"answered"`
	AnsweredBy  string    `json:"answered_by"`
	Outcome     string    `json:"outcome"`
	SIPStatus   int       `json:"sip_status"`
	Q850        int       `json:"q850"`
	Reason      string    `json:"reason"`
	RingMS      int64     `json:"ring_ms"`
	TalkMS      int64     `json:"talk_ms"`
	EndedBy     string    `json:"ended_by"`
	RTP         rtpReport `json:"rtp"`
	Hops        []hopLine `json:"hops,omitempty"` // when there was more than one
}

// hopLine is one way a call was tried by, with the raw codes that came back.
type hopLine struct {
	Trunk      string `json:"trunk"`
	Target     string `json:"target"`
	SIPStatus  int    `json:"sip_status"` // 0 of a way the call stayed on
	Phrase     string `json:"phrase"`
	Q850       int    `json:"q850"`
	Reason     string `json:"reason"` // the header as it came
	By         string `json:"by"`
	RetryAfter int    `json:"retry_after"` // seconds
}

// hopsOf are the ways of a call that took more than one.
func hopsOf(hops []sip.Hop) (lines []hopLine) {
	if len(hops) < 2 {
		return nil
	}
	for _, h := range hops {
		c := h.Cause
		lines = append(lines, hopLine{h.Trunk, h.Target, c.Status, c.Phrase, c.Q850, c.Reason, c.By, int(c.RetryAfter.Seconds())})
	}
	return lines
}

type rtpReport struct {
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	Lost     uint64 `json:"lost"`
}

type turnLine struct {
	AtMS int64  `json:"at_ms"`
	Who  string `json:"who"`
	Text string `json:"text"`
}

// Run places the call.
func (c *callCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	line, err := c.line(cfg)
	if err != nil {
		return err
	}
	trunk := line.trunk
	masked, err := testNumber(c.Number, trunk)
	if err != nil {
		return err
	}
	if err := unsuppressed(a, cfg, c.Number, c.Override); err != nil {
		return err
	}
	tree, err := parseFile(c.Dialog)
	if err != nil {
		return err
	}
	facts, err := readFacts(c.Facts)
	if err != nil {
		return err
	}
	if _, ok := facts["brand"]; !ok {
		facts["brand"] = tree.Brand()
	}
	facts["now"] = time.Now()
	if err := auditCall(cfg.dataDir(), masked, line.address(), c.Override); err != nil {
		return err
	}
	fmt.Fprintf(a.std.err, "No consent was checked for this call to %s.\n", masked)
	cfg.Speech.Voice = c.Voice
	if c.Voice == "auto" {
		cfg.Speech.Voice = "espeak"
		if _, err := exec.LookPath(cfg.Speech.Espeak); err != nil {
			cfg.Speech.Voice = "tones"
			fmt.Fprintln(a.std.err, "espeak-ng is missing, so the bot speaks tones; «apt-get install -y espeak-ng» as root gives it a voice.")
		}
	}
	if err := line.bind(&cfg); err != nil {
		return err
	}
	// The same parts that campaigns use.
	d, stop, err := newDialer(a.ctx, cfg, time.Now, a.log, nil)
	if err != nil {
		return err
	}
	defer stop()
	if err := line.ready(a, d); err != nil {
		return err
	}
	r := d.Place(a.ctx, dialer.Job{
		Attempt: "call-" + time.Now().UTC().Format("20060102T150405.000"), To: c.Number, Masked: masked, Trunk: trunk, CallerID: line.callerID,
		Tree: tree, Facts: facts, Ledger: ledgerOf(dialogs.Ledger{}), RingTimeout: c.RingTimeout, MaxTalk: c.MaxTalk,
		Codecs: line.codecs, PTime: line.ptime, Security: line.security, Failover: line.failover,
	}, nil)
	if r.Err != nil && r.InviteAt.IsZero() {
		return fmt.Errorf("the call could not be tried: %w", r.Err)
	}
	if r.OptOut || r.OptOutPending {
		if err := c.keepOptOut(a, cfg); err != nil {
			return err
		}
	}
	if r.Err != nil {
		fmt.Fprintln(a.std.err, "What broke the call:", r.Err)
	}
	return c.tell(a, r)
}

// testNumber masks a number for people and refuses what a machine must not dial
// over a real trunk.
func testNumber(number string, t sip.Trunk) (masked string, err error) {
	digits := strings.TrimLeft(strings.Trim(number, " "), "+")
	phone, _, perr := contacts.ParsePhone(number, "CN")
	masked = number
	switch {
	case perr == nil:
		masked = phone.Masked()
	case len(digits) > 6:
		masked = digits[:3] + "****" + digits[len(digits)-2:]
	}
	if t.Loopback() {
		return masked, nil
	}
	refuse := func(what string) error {
		return fmt.Errorf("%s is %s: it is only dialed over a trunk on loopback", number, what)
	}
	digits = dialled(number)
	if digits == "" {
		return masked, nil // a name
	}
	_, class, perr := contacts.ParsePhone(digits, "CN")
	digits = strings.TrimPrefix(digits, "+")
	if sip.Emergency(digits) {
		return "", refuse("an emergency number")
	}
	var why *contacts.Refusal
	if errors.As(perr, &why) && (why.Reason == "short_code" || why.Reason == "premium") {
		return "", refuse("a " + strings.ReplaceAll(why.Reason, "_", " ") + " number")
	}
	if perr == nil && (class == contacts.ClassPremium || class == contacts.ClassShort) {
		return "", refuse("a " + string(class) + " number")
	}
	if perr != nil && len(digits) <= 6 {
		return "", refuse("a short code")
	}
	// Toll fraud: whatever is not plainly a mobile or a landline here (satellite,
	// foreign premium, a prefix before a number) is not for a test call.
	if perr != nil && (why == nil || why.Reason != "landline") || perr == nil && class != contacts.ClassMobile && class != contacts.ClassFixed {
		return "", refuse("neither a mobile nor a landline")
	}
	return masked, nil
}

// dialled is what a gateway may take a SIP user part for once it has dropped
// scheme, parameters and marks: the digits, or "" of a name.
func dialled(user string) string {
	user = strings.TrimSpace(user)
	for _, scheme := range []string{"tel:", "sip:", "sips:"} {
		if len(user) > len(scheme) && strings.EqualFold(user[:len(scheme)], scheme) {
			user = user[len(scheme):]
		}
	}
	if i := strings.IndexAny(user, ";,@?"); i > 0 {
		user = user[:i]
	}
	if strings.ContainsFunc(user, unicode.IsLetter) {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		}
		return -1
	}, user)
	if strings.HasPrefix(user, "+") {
		return "+" + digits
	}
	return digits
}

// unsuppressed asks the store, when one is configured, whether this person
// asked not to be called.
func unsuppressed(a *app, cfg Config, number, override string) error {
	digits := dialled(number)
	if cfg.DatabaseURL == "" || len(digits) < 7 {
		return nil // a name or an extension
	}
	phone, _, err := contacts.ParsePhone(digits, "CN")
	if err != nil {
		if override != "" {
			return nil
		}
		return fmt.Errorf("whether %s may be called cannot be told (%w); --override REASON calls all the same and keeps the reason", number, err)
	}
	db, err := openStore(a.ctx, cfg, a.log)
	if err != nil {
		return fmt.Errorf("asking whether the number is suppressed: %w", err)
	}
	defer db.Close()
	if err := db.CheckKey(a.ctx); err != nil {
		return err
	}
	suppressed, err := db.Suppressed(a.ctx, phone)
	if err != nil {
		return fmt.Errorf("asking whether the number is suppressed: %w", err)
	}
	if suppressed && override == "" {
		return fmt.Errorf("%s asked not to be called; --override REASON calls all the same and keeps the reason", phone.Masked())
	}
	return nil
}

// keepOptOut keeps a refusal heard on a test call where there is a database to
// keep it in, and says so where there is none.
func (c *callCmd) keepOptOut(a *app, cfg Config) error {
	phone, _, err := contacts.ParsePhone(dialled(c.Number), "CN")
	if cfg.DatabaseURL == "" || err != nil {
		fmt.Fprintln(a.std.err, "The person asked not to be called again. No database is configured, so nothing keeps it: do not call this number again.")
		return nil
	}
	db, err := openStore(a.ctx, cfg, a.log)
	if err != nil {
		return fmt.Errorf("the person asked not to be called again and it could not be kept: %w", err)
	}
	defer db.Close()
	if err := db.OptOut(a.ctx, time.Now(), postgres.OptOutIn{Phone: phone, Source: "call"}); err != nil {
		return fmt.Errorf("the person asked not to be called again and it could not be kept: %w", err)
	}
	fmt.Fprintln(a.std.err, "The person asked not to be called again; it is kept.")
	return nil
}

// readFacts reads what a tree may know from YAML or JSON; times are written
// as RFC 3339 or as "5d ago".
func readFacts(file string) (dialogs.Facts, error) {
	f := dialogs.Facts{}
	if file == "" {
		return f, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&f); err != nil {
		return nil, fmt.Errorf("facts in %s: %s", file, yaml.FormatError(err, false, true))
	}
	return f, nil
}

// auditCall appends who called whom, when; a call that cannot be noted is not
// placed.
func auditCall(dir, masked, trunk, override string) error {
	f, err := openAudit(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.note("call", masked, trunk, override), f.Close())
}

// localIP is our address on the way to addr; no packet is sent.
func localIP(addr string) (string, error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return "", fmt.Errorf("no way to %s: %w", addr, err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).IP.String(), nil
}

// factsOf makes the report of a finished call.
func factsOf(r dialer.Result) callFacts {
	f := callFacts{
		Disposition: r.Disposition, Answered: r.Answered, AnsweredBy: r.AnsweredBy, Outcome: r.Outcome,
		SIPStatus: r.Cause.Status, Q850: r.Cause.Q850, Reason: r.Cause.Reason, EndedBy: r.EndedBy,
		RTP: rtpReport{r.RTP.Sent, r.RTP.Received, r.RTP.Lost}, Hops: hopsOf(r.Hops),
	}
	if f.Reason == "" && r.Disposition != dialer.Answered {
		f.Reason = r.Cause.Phrase
	}
	if !r.AnsweredAt.IsZero() {
		f.TalkMS = r.EndedAt.Sub(r.AnsweredAt).Milliseconds()
	}
	if !r.RingAt.IsZero() {
		until := r.EndedAt
		if !r.AnsweredAt.IsZero() {
			until = r.AnsweredAt
		}
		f.RingMS = until.Sub(r.RingAt).Milliseconds()
	}
	return f
}

func (c *callCmd) tell(a *app, r dialer.Result) error {
	rep := callReport{factsOf(r), []turnLine{}}
	for _, t := range r.Transcript {
		rep.Transcript = append(rep.Transcript, turnLine{t.At.Milliseconds(), t.Who, t.Text})
	}
	for _, t := range r.Ladder {
		arrow := "<──"
		if t.Sent {
			arrow = "──>"
		}
		a.printf("%s %s %s\n", t.At.Format("15:04:05.000"), arrow, t.Line)
	}
	for _, h := range rep.Hops {
		a.printf("hop %s %s: status %d %s, cause %d, by %s %s\n", h.Trunk, h.Target, h.SIPStatus, h.Phrase, h.Q850, h.By, h.Reason)
	}
	for _, t := range rep.Transcript {
		a.printf("%6.1fs %-6s %s\n", float64(t.AtMS)/1000, t.Who, t.Text)
	}
	a.printf("%s: status %d, cause %d, ended by %s; RTP %d sent, %d received, %d lost\n",
		rep.Disposition, rep.SIPStatus, rep.Q850, rep.EndedBy, rep.RTP.Sent, rep.RTP.Received, rep.RTP.Lost)
	if c.JSON {
		return a.json(rep)
	}
	return nil
}
