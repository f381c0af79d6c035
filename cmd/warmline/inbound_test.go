package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warmline/contacts"
	"warmline/dialer"
	"warmline/postgres"
	"warmline/postgres/pgtest"
	redislocal "warmline/scheduler/tasks/local"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
)

// switchboard is a running Warmline in this process that people may call: a
// carrier whose people call back, an agent behind it, and a real store.
type switchboard struct {
	t       *testing.T
	db      *postgres.DB
	house   *house
	gateway *siptest.Gateway
	cfg     Config
}

func newSwitchboard(t *testing.T) *switchboard {
	t.Helper()
	ctx := t.Context()
	quiet := slog.New(slog.DiscardHandler)
	url := pgtest.New(t, migrateTest)
	redis, err := redislocal.Start(ctx, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	gateway, err := siptest.Start(siptest.Options{Voice: speechtest.ALaw, Ring: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gateway.Close() })
	cfg := defaults()
	cfg.DatabaseURL, cfg.Redis, cfg.DataDir = url, redis.Addr, t.TempDir()
	cfg.Dialogs, cfg.SpokenNames = "../../examples/dialogs", ""
	cfg.Occasions = OccasionsConfig{}
	cfg.Media.Ports = "20000-20999"
	cfg.Speech.Voice, cfg.Speech.Ears = "tones", "tones"
	cfg.Dialer.Channels, cfg.Dialer.Drain = 4, 5*time.Second
	cfg.Recording.On = true
	cfg.Trunks = []TrunkConfig{{Name: "main", Addr: gateway.Addr(), CallerID: "02160000000", Rate: 10, Channels: 10,
		Inbound: InboundConfig{Dialog: "inbound"}}}
	cfg.Queues = []QueueConfig{{Name: "care", Agents: []AgentConfig{{Name: "小李", To: "8001", Addr: gateway.Addr()}}}}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	db, err := openStore(ctx, cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	s := &switchboard{t: t, db: db, gateway: gateway, cfg: cfg}
	s.run(&stores{db: db, redis: redis.Addr})
	return s
}

// run starts Warmline and stops it with the test.
func (s *switchboard) run(stores *stores) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan *house, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, parts{config: s.cfg, stores: stores, clock: new(clock), log: slog.New(slog.DiscardHandler),
			roles: []string{roleDialer}, strained: func() bool { return false }, started: func(h *house) { started <- h }})
	}()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Warmline ended with %v", err)
		}
	})
	select {
	case s.house = <-started:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("Warmline did not start: %v", err)
	}
}

// known imports the person of a number.
func (s *switchboard) known(number string) {
	s.t.Helper()
	now := time.Now()
	o := contacts.Order{Line: 2, Source: "taobao", Number: "T1", Buyer: "王芳", Receiver: "王芳", Phone: contacts.Phone("+86" + number),
		Role: contacts.RoleBuyer, Item: "牛轧糖", SKU: "N1", Quantity: 1, Amount: 5900, City: "哈尔滨", Gender: "f", Paid: now.AddDate(0, 0, -9), Signed: now.AddDate(0, 0, -5)}
	if _, err := s.db.SaveContacts(s.t.Context(), now, postgres.Import{File: "o.csv", SHA256: "s", Brand: s.cfg.Brand, Source: "taobao"},
		[]contacts.Order{o}, contacts.Fold([]contacts.Order{o}), nil); err != nil {
		s.t.Fatal(err)
	}
}

// call has somebody call and gives the store's record, the nth.
func (s *switchboard) call(n int, in siptest.CallIn) postgres.InboundCall {
	s.t.Helper()
	in.To, in.Number = s.house.caller.dialer.SIP.Addr(), "02160000000"
	if _, err := s.gateway.Call(in); err != nil {
		s.t.Fatal(err)
	}
	var got []postgres.InboundCall
	until(s.t, 90*time.Second, "the record of the call", func() (done bool, err error) {
		got, err = s.db.InboundCalls(s.t.Context(), 10)
		return len(got) == n, err
	})
	return got[0]
}

// last is the carrier's record of the last call to or from a number.
func (s *switchboard) last(number string) siptest.CallRecord {
	s.t.Helper()
	for _, r := range slices.Backward(s.gateway.Truth().Calls) {
		if r.Number == number {
			return r
		}
	}
	s.t.Fatalf("the carrier knows no call of %s", number)
	return siptest.CallRecord{}
}

func TestPeopleWhoCallBack(t *testing.T) {
	s := newSwitchboard(t)
	s.known("13800138411")

	// Somebody we know presses 9: recognised, kept, recorded, never called again.
	got := s.call(1, siptest.CallIn{Person: "13800138411", From: "+8613800138411"})
	if got.Direction != "inbound" || got.Disposition != "answered" || got.Outcome != "opt_out" || got.Name != "王芳" || got.Masked != "138****8411" {
		t.Errorf("kept %+v", got)
	}
	if stopped, err := s.db.Suppressed(t.Context(), "+8613800138411"); err != nil || !stopped {
		t.Errorf("suppressed %v, %v", stopped, err)
	}
	if got.Recording == nil {
		t.Fatal("the call was not recorded")
	}
	b, err := os.ReadFile(filepath.Join(s.cfg.recordings(), got.Recording.File))
	sum := sha256.Sum256(b)
	if err != nil || hex.EncodeToString(sum[:]) != got.Recording.SHA256 || got.Recording.LengthMS < 1000 {
		t.Errorf("recording %+v, %d bytes, %v", got.Recording, len(b), err)
	}
	if got.MOS <= 0 || got.Codec != "PCMA" {
		t.Errorf("MOS %v, codec %q", got.MOS, got.Codec)
	}

	// Somebody without a number is told the same, without a name.
	got = s.call(2, siptest.CallIn{Person: "13800138412", From: "anonymous"})
	if got.Masked != "" || got.ContactID != 0 || got.Disposition != "answered" || strings.Contains(string(got.Transcript), "女士") {
		t.Errorf("kept %+v", got)
	}

	// A stranger wants a person, and gets one.
	got = s.call(3, siptest.CallIn{Person: "13800138413"})
	if got.Outcome != "transferred" || got.ContactID != 0 || got.Masked != "138****8413" || !strings.Contains(string(got.Handovers), "小李") {
		t.Errorf("kept %+v, %s", got, got.Handovers)
	}
	if a := s.last("8001"); a.AnsweredAt.IsZero() || !a.Byed {
		t.Errorf("the agent's call %+v", a)
	}

	// With all lines taken a caller is asked to come later.
	var leave []func()
	for {
		release, ok := s.house.caller.line()
		if !ok {
			break
		}
		leave = append(leave, release)
	}
	got = s.call(4, siptest.CallIn{Person: "13800138412"})
	if got.Disposition != "busy" || got.Reason != "lines" || !got.AnsweredAt.IsZero() {
		t.Errorf("kept %+v", got)
	}
	if r := s.last("13800138412"); r.Status != 486 || r.RetryAfter != "10" {
		t.Errorf("the caller got %+v", r)
	}
	for _, f := range leave {
		f()
	}
	if tr := s.gateway.Truth(); tr.Up != 0 || tr.CalledAfterOptOut != 0 {
		t.Errorf("%d calls are up, %d were called after an opt-out", tr.Up, tr.CalledAfterOptOut)
	}

	// PostgreSQL stops answering: a refusal is on our disk before it is noted,
	// the call's record too, and both come home.
	c := s.house.caller
	down, cancel := context.WithCancel(t.Context())
	cancel()
	if c.optOut(down, spooledOptOut{Phone: "+8613900000001", Channels: []string{"all"}, Source: "inbound call"}) {
		t.Error("committed without a database")
	}
	in := postgres.InboundIn{Trunk: "main", Phone: "+8613900000001", Dialog: "inbound", Result: dialer.Result{
		Attempt: "0194b8a4-0000-7000-8000-000000000002", Disposition: "answered", Answered: true, AnsweredAt: time.Now(), Err: os.ErrClosed}}
	c.finishInbound(down, in)
	if n := c.spool.waiting(); n != 2 {
		t.Errorf("%d facts wait", n)
	}
	until(t, 20*time.Second, "the spool being empty", func() (bool, error) { return c.spool.waiting() == 0, nil })
	if stopped, err := s.db.Suppressed(t.Context(), "+8613900000001"); err != nil || !stopped {
		t.Errorf("suppressed %v, %v", stopped, err)
	}
	if list, err := s.db.InboundCalls(t.Context(), 10); err != nil || len(list) != 5 {
		t.Errorf("%d calls, %v", len(list), err)
	}
}

func TestTheNumberOfACaller(t *testing.T) {
	for from, want := range map[string]contacts.Phone{
		"13800138000": "+8613800138000", "+8613800138000": "+8613800138000", "013800138000": "+8613800138000",
		"8613800138000": "+8613800138000", "02160001111": "+862160001111", "": "", "anonymous": "", "10086": "", "unknown": "",
	} {
		if got := callerNumber(from); got != want {
			t.Errorf("%q is %q, want %q", from, got.E164(), want.E164())
		}
	}
}

func TestOldRecordingsAreDeletedByDay(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"2026-10-01/a.wav", "2026-10-01/b.wav", "2026-11-20/c.wav", "notes/d.wav"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Date(2026, 10, 26, 0, 0, 0, 0, time.UTC)
	down := func(context.Context, []string) error { return os.ErrClosed }
	if n, err := expire(t.Context(), dir, before, down); n != 0 || err == nil {
		t.Errorf("deleted %d while the store forgets nothing: %v", n, err)
	}
	var forgotten []string
	n, err := expire(t.Context(), dir, before, func(_ context.Context, files []string) error { forgotten = files; return nil })
	if err != nil || n != 2 || !slices.Equal(forgotten, []string{"2026-10-01/a.wav", "2026-10-01/b.wav"}) {
		t.Errorf("deleted %d, forgot %v, %v", n, forgotten, err)
	}
	for f, want := range map[string]bool{"2026-10-01": false, "2026-11-20/c.wav": true, "notes/d.wav": true} {
		if _, err := os.Stat(filepath.Join(dir, f)); (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
	if n, err := expire(t.Context(), filepath.Join(dir, "none"), before, down); n != 0 || err != nil {
		t.Errorf("no folder: %d, %v", n, err)
	}
}

func TestQueuesThatCouldNotHandOverAreRefused(t *testing.T) {
	trunk := "trunks: [{name: main, addr: 'h:1', channels: 1, rate: 1}]\n"
	for _, tt := range []struct{ name, text, want string }{
		{"without a name", "queues: [{agents: [{to: '1'}]}]\n", "name is empty"},
		{"without agents", "queues: [{name: care}]\n", "no agents"},
		{"an agent who is nowhere", "queues: [{name: care, agents: [{name: a}]}]\n", "to is empty"},
		{"an unknown trunk", "queues: [{name: care, agents: [{to: '1', trunk: x}]}]\n", `no trunk "x"`},
		{"a mode nobody knows", "queues: [{name: care, mode: warm, agents: [{to: '1'}]}]\n", "attended nor blind"},
		{"hours the wrong way", "queues: [{name: care, agents: [{to: '1', hours: '18:00-09:00'}]}]\n", "09:00-18:00"},
		{"a key that declines", "queues: [{name: care, accept: '2', agents: [{to: '1'}]}]\n", "declines"},
		{"blind to an address", "queues: [{name: care, mode: blind, agents: [{to: '1', addr: 'h:1'}]}]\n", "blind"},
		{"twice", "queues: [{name: care, agents: [{to: '1'}]}, {name: care, agents: [{to: '1'}]}]\n", "twice"},
		{"recordings kept for an hour", "recording: {retain: 1h}\n", "retain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadConfig(writeFile(t, trunk+tt.text), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to contain %q", err, tt.want)
			}
		})
	}
	c, err := loadConfig(writeFile(t, trunk+"queues: [{name: care, ring: 5s, agents: [{to: '1', hours: '09:00-18:00'}]}]\n"), []string{"WARMLINE_RECORDING_ON=true"})
	if err != nil {
		t.Fatal(err)
	}
	queues, err := c.queues()
	if err != nil || queues["queue/care"] == nil || !c.Recording.On {
		t.Fatalf("%v, %v", queues, err)
	}
	open := queues["queue/care"].Agents[0].Open
	if ten := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC); !open(ten) || open(ten.Add(8*time.Hour)) {
		t.Error("hours are Shanghai's")
	}
}
