package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"warmline/bench"
	"warmline/dialer"
	"warmline/media"
	"warmline/sip"
)

// State is what our side says once it has as many calls as were asked for.
type State struct {
	Up       int  `json:"up"`
	Failed   int  `json:"failed"`   // calls that ended and were not to
	Strained bool `json:"strained"` // it would take no call now
}

// ours is the measured process. Orders: `calls N` has N calls up, `watch N` tells
// N windows of a second, then the state.
func ours(args []string) error {
	flags := flag.NewFlagSet("ours", flag.ContinueOnError)
	addr := flags.String("addr", "", "the far end's SIP address")
	core := flags.Int("core", -1, "processor core to run on alone; -1 is any")
	if err := flags.Parse(args); err != nil {
		return err
	}
	scheduling, err := bench.Pin(*core)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(scheduling); err != nil {
		return fmt.Errorf("telling the scheduling: %w", err)
	}
	engine, err := media.NewEngine(media.Config{})
	if err != nil {
		return err
	}
	defer engine.Close()
	agent, err := sip.Listen(context.Background(), sip.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer agent.Close()
	s := &speaker{clip: media.NewClip(tone(5 * time.Minute)), trunk: sip.Trunk{Name: "bench", Addr: *addr, From: "1"}}
	s.dialer = &dialer.Dialer{SIP: agent, Media: engine, Observe: s.observe}
	defer s.to(0)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var n int
		if _, err := fmt.Sscanf(orders.Text(), "calls %d", &n); err == nil {
			s.to(n)
			if err := out.Encode(s.state()); err != nil {
				return fmt.Errorf("telling the state: %w", err)
			}
			continue
		}
		if _, err := fmt.Sscanf(orders.Text(), "watch %d", &n); err != nil {
			return fmt.Errorf("reading the order %q: %w", orders.Text(), err)
		}
		for range n {
			w, err := bench.Watch(engine)
			if err == nil {
				err = out.Encode(w)
			}
			if err != nil {
				return err
			}
		}
		if err := out.Encode(s.state()); err != nil {
			return fmt.Errorf("telling the state: %w", err)
		}
	}
	return orders.Err()
}

// speaker holds the calls.
type speaker struct {
	dialer *dialer.Dialer
	trunk  sip.Trunk
	clip   *media.Clip // shared by all calls

	placed int
	hangUp []context.CancelFunc
	calls  sync.WaitGroup
	live   atomic.Int64
	failed atomic.Int64
}

func (s *speaker) state() State {
	st := s.dialer.Media.Stats()
	return State{Up: int(s.live.Load()), Failed: int(s.failed.Load()), Strained: st.Strained}
}

func (s *speaker) observe(l dialer.Live) {
	if l.State == dialer.InDialog {
		s.live.Add(1)
	}
}

// rate is how many calls a second are added: a trunk's usual burst.
const rate = 150

// settleLimit bounds the wait for calls to be answered or gone.
const settleLimit = 15 * time.Second

// to places or hangs up calls until n are up, or have failed.
func (s *speaker) to(n int) {
	began := time.Now()
	for i := 0; len(s.hangUp) < n; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / rate)))
		s.place()
	}
	for len(s.hangUp) > n {
		s.hangUp[len(s.hangUp)-1]()
		s.hangUp = s.hangUp[:len(s.hangUp)-1]
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(settleLimit); int(s.live.Load()+s.failed.Load()) != n && time.Now().Before(end); {
		<-look.C
	}
	if n == 0 {
		s.calls.Wait()
	}
}

// place starts one call that lasts until it is hung up.
func (s *speaker) place() {
	ctx, cancel := context.WithCancel(context.Background())
	s.hangUp = append(s.hangUp, cancel)
	s.placed++
	job := dialer.Job{Attempt: "peers-" + strconv.Itoa(s.placed), To: "1000", Trunk: s.trunk, Clip: s.clip, Codecs: []media.Codec{media.PCMA}}
	s.calls.Go(func() {
		if s.dialer.Place(ctx, job, nil).Answered {
			s.live.Add(-1)
		}
		if ctx.Err() == nil { // nobody else was to end it
			s.failed.Add(1)
		}
	})
}

// tone is audio worth sending.
func tone(d time.Duration) []int16 {
	pcm := make([]int16, int(d.Seconds()*8000))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return pcm
}
