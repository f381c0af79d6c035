package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"warmline/messaging/smstest"
	"warmline/postgres"
	"warmline/postgres/local"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
	"warmline/wecom/wecomtest"
)

// demoRate makes the bot speak a little brisker than it should to customers, so
// that two days fit into two minutes; demoPause is the silence after which the
// simulated people take it to have finished: longer than its longest comma.
const (
	demoRate  = 1.4
	demoPause = 600 * time.Millisecond
)

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
