package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"warmline/messaging/smstest"
	"warmline/reports"
	"warmline/sip/siptest"
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
