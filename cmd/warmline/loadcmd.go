package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

// loadCmd places many test calls: how a telephony engineer measures a gateway,
// and how this project measures itself.
type loadCmd struct {
	Input       string        `arg:"" optional:"" help:"- reads one call per line from standard input instead of --trunk." placeholder:"-"`
	Trunk       string        `help:"The peer, sip:HOST:PORT." placeholder:"sip:HOST:PORT"`
	Rate        float64       `help:"New calls per second." default:"10"`
	Calls       int           `help:"How many calls in all." default:"100"`
	Concurrent  int           `help:"How many may be up at once; 0 is as many as come." default:"0"`
	Clip        string        `help:"What each call plays, WAV or raw 8 kHz A-law (.alaw); without one, calls are hung up on answer." placeholder:"FILE"`
	Number      string        `help:"Number to call: a test number." default:"1000"`
	RingTimeout time.Duration `help:"How long a call may ring." default:"30s"`
	User        string        `help:"Digest user."`
	Password    string        `help:"Digest password." env:"WARMLINE_CALL_PASSWORD"`
	Realm       string        `help:"The only realm that gets the password; the trunk's host when left out."`
	From        string        `help:"Caller ID." default:"warmline"`
	Codec       string        `help:"Codec to offer." enum:"pcma,pcmu,both" default:"both"`
	Override    string        `help:"Call a suppressed number all the same; the reason is kept." placeholder:"REASON"`
	JSON        bool          `help:"End with one JSON object instead of a table."`
}

// Help shows examples.
func (loadCmd) Help() string {
	return `The calls run the same signalling, media and dialer as campaigns do. No database
and no Redis are needed. Consent is NOT checked: call test peers and test
numbers only; emergency, short and premium numbers are refused over any trunk
that is not on loopback. Every call is noted in the audit file of the data folder.

Example: Debian's sip-tester answers, 200 calls at 20 a second hang up on answer:

  sipp -sn uas -i 127.0.0.1 -p 5060 &
  warmline load --trunk sip:127.0.0.1:5060 --rate 20 --calls 200

The same with sound both ways, at most 50 calls up at once, figures as JSON:

  sipp -sn uas -rtp_echo -i 127.0.0.1 -p 5060 &
  warmline load --trunk sip:127.0.0.1:5060 --rate 20 --calls 200 --concurrent 50 --clip hello.wav --json

Calls chosen by a program, one a line; - instead of a clip hangs up on answer.
One JSON line comes back for each call when it has finished, the object of
«warmline call --json» without the transcript and with the line's number; a line
that is no call gives {"line": N, "error": "…"} and the rest goes on:

  echo 'call sip:1000@127.0.0.1:5060 hello.wav' | warmline load -

What the figures mean: answer-seizure is answered ÷ placed; PDD is from INVITE to
the first ringing or, without one, the answer; set-up CPU is this process's user
and system time per call, with what the media took told apart by a fit over time;
lost and jitter are of what came to us (RFC 3550); lateness is how far behind
their time our own packets left. While the media is strained (p99 of lateness
above 10 ms, or no processor time left) no further call with sound is placed, and
it is said. Ctrl-C hangs up what is up and still prints the figures.

Exit code 0 when the run was carried through, whatever became of the calls; 1
when no call could be tried; 2 when it was misused.`
}

// Validate refuses what cannot be run; kong asks it.
func (c *loadCmd) Validate() error {
	switch {
	case c.Input != "" && c.Input != "-":
		return fmt.Errorf("%q: only - is read from; a trunk is written as --trunk sip:HOST:PORT", c.Input)
	case c.Input == "-" && c.Trunk != "":
		return errors.New("with -, each line names its own peer: leave --trunk out")
	case c.Input == "-":
		return nil
	case c.Trunk == "":
		return errors.New("name the peer with --trunk sip:HOST:PORT, or read calls with -")
	case !(c.Rate > 0) || c.Rate > 10_000:
		return fmt.Errorf("--rate %g: calls per second, more than 0 and at most 10000", c.Rate)
	case c.Calls <= 0:
		return fmt.Errorf("--calls %d: at least 1", c.Calls)
	case c.Concurrent < 0:
		return fmt.Errorf("--concurrent %d: 0 or more", c.Concurrent)
	}
	return nil
}

// Run places the calls.
func (c *loadCmd) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	cfg.Speech.Voice, cfg.Speech.Ears = "tones", "none" // a clip is played and nobody listens
	notes, err := openAudit(cfg.dataDir())
	if err != nil {
		return err
	}
	defer notes.Close()
	l := &loader{cmd: c, app: a, config: cfg, audit: notes, clips: clips{"-": media.NewClip(nil)},
		phones: map[string]*phone{}, known: map[string]error{}, tally: newTally(time.Now()), screen: newScreen(a.std.err)}
	defer l.close()
	if c.Input == "-" {
		return l.lines(a.ctx)
	}
	return l.paced(a.ctx)
}

// loader is one run of warmline load. Its maps belong to the goroutine that
// places; calls only touch the tally, the screen and the output.
type loader struct {
	cmd    *loadCmd
	app    *app
	config Config
	audit  *audit
	clips  clips
	phones map[string]*phone // by the address they speak from
	routes map[string]string // our address towards a peer
	known  map[string]error  // numbers the store was asked about
	tally  *tally
	screen *screen
	calls  sync.WaitGroup
	placed int
	looked time.Time // at the engines, and
	strain bool      // what was seen
}

// phone is a dialer bound to one of our addresses.
type phone struct {
	*dialer.Dialer
	stop func()
}

func (l *loader) close() {
	for _, p := range l.phones {
		p.stop()
	}
}

// towards is the dialer that reaches a peer, made from the parts campaigns use.
func (l *loader) towards(addr string) (*dialer.Dialer, error) {
	ip, found := l.routes[addr]
	if !found {
		var err error
		if ip, err = localIP(addr); err != nil {
			return nil, err
		}
		if l.routes == nil {
			l.routes = map[string]string{}
		}
		l.routes[addr] = ip
	}
	if p := l.phones[ip]; p != nil {
		return p.Dialer, nil
	}
	cfg := l.config
	cfg.SIP.Listen, cfg.Media.IP = net.JoinHostPort(ip, "0"), ip
	// Calls end by their own ctx; the signalling outlives it to say goodbye.
	d, stop, err := newDialer(context.WithoutCancel(l.app.ctx), cfg, time.Now, l.app.log, nil)
	if err != nil {
		return nil, err
	}
	l.phones[ip] = &phone{d, stop}
	return d, nil
}

// order is one call to place.
type order struct {
	number string
	masked string
	trunk  sip.Trunk
	clip   *media.Clip
}

// order checks one call and looks up what it plays. Nothing is sent.
func (l *loader) order(number, addr, clip string) (order, error) {
	t := l.cmd.trunkAt(addr)
	masked, err := testNumber(number, t)
	if err != nil {
		return order{}, err
	}
	if err := l.unsuppressed(number, t); err != nil {
		return order{}, err
	}
	c, err := l.clips.get(clip)
	if err != nil {
		return order{}, err
	}
	return order{number, masked, t, c}, nil
}

func (c *loadCmd) trunkAt(addr string) sip.Trunk {
	return sip.Trunk{Name: "load", Addr: addr, User: c.User, Password: c.Password, Realm: c.Realm, From: c.From, RingTimeout: c.RingTimeout}
}

// unsuppressed asks the store once a number, when one is configured and the
// trunk leads to people.
func (l *loader) unsuppressed(number string, t sip.Trunk) error {
	if l.config.DatabaseURL == "" || t.Loopback() {
		return nil
	}
	err, asked := l.known[number]
	if !asked {
		err = unsuppressed(l.app, l.config, number, l.cmd.Override)
		l.known[number] = err
	}
	return err
}

// place starts one call; done is told its result on the call's own goroutine.
func (l *loader) place(ctx context.Context, o order, done func(dialer.Result)) error {
	d, err := l.towards(o.trunk.Addr)
	if err != nil {
		return err
	}
	if err := l.audit.note("load", o.masked, o.trunk.Addr, l.cmd.Override); err != nil {
		return err
	}
	l.placed++
	job := dialer.Job{
		Attempt: fmt.Sprintf("load-%s-%d", l.tally.name, l.placed), To: o.number, Masked: o.masked, Trunk: o.trunk,
		CallerID: l.cmd.From, RingTimeout: l.cmd.RingTimeout, Codecs: codecsOf(l.cmd.Codec), Clip: o.clip,
	}
	l.tally.placed(o.clip.Frames() > 0)
	l.calls.Go(func() {
		r := d.Place(ctx, job, nil)
		l.tally.ended(r, o.clip.Frames() > 0)
		done(r)
	})
	return nil
}

// lookEvery is how often the engines are asked whether they are strained.
const lookEvery = 100 * time.Millisecond

// strained reports whether audio is about to break: a further call would cost
// those that are up their sound. Calls without sound cost nobody any.
func (l *loader) strained() bool {
	if now := time.Now(); now.Sub(l.looked) >= lookEvery {
		l.looked = now
		l.strain = false
		for _, p := range l.phones {
			l.strain = p.Media.Stats().Strained || l.strain
		}
	}
	return l.strain && l.tally.audible()
}

// hold waits while the media is strained, and says so. It ends at the latest
// when the calls with sound have ended.
func (l *loader) hold(ctx context.Context) {
	if !l.strained() {
		return
	}
	began := time.Now()
	l.screen.say("The audio is strained (packets leave late, p99 %v): no further call is placed until that is over.", l.tally.engines(l.phones).LateP99)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for l.strained() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	l.tally.held(time.Since(began))
	l.screen.say("The audio is well again after %v: placing goes on.", time.Since(began).Round(time.Millisecond))
}

// watch redraws the status line and takes the samples of CPU until stopped.
func (l *loader) watch() (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(samplePeriod)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				l.tally.sample()
				if n%5 == 4 {
					l.screen.status("%s", l.tally.status())
				}
			case <-quit:
				l.screen.done()
				return
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// paced places --calls calls at --rate.
func (l *loader) paced(ctx context.Context) error {
	c := l.cmd
	addr, err := peerAddr(c.Trunk)
	if err != nil {
		return err
	}
	clip := c.Clip
	if clip == "" {
		clip = "-"
	}
	o, err := l.order(c.Number, addr, clip)
	if err != nil {
		return err
	}
	if _, err := l.towards(addr); err != nil {
		return err
	}
	fmt.Fprintf(l.app.std.err, "No consent was checked for these calls to %s.\n", o.masked)
	l.tally.watch(l.phones)
	stop := l.watch()
	err = l.run(ctx, o)
	l.calls.Wait()
	stop()
	l.tally.sample()
	if err != nil {
		return err
	}
	return l.summary(ctx)
}

// run keeps the pace: call n leaves at n/rate, and what could not leave in time
// leaves late, but never more than the pace in a burst of a tenth of a second.
func (l *loader) run(ctx context.Context, o order) error {
	c := l.cmd
	gap := time.Duration(float64(time.Second) / c.Rate)
	room := make(chan struct{}, max(c.Concurrent, 1))
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for n := 0; n < c.Calls; n++ {
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil
			}
		}
		l.hold(ctx)
		done := func(dialer.Result) {}
		if c.Concurrent > 0 {
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			done = func(dialer.Result) { <-room }
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := l.place(ctx, o, done); err != nil {
			return err
		}
		if due = due.Add(gap); time.Since(due) > 100*time.Millisecond {
			due = time.Now().Add(-100 * time.Millisecond)
		}
	}
	return nil
}

// summary ends a run with its figures.
func (l *loader) summary(ctx context.Context) error {
	rep := l.tally.report()
	rep.Interrupted = ctx.Err() != nil
	if l.cmd.JSON {
		if err := l.app.json(rep); err != nil {
			return err
		}
	} else {
		rep.write(l.app.std.out)
	}
	if rep.Placed > 0 && rep.NotTried == rep.Placed {
		return fmt.Errorf("no call could be tried: %w", l.tally.firstError())
	}
	return nil
}

// peerAddr reads sip:HOST:PORT; the port may be left out.
func peerAddr(s string) (string, error) {
	addr, ok := strings.CutPrefix(s, "sip:")
	if !ok {
		return "", fmt.Errorf("--trunk %q: write it as sip:HOST:PORT", s)
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "5060")
	}
	return addr, nil
}

// codecsOf are the codecs a --codec flag offers.
func codecsOf(flag string) []media.Codec {
	switch flag {
	case "pcma":
		return []media.Codec{media.PCMA}
	case "pcmu":
		return []media.Codec{media.PCMU}
	}
	return []media.Codec{media.PCMA, media.PCMU}
}
