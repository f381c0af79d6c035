package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"warmline/compliance"
	"warmline/messaging/smstest"
	"warmline/postgres"
	"warmline/postgres/local"
	"warmline/reports"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
	"warmline/wecom/wecomtest"
)

// demoCmd is the main job end to end.
type demoCmd struct {
	JSON     bool    `help:"Last line is one JSON object."`
	Keep     bool    `help:"Leave the API up afterwards until Ctrl-C."`
	Examples string  `help:"Folder with the example orders, consents and trees." default:"examples" placeholder:"DIR"`
	Lines    int     `help:"Most calls at once." default:"120"`
	Rate     float64 `help:"New calls a second." default:"15"`
	Voice    string  `help:"Voice: espeak, tones, or auto." enum:"auto,espeak,tones" default:"auto"`

	segment string  // of the broad campaigns; the cold cities when empty
	decide  decider // the door; a test takes a gate out
}

// Help shows an example.
func (demoCmd) Help() string {
	return `Brings up PostgreSQL, Redis, a carrier's gateway with people behind it, WeCom
and an SMS provider, all on this machine; imports orders and consents; calls on
two days; and prints the funnel. Nothing leaves the machine.

Example:

  warmline demo
  warmline demo --json | tail -1`
}

// demoReport is the last line of warmline demo --json. What the gateway and the
// simulators can count, they counted.
type demoReport struct {
	People            int            `json:"people"`
	RejectedRows      int            `json:"rejected_rows"`
	Held              int            `json:"held"`
	Attempts          int            `json:"attempts"`
	PeakCalls         int            `json:"peak_calls"`
	Answered          int            `json:"answered"`
	Dispositions      map[string]int `json:"dispositions"`
	OptedOut          int            `json:"opted_out"`
	CalledAfterOptOut int            `json:"called_after_opt_out"`
	Messages          int            `json:"messages"`
	Invited           int            `json:"invited"`
	Friends           int            `json:"friends"`
	FriendsLost       int            `json:"friends_lost"`
	DuplicateInvites  int            `json:"duplicate_invites"`
	Seconds           float64        `json:"seconds"`
}

// demoRate makes the bot speak a little brisker than it should to customers, so
// that two days fit into two minutes; demoPause is the silence after which the
// simulated people take it to have finished: longer than its longest comma.
const (
	demoRate  = 1.4
	demoPause = 600 * time.Millisecond
)

// cold is where the almanac's cold wave strikes.
const cold = `city in ["哈尔滨", "长春", "沈阳", "北京", "天津"]`

// dayOne is when the demo's world begins: ten o'clock of a working day, so that
// it runs at any hour of the night without opening a door.
var dayOne = time.Date(2026, 12, 1, 10, 0, 0, 0, shanghai)

// Run runs the demo.
func (c *demoCmd) Run(a *app) error {
	d := &demo{demoCmd: c, app: a, began: time.Now(), clock: new(clock), screen: newScreen(a.std.err)}
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	rep, err := d.run(ctx)
	d.screen.done()
	if err != nil {
		if a.ctx.Err() != nil {
			return errors.New("interrupted; everything the demo started is stopped and removed")
		}
		return err
	}
	d.funnel.At = d.funnel.At.In(shanghai)
	if err := d.funnel.Text(a.std.out, "zh"); err != nil {
		return err
	}
	a.printf("\n%d people, %d attempts, peak %d calls at once, %d friends (%d lost again), %.0f s\n", rep.People, rep.Attempts, rep.PeakCalls, rep.Friends, rep.FriendsLost, rep.Seconds)
	a.printf("Logs of the carrier, WeCom and SMS: %s\n", d.out)
	a.printf("Look further: warmline demo --keep leaves the API and its /docs up; docs/call.md tells a call's life.\n")
	if c.JSON {
		if err := a.json(rep); err != nil {
			return err
		}
	}
	return rep.judge()
}

// judge fails the demo when what must never happen happened.
func (r demoReport) judge() error {
	switch {
	case r.CalledAfterOptOut > 0:
		return fmt.Errorf("%d calls reached people who had opted out", r.CalledAfterOptOut)
	case r.DuplicateInvites > 0:
		return fmt.Errorf("%d people were invited twice", r.DuplicateInvites)
	case r.Friends == 0:
		return errors.New("nobody became a friend")
	}
	return nil
}

// demo is one run.
type demo struct {
	*demoCmd
	app    *app
	began  time.Time
	clock  *clock
	screen *screen
	log    *slog.Logger
	out    string // folder of the logs of the truth

	gateway *siptest.Gateway
	wecom   *wecomtest.Server
	sms     *smstest.Server
	stores  *stores
	house   *house
	url     string
	funnel  reports.Funnel
	people  int
	rejects int
	look    func(context.Context) error // a test's look at the end, before everything closes
	odd     []string                    // calls that ended otherwise than the gateway's table says
	closers []func()
}

func (d *demo) run(ctx context.Context) (demoReport, error) {
	defer func() {
		for i := len(d.closers) - 1; i >= 0; i-- {
			d.closers[i]()
		}
	}()
	cfg, err := d.prepare(ctx)
	if err != nil {
		return demoReport{}, err
	}
	// From here on everything that runs is ended before the stores are.
	runCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1) // the house's own end
	started := make(chan *house, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		stop()
		return demoReport{}, err
	}
	d.url = "http://" + listener.Addr().String()
	d.wecom.SetCallback(d.url + "/callbacks/wecom")
	d.sms.SetPush(d.url+"/callbacks/sms/receipt/"+cfg.SMS.CallbackPath, d.url+"/callbacks/sms/reply/"+cfg.SMS.CallbackPath)
	cfg.SMS.Text = "您好，这是您要的客服企业微信，打开 " + d.url + "/f 输入口令{1}即可添加。拒收请回复R"
	d.sms.SetTemplate(cfg.SMS.Template, cfg.SMS.Text)
	go func() {
		ended <- run(runCtx, parts{config: cfg, stores: d.stores, clock: d.clock, log: d.log, roles: allRoles, listener: listener,
			decide: d.decide, started: func(h *house) { started <- h }})
	}()
	members := sync.WaitGroup{}
	members.Go(func() { membersWork(runCtx, d.wecom, d.log) })
	defer members.Wait()
	defer stop()
	select {
	case d.house = <-started:
	case err := <-ended:
		return demoReport{}, err
	case <-ctx.Done():
		stop()
		<-ended
		return demoReport{}, ctx.Err()
	}
	rep, err := d.live(ctx, cfg)
	if err == nil && d.Keep {
		d.screen.say("the API is at %s/docs; Ctrl-C ends it", d.url)
		<-ctx.Done()
	}
	stop()
	if rerr := <-ended; rerr != nil && err == nil {
		err = rerr
	}
	return rep, err
}

// prepare brings up stores and simulators and writes the config that points at
// them.
func (d *demo) prepare(ctx context.Context) (Config, error) {
	cfg := defaults()
	if _, err := os.Stat(filepath.Join(d.Examples, "orders.csv")); err != nil {
		return cfg, fmt.Errorf("%s/orders.csv is not here: run the demo in Warmline's folder, or name it with --examples", d.Examples)
	}
	var err error
	if d.out, err = os.MkdirTemp("", "warmline-demo-"); err != nil {
		return cfg, err
	}
	logFile, err := os.OpenFile(filepath.Join(d.out, "warmline.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return cfg, err
	}
	d.closers = append(d.closers, func() { logFile.Close() })
	d.log = slog.New(slog.NewTextHandler(logFile, &slog.HandlerOptions{Level: slog.LevelInfo}))
	cfg.DataDir = filepath.Join(d.out, "data")
	cfg.Dialogs = filepath.Join(d.Examples, "dialogs")
	cfg.SpokenNames = filepath.Join(d.Examples, "spoken.csv")
	cfg.Occasions.Almanac, cfg.Occasions.Events = filepath.Join(d.Examples, "almanac.json"), filepath.Join(d.Examples, "events.csv")
	cfg.Dialer.Channels, cfg.Dialer.Drain = d.Lines, 10*time.Second
	cfg.Speech.Rate = demoRate

	d.screen.say("starting PostgreSQL and Redis")
	env := defaults()
	env.DataDir = cfg.DataDir
	if env, err = withStoresFrom(env, d.app.std.env); err != nil {
		return cfg, err
	}
	if env.DatabaseURL != "" {
		// The rehearsal must not touch what is in the given database.
		scratch, drop, err := postgres.Scratch(ctx, env.DatabaseURL)
		if err != nil {
			return cfg, err
		}
		env.DatabaseURL = scratch
		d.closers = append(d.closers, func() {
			if err := drop(); err != nil {
				d.log.Warn("cleaning up", "err", err)
			}
		})
	}
	if d.stores, err = startStores(ctx, env, true, d.say()); err != nil {
		return cfg, err
	}
	d.closers = append(d.closers, d.stores.close)
	if err := d.stores.db.Migrate(ctx); err != nil {
		return cfg, err
	}
	if cfg.Speech.Voice, err = d.voice(ctx, cfg); err != nil {
		return cfg, err
	}
	d.clock.set(dayOne)
	if err := d.simulate(&cfg); err != nil {
		return cfg, err
	}
	return cfg, d.load(ctx, cfg)
}

// withStoresFrom takes the data stores, and nothing else, from the environment.
func withStoresFrom(c Config, env []string) (Config, error) {
	full, err := loadConfig("", env)
	c.DatabaseURL, c.Redis = full.DatabaseURL, full.Redis
	return c, err
}

// say is a logger that speaks on the screen.
func (d *demo) say() *slog.Logger { return slog.New(slog.NewTextHandler(d.screen, nil)) }

// voice finds a voice, installing one when that is allowed; without one the bot
// speaks tones and says so.
func (d *demo) voice(ctx context.Context, cfg Config) (string, error) {
	if d.Voice == "tones" {
		return "tones", nil
	}
	_, err := exec.LookPath(cfg.Speech.Espeak)
	if err != nil && os.Geteuid() == 0 {
		d.screen.say("installing espeak-ng from Debian's packages")
		if ierr := local.Apt(ctx, "espeak-ng"); ierr != nil {
			d.screen.say("%v", ierr)
		}
		_, err = exec.LookPath(cfg.Speech.Espeak)
	}
	switch {
	case err == nil:
		return "espeak", nil
	case d.Voice == "espeak":
		return "", errors.New("espeak-ng is missing: run «apt-get install -y espeak-ng» as root")
	}
	d.screen.say("espeak-ng is missing, so the bot speaks tones; «apt-get install -y espeak-ng» as root gives it a voice")
	return "tones", nil
}

// simulate starts the carrier, WeCom and the SMS provider and points the config
// at them.
func (d *demo) simulate(cfg *Config) error {
	record := func(name string) io.Writer {
		f, err := os.OpenFile(filepath.Join(d.out, name+".jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			d.log.Warn("a log of the truth", "err", err)
			return io.Discard
		}
		d.closers = append(d.closers, func() { f.Close() })
		return &lockedWriter{w: f}
	}
	var err error
	if d.gateway, err = siptest.Start(siptest.Options{Voice: speechtest.ALaw, Quiet: demoPause, Now: d.clock.now, Record: record("carrier"), Log: d.log}); err != nil {
		return err
	}
	d.closers = append(d.closers, func() { d.gateway.Close() })
	cfg.Trunks = []TrunkConfig{{Name: "demo", Addr: d.gateway.Addr(), CallerID: "02160001111", Rate: d.Rate, Channels: d.Lines}}
	for i, name := range []string{"小糖", "小果", "小蜜", "小麦", "小米", "小雨"} {
		cfg.WeCom.Members = append(cfg.WeCom.Members, Member{ID: fmt.Sprintf("member%d", i+1), Name: name, Daily: 20})
	}
	var ids []string
	for _, m := range cfg.WeCom.Members {
		ids = append(ids, m.ID)
	}
	w := &cfg.WeCom
	w.CorpID, w.Secret, w.AgentID, w.Token, w.AESKey = "ww0123456789abcdef", "demo-secret", 1000002, "demoToken", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoyMzQ1Njc"
	if d.wecom, err = wecomtest.Start(wecomtest.Options{
		CorpID: w.CorpID, Secret: w.Secret, AgentID: w.AgentID, Token: w.Token, AESKey: w.AESKey, Members: ids,
		Now: d.clock.now, Record: record("wecom"), Log: d.log,
	}); err != nil {
		return err
	}
	d.closers = append(d.closers, func() { d.wecom.Close() })
	w.BaseURL = d.wecom.URL()
	s := &cfg.SMS
	s.SecretID, s.SecretKey, s.AppID, s.Sign, s.Template, s.CallbackPath = "AKIDEXAMPLE00000000", "SECRETEXAMPLE0000000", "1400000001", cfg.Brand, "1000001", "demo-callback"
	if d.sms, err = smstest.Start(smstest.Options{
		AppID: s.AppID, SecretID: s.SecretID, SecretKey: s.SecretKey, Now: d.clock.now, Record: record("sms"), Log: d.log,
		// The person opens the page of the text and types the code of the text.
		OnLink: func(url, phone string) { d.wecom.OfferSeen(url+"?c="+codeOf(textOf(d.sms.Truth(), phone)), phone) },
	}); err != nil {
		return err
	}
	d.closers = append(d.closers, func() { d.sms.Close() })
	s.BaseURL = d.sms.URL()
	return nil
}

// load imports orders and consents.
func (d *demo) load(ctx context.Context, cfg Config) error {
	orders, err := readOrderFile(filepath.Join(d.Examples, "orders.csv"))
	if err != nil {
		return err
	}
	if err := orders.save(ctx, d.stores.db, d.clock.now(), cfg.Brand); err != nil {
		return err
	}
	if err := orders.keepRejects(filepath.Join(d.out, "orders.refused.csv")); err != nil {
		return err
	}
	d.people, d.rejects = orders.People, len(orders.Refused)
	d.screen.say("orders: %d rows, %d people, %d rows folded, %d refused %s", orders.Rows, orders.People, orders.Folded, len(orders.Refused), counts(orders.reasons()))
	for _, r := range orders.Refused[:min(3, len(orders.Refused))] {
		d.screen.say("  line %d, column %d: %s %s", r.Line, r.Column, r.Reason, r.Value)
	}
	d.screen.say("  … all refused rows are kept in %s", orders.Kept)
	consents, err := importConsents(ctx, d.stores.db, d.clock.now(), filepath.Join(d.Examples, "consents.csv"))
	if err != nil {
		return err
	}
	d.screen.say("consents: %d rows, %d taken, %d refused", consents.Rows, consents.Taken, len(consents.Refused))
	return saveMembers(ctx, d.stores.db, d.clock.now(), cfg)
}

// launch creates, approves and starts a campaign and shows its preflight.
func (d *demo) launch(ctx context.Context, cfg Config, name, segment, dialog string) error {
	c, err := newCampaign(cfg, d.house.trees, d.clock.now(), "demo", campaignCreateCmd{
		Name: name, Segment: segment, Dialog: dialog, RingTimeout: 15 * time.Second, Attempts: 3,
	})
	if err != nil {
		return err
	}
	if c, err = d.stores.db.CreateCampaign(ctx, d.clock.now(), c); err != nil {
		return err
	}
	pre, err := startCampaign(ctx, d.house.planner, c, "demo (a second step of the same person)", false)
	if err != nil {
		return err
	}
	held := without(pre, "")
	d.screen.say("campaign %s (%s, segment %s): 可外呼人数 %d, held %s", name, dialog, segment, pre[""], counts(held))
	return nil
}

// live is the two days.
func (d *demo) live(ctx context.Context, cfg Config) (demoReport, error) {
	broad := d.segment
	if broad == "" {
		broad = cold
	}
	d.screen.say("day one: %s", d.clock.now().In(shanghai).Format("2006-01-02 15:04 Mon"))
	for _, l := range []struct{ name, segment, dialog string }{
		{"birthday", "birthday.within(0)", "birthday"},
		{"local-event", `city in ["杭州"]`, "local-event"},
		{"winter-care", broad, "winter-care"},
	} {
		if err := d.launch(ctx, cfg, l.name, l.segment, l.dialog); err != nil {
			return demoReport{}, err
		}
	}
	if err := d.untilQuiet(ctx); err != nil {
		return demoReport{}, err
	}
	next, err := nextWorkday(dayOne)
	if err != nil {
		return demoReport{}, err
	}
	d.clock.set(next)
	d.screen.say("day two: %s", next.Format("2006-01-02 15:04 Mon"))
	if err := d.launch(ctx, cfg, "second-round", broad, "winter-care"); err != nil {
		return demoReport{}, err
	}
	if err := d.untilQuiet(ctx); err != nil {
		return demoReport{}, err
	}
	// The house's own reading of all friends finds what a push lost.
	if err := d.house.friends.reconcile(ctx); err != nil {
		return demoReport{}, err
	}
	if d.look != nil {
		if err := d.look(ctx); err != nil {
			return demoReport{}, err
		}
	}
	return d.report(ctx)
}

// nextWorkday is ten o'clock of the next day on which selling is allowed.
func nextWorkday(t time.Time) (time.Time, error) {
	p, err := compliance.Preset("cn-marketing")
	if err != nil {
		return t, err
	}
	y, m, day := t.In(shanghai).Date()
	return p.NextOpen(time.Date(y, m, day+1, 0, 0, 0, 0, shanghai), "Asia/Shanghai"), nil
}

// quietAfter is how long nothing may be due or live before a day is over;
// dayLimit ends a demo that hangs.
const (
	quietAfter = 1500 * time.Millisecond
	dayLimit   = 3 * time.Minute
)

// untilQuiet waits until nobody is due, nothing is live, and the simulated
// people have done what they were going to do.
func (d *demo) untilQuiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dayLimit)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var quiet time.Time
	for {
		busy, err := d.busy(ctx)
		if err != nil {
			return err
		}
		if busy {
			quiet = time.Time{}
		} else if quiet.IsZero() {
			quiet = time.Now()
		} else if time.Since(quiet) > quietAfter {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the day did not end: %w", ctx.Err())
		case <-tick.C:
		}
	}
	settled := make(chan struct{})
	go func() { d.sms.Wait(); d.wecom.Wait(); close(settled) }()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the simulated people did not finish: %w", ctx.Err())
	}
}

func (d *demo) busy(ctx context.Context) (bool, error) {
	list, err := d.stores.db.Campaigns(ctx)
	if err != nil {
		return false, err
	}
	busy := false
	now := d.clock.now()
	for _, c := range list {
		if c.State.Over() {
			continue
		}
		b, err := d.stores.db.Backlog(ctx, c.ID)
		if err != nil {
			return false, err
		}
		due := !b.NextDue.IsZero() && !b.NextDue.After(now)
		busy = busy || b.InFlight() > 0 || b.Attempting > 0 || due
	}
	t := d.gateway.Truth()
	w := d.wecom.Truth()
	d.screen.status("%s  calls up %d (peak %d)  placed %d  answered %d  friends %d", now.In(shanghai).Format("01-02 15:04:05"), t.Up, t.PeakCalls, t.Invites, t.Answered, w.Friends)
	open, err := d.stores.db.OpenWork(ctx, now)
	if err != nil {
		return false, err
	}
	return busy || t.Up > 0 || open > 0, nil
}

// report counts, by the gateway and the simulators where they can.
func (d *demo) report(ctx context.Context) (demoReport, error) {
	f, err := d.stores.db.Funnel(ctx, d.clock.now(), "")
	if err != nil {
		return demoReport{}, err
	}
	d.funnel = f
	carrier, corp, texts := d.gateway.Truth(), d.wecom.Truth(), d.sms.Truth()
	r := demoReport{
		People: d.people, RejectedRows: d.rejects, Attempts: f.Attempts, Dispositions: f.Dispositions, OptedOut: f.OptedOut, Invited: f.Invited,
		PeakCalls: carrier.PeakCalls, Answered: carrier.Answered, CalledAfterOptOut: carrier.CalledAfterOptOut,
		Messages: len(texts.Messages), Friends: corp.Friends, FriendsLost: corp.Lost, DuplicateInvites: corp.DuplicateInvites,
		Seconds: time.Since(d.began).Seconds(),
	}
	for _, n := range f.Held {
		r.Held += n
	}
	attempts, err := d.stores.db.Attempts(ctx, "", 10_000)
	if err != nil {
		return r, err
	}
	d.odd = compare(carrier.Calls, attempts)
	for _, o := range d.odd {
		d.screen.say("not as the gateway's table says: %s", o)
	}
	if err := os.WriteFile(filepath.Join(d.out, "report.json"), mustJSON(r), 0o600); err != nil {
		return r, err
	}
	return r, nil
}

// compare holds each call's disposition and outcome against what the gateway's
// table says such a person does, and returns what differs.
func compare(calls []siptest.CallRecord, attempts []postgres.Attempt) []string {
	byID := map[string]postgres.Attempt{}
	for _, a := range attempts {
		byID[a.ID] = a
	}
	visits := map[string]int{}
	var odd []string
	for _, c := range calls {
		visits[c.Number]++
		want := siptest.CaseFor(c.Number)
		if visits[c.Number] > 1 && want.NextDisposition != "" {
			want.Disposition, want.Outcome = want.NextDisposition, want.NextOutcome
		}
		got, ok := byID[c.Attempt]
		switch {
		case !ok:
			odd = append(odd, fmt.Sprintf("%s: the gateway saw a call that no attempt stands for", want.Name))
		case got.Disposition != want.Disposition || want.Outcome != "" && got.Outcome != want.Outcome:
			odd = append(odd, fmt.Sprintf("%s: %s %s, want %s %s", want.Name, got.Disposition, got.Outcome, want.Disposition, want.Outcome))
		}
	}
	return odd
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a struct of numbers
	}
	return append(b, '\n')
}
