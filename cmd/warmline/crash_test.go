package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warmline/contacts"
	"warmline/postgres"
	"warmline/postgres/local"
	redislocal "warmline/scheduler/tasks/local"
	"warmline/sip/siptest"
	"warmline/wecom/wecomtest"
)

// crash is a Warmline of several processes, with everything that must outlive
// a dialer outside of it: PostgreSQL, Redis, the carrier, WeCom, the SMS
// provider, planner, friends and web.
type crash struct {
	t       *testing.T
	clock   clock
	db      *postgres.DB
	cfg     Config
	file    string // the config of all
	env     []string
	offset  string // argument: where the world stands
	carrier string // control URL
	wecom   string // API and control URL
	record  string // the carrier's log
	people  []contacts.Contact
}

// What is called, and how fast: calls last long enough that most lines are
// taken when the dialer dies.
const (
	crashRate     = 15
	crashChannels = 40
	crashUp       = 15 // calls up when the dialer is killed, at least,
	crashTalking  = 10 // and answered ones
	crashSegment  = `city in ["哈尔滨", "长春", "沈阳"]`
)

// The roles of the two processes. Friend requests and texts are in the one that
// is killed: nobody may be invited twice either.
const (
	crashHouse  = "planner,friends,web"
	crashDialer = "dialer"
)

// crashTree is a short call, so that the test is.
const crashTree = `
dialog: crash
language: zh-CN
brand: 苏小糖
purpose: marketing
limits: {turns: 6, talk: 40s, asks: 1, refusals: 1}
voice: {name: xiaonuan, rate: 1.0}
everywhere:
  opt_out!: stop_calling
  complaint!: sorry
  wrong_person!: sorry
  busy!: later
  driving!: later
  later: later
  not_interested: thanks
  already_friend: thanks
  are_you_a_bot: {say: 对，我是AI助手。, then: back}
  who_are_you: {say: "我是{{ brand }}的AI助手。", then: back}
  ask_human: later
silence: {after: 3s, say: 喂，您好？, times: 1, then: thanks}
farewell: thanks
start: hello
nodes:
  hello:
    say: "您好，我是{{ brand }}的AI助手，通话会录音，是机主吗？"
    plain: true
    protected: true
    heard: {"yes": offer, "no": sorry, else: offer}
  offer:
    ask: true
    say: 让客服加您企业微信，行吗？
    heard: {"yes": agreed, "no": thanks, else: thanks}
  agreed: {invite: {no_room: thanks}, note: {outcome: agreed_add}, say: 好的，再见。, end: completed}
  stop_calling: {opt_out: all, say: 好的，不再打给您。, end: opt_out}
  later: {say: 不打扰了，再见。, callback: +2h, end: callback}
  sorry: {say: 打扰了，再见。, end: wrong_person}
  thanks: {say: 祝您愉快，再见。, end: not_interested}
`

// TestAKilledDialerCallsNobodyTwiceAndLosesNobody kills a dialer with -9 in the
// middle of its calls, starts another, and lets the carrier's own log be the
// judge.
func TestAKilledDialerCallsNobodyTwiceAndLosesNobody(t *testing.T) {
	c := newCrash(t)
	dialer := c.serve("dialer", crashDialer)
	until(t, 30*time.Second, "the dialer's first heartbeat", func() (bool, error) {
		list, err := c.db.Dialers(t.Context())
		return len(list) == 1, err
	})
	campaign, callable := c.launch()
	until(t, 30*time.Second, fmt.Sprintf("%d calls up, %d answered", crashUp, crashTalking), func() (bool, error) {
		truth, err := c.truth()
		return truth.Up >= crashUp && truth.Answered >= crashTalking, err
	})
	dialer.kill()
	killed := c.clock.now()
	died := time.Now()
	c.serve("next-dialer", crashDialer)
	if err := wait(t.Context(), 150*time.Second, "everything being quiet", func() (bool, error) { return c.quiet(campaign, killed) }); err != nil {
		t.Error(err) // and let the judge say what is not
	}
	calm := time.Since(died)

	log, err := readCarrier(c.record)
	if err != nil {
		t.Fatal(err)
	}
	people := c.enrolled()
	for _, wrong := range judge(log, people, killed) {
		t.Error(wrong)
	}
	before, after := 0, 0
	for _, l := range log {
		switch {
		case l.Event == "invite" && l.At.Before(killed):
			before++
		case l.Event == "invite":
			after++
		}
	}
	states := map[string]int{}
	called := 0
	for _, p := range people {
		if len(p.Attempts) > 0 {
			called++
		}
		for _, a := range p.Attempts {
			states[a.State]++
		}
	}
	t.Logf("%d people, %d callable, %d with an attempt; %d calls before the kill, %d after; attempts %v; quiet %.0f s after the kill",
		len(people), callable, called, before, after, states, calm.Seconds())
	if states["unknown"] < crashUp/2 || after == 0 {
		t.Errorf("the dialer was not killed in mid-run: %d attempts unknown, %d calls after it", states["unknown"], after)
	}
	if called != callable {
		t.Errorf("%d people could be called and %d were tried", callable, called)
	}
	var friends wecomtest.Truth
	if err := c.get(c.wecom+"/control/truth", &friends); err != nil {
		t.Fatal(err)
	}
	if friends.DuplicateInvites > 0 {
		t.Errorf("%d people were invited twice", friends.DuplicateInvites)
	}
	if friends.Friends == 0 {
		t.Error("nobody became a friend: the rest of the house stood still")
	}
}

// newCrash starts all but the dialer and fills the store.
func newCrash(t *testing.T) *crash {
	ctx := t.Context()
	c := &crash{t: t, record: filepath.Join(t.TempDir(), "carrier.jsonl")}
	c.clock.set(dayOne)
	c.offset = "--world-offset=" + time.Duration(c.clock.offset.Load()).String()
	pg, err := local.Start(ctx, local.Options{Throwaway: true, MayInstall: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	redis, err := redislocal.Start(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	c.env = []string{"DATABASE_URL=" + pg.URL(), "REDIS_ADDR=" + redis.Addr}
	web := "127.0.0.1:" + freePort(t)
	c.simulate("http://" + web)
	c.open()
	c.load()
	c.serve("house", crashHouse, "--listen", web)
	until(t, 30*time.Second, "the house's health", func() (bool, error) {
		resp, err := http.Get("http://" + web + "/healthz")
		if err != nil {
			return false, nil // not yet listening
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
	return c
}

// simulate starts the three simulators and writes the config that points at
// them.
func (c *crash) simulate(web string) {
	const corp, secret, token, aes = "ww0123456789abcdef", "crash-secret", "crashToken", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoyMzQ1Njc"
	members := []string{"member1", "member2", "member3", "member4"}
	carrier := start(c.t, "carrier", nil, "simulate", "carrier", c.offset, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
		"--patience", "5s", "--record", c.record, "--json").addresses(c.t)
	corpAt := start(c.t, "wecom", nil, "simulate", "wecom", c.offset, "--listen", "127.0.0.1:0", "--callback", web+"/callbacks/wecom",
		"--token", token, "--aes-key", aes, "--corp-id", corp, "--secret", secret, "--members", strings.Join(members, ","), "--json").addresses(c.t)
	sms := start(c.t, "sms", nil, "simulate", "sms", c.offset, "--listen", "127.0.0.1:0", "--receipts", web+"/callbacks/sms/receipt/crash",
		"--replies", web+"/callbacks/sms/reply/crash", "--on-link", corpAt["api"]+"/control/open", "--json").addresses(c.t)
	c.carrier, c.wecom = carrier["control"], corpAt["api"]
	var list strings.Builder
	for _, m := range members {
		fmt.Fprintf(&list, "    - {id: %s, name: 小糖, daily: 50}\n", m)
	}
	// The trunk knows us by a fixed address: what calls of the dead dialer
	// still say reaches the next one.
	dir := c.t.TempDir()
	text := fmt.Appendf(nil, `
dialogs: %s
suppression: {key: %s}
speech: {voice: tones, ears: tones}
dialer: {channels: %d, drain: 1s}
sip: {listen: %s}
trunks:
  - {name: main, addr: %s, caller_id: "02160001111", rate: %d, channels: %d}
wecom:
  base_url: %s
  corp_id: %s
  secret: %s
  agent_id: 1000002
  token: %s
  aes_key: %s
  members:
%s
sms: {base_url: %s, secret_id: AKIDEXAMPLE00000000, secret_key: SECRETEXAMPLE0000000, app_id: "1400000001", template: "1000001",
  text: "您好，这是您要的客服企业微信链接，打开后输入口令{1}即可添加。拒收请回复R", callback_path: crash}
`, dir, base64.StdEncoding.EncodeToString([]byte("a key for the crash test, 32 byte")), crashChannels, "127.0.0.1:"+freePort(c.t),
		carrier["sip"], crashRate, crashChannels, corpAt["api"], corp, secret, token, aes, list.String(), sms["api"])
	c.file = filepath.Join(c.t.TempDir(), "warmline.yaml")
	for file, text := range map[string][]byte{c.file: text, filepath.Join(dir, "crash.yaml"): []byte(crashTree)} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// open opens the store for the test itself.
func (c *crash) open() {
	t := c.t
	var err error
	if c.cfg, err = loadConfig(c.file, c.env); err != nil {
		t.Fatal(err)
	}
	examples := filepath.Join("..", "..", "examples")
	c.cfg.SpokenNames = filepath.Join(examples, "spoken.csv")
	c.cfg.Occasions.Almanac, c.cfg.Occasions.Events = filepath.Join(examples, "almanac.json"), filepath.Join(examples, "events.csv")
	if c.db, err = openStore(t.Context(), c.cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.db.Close)
	if err := c.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// load imports the example orders and consents.
func (c *crash) load() {
	t, examples := c.t, filepath.Join("..", "..", "examples")
	orders, err := readOrderFile(filepath.Join(examples, "orders.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := orders.save(t.Context(), c.db, c.clock.now(), c.cfg.Brand); err != nil {
		t.Fatal(err)
	}
	c.people = orders.people
	if _, err := importConsents(t.Context(), c.db, c.clock.now(), filepath.Join(examples, "consents.csv")); err != nil {
		t.Fatal(err)
	}
	if err := saveMembers(t.Context(), c.db, c.clock.now(), c.cfg); err != nil {
		t.Fatal(err)
	}
}

// serve starts a process of some roles, with a data folder of its own.
func (c *crash) serve(name, roles string, args ...string) *process {
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	env := append([]string{"WARMLINE_DATA_DIR=" + c.t.TempDir()}, c.env...)
	return start(c.t, name, env, append([]string{"serve", "-c", c.file, c.offset, "--role", roles}, args...)...)
}

// launch creates, approves and starts the campaign, and returns its ID and how
// many people the door lets through.
func (c *crash) launch() (id string, callable int) {
	t := c.t
	facts, err := newFactBook(c.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p := &planner{db: c.db, config: c.cfg, trees: newTrees(c.cfg.Dialogs), facts: facts, clock: &c.clock,
		log: slog.New(slog.DiscardHandler), decide: decideByPolicy}
	s, err := newCampaign(c.cfg, p.trees, c.clock.now(), "crash", campaignCreateCmd{
		Name: "crash", Segment: crashSegment, Dialog: "crash", RingTimeout: 15 * time.Second, Attempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = c.db.CreateCampaign(t.Context(), c.clock.now(), s); err != nil {
		t.Fatal(err)
	}
	pre, err := startCampaign(t.Context(), p, s, "crash (a second step of the same person)", false)
	if err != nil {
		t.Fatal(err)
	}
	return s.ID, pre[""]
}

// quiet reports whether nobody is due, in an attempt or on the line, and the
// friend queue is empty. Phones that the dead dialer left ringing may ring on.
func (c *crash) quiet(campaign string, killed time.Time) (bool, error) {
	b, err := c.db.Backlog(c.t.Context(), campaign)
	if err != nil {
		return false, err
	}
	now := c.clock.now()
	if b.Pending+b.Attempting+b.InFlight() > 0 || !b.NextDue.IsZero() && !b.NextDue.After(now) {
		return false, nil
	}
	if open, err := c.db.OpenWork(c.t.Context(), now); open > 0 || err != nil {
		return false, err
	}
	truth, err := c.truth()
	up := slices.ContainsFunc(truth.Calls, func(r siptest.CallRecord) bool {
		return r.EndedAt.IsZero() && !(slices.Contains(ringsOn, r.Case) && r.InviteAt.Before(killed))
	})
	return !up, err
}

// enrolled is everyone of the campaign by number as dialled, as the store
// explains them.
func (c *crash) enrolled() map[string]postgres.Why {
	people := map[string]postgres.Why{}
	for _, p := range c.people {
		w, err := c.db.Why(c.t.Context(), c.clock.now(), p.Phone)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(w.Campaigns) > 0 {
			people[p.Phone.National()] = w
		}
	}
	return people
}

func (c *crash) truth() (t siptest.Truth, err error) {
	err = c.get(c.carrier+"/truth", &t)
	return t, err
}

func (c *crash) get(url string, v any) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}
