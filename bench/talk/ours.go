package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"warmline/bench"
	"warmline/media"
)

// ours is the measured process: it takes the same orders as the floor, with the
// variant in front (`run plain 1500 6`), and opens N legs anew for each.
func ours(args []string) error {
	flags := flag.NewFlagSet("ours", flag.ContinueOnError)
	n := flags.Int("n", 100, "calls")
	core := flags.Int("core", -1, "processor core to run on alone; -1 is any")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := bench.Pin(*core); err != nil {
		return err
	}
	orders := bufio.NewScanner(os.Stdin)
	orders.Buffer(nil, 1<<20)
	if !orders.Scan() {
		return fmt.Errorf("no ports on standard input: %w", orders.Err())
	}
	o := speaker{clip: media.NewClip(tone(20 * time.Second)), out: json.NewEncoder(os.Stdout)}
	if err := json.Unmarshal(orders.Bytes(), &o.ports); err != nil || len(o.ports) < *n {
		return fmt.Errorf("reading the ports of %d far ends: %d given: %w", *n, len(o.ports), err)
	}
	o.ports = o.ports[:*n]
	var err error
	if o.engine, err = media.NewEngine(media.Config{}); err != nil {
		return err
	}
	defer o.engine.Close()
	for orders.Scan() {
		var variant string
		var settle, windows int
		if _, err := fmt.Sscanf(orders.Text(), "run %s %d %d", &variant, &settle, &windows); err != nil {
			return fmt.Errorf("reading the order %q: %w", orders.Text(), err)
		}
		if err := o.run(variant, time.Duration(settle)*time.Millisecond, windows); err != nil {
			return fmt.Errorf("%s: %w", variant, err)
		}
	}
	return orders.Err()
}

type speaker struct {
	engine *media.Engine
	clip   *media.Clip
	ports  []int
	out    *json.Encoder
}

// A Turn is what a whole turn of ours was, told after its windows.
type Turn struct {
	Sent     uint64  `json:"sent"`     // packets, settling included
	Lost     uint64  `json:"lost"`     // packets of the far end's that never came, by sequence number
	Dropped  uint64  `json:"dropped"`  // packets that came and were not taken
	Spilt    uint64  `json:"spilt"`    // packets that came and found our sockets full
	Unheard  int     `json:"unheard"`  // taps that heard nothing
	KiB      float64 `json:"kib"`      // Go heap and stacks per leg, at the plateau
	Resident float64 `json:"resident"` // growth of the resident set per leg in KiB
}

// run opens the legs, lets them talk, and reports one window a second.
func (o *speaker) run(variant string, settle time.Duration, windows int) error {
	if !slices.Contains([]string{"plain", "ears", "srtp", "tones"}, variant) {
		return errors.New("unknown variant; known are plain, ears, srtp and tones")
	}
	heap, resident := memory()
	before := o.engine.Stats()
	if err := bench.SleepToPhase(bench.NearPhase); err != nil { // the engine's wheel begins with the first leg
		return err
	}
	legs, ears, err := o.open(variant)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	for range windows {
		w, err := bench.Watch(o.engine)
		if err != nil {
			return err
		}
		if err := o.out.Encode(w); err != nil {
			return err
		}
	}
	var turn Turn
	nowHeap, nowResident := memory()
	turn.KiB = (nowHeap - heap) / 1024 / float64(len(legs))
	turn.Resident = (nowResident - resident) / 1024 / float64(len(legs))
	if turn.Spilt, err = spilt(legs); err != nil {
		return err
	}
	var lost atomic.Uint64
	if err := o.each(func(i int) error {
		st := legs[i].Close()
		lost.Add(st.Lost)
		if variant == "srtp" && st.Security == "" {
			return errors.New("a leg is not encrypted")
		}
		return nil
	}); err != nil {
		return err
	}
	turn.Lost = lost.Load()
	turn.Unheard = ears.count()
	after := o.engine.Stats()
	turn.Sent, turn.Dropped = after.Sent-before.Sent, after.Dropped-before.Dropped
	return o.out.Encode(turn)
}

// together is how many calls are placed or ended at once: each waits for a slot of
// the wheel, and one after the other a thousand take two seconds.
const together = 32

// each does something for every call, some at once, and gives the errors.
func (o *speaker) each(do func(i int) error) error {
	errs := make([]error, together)
	var all sync.WaitGroup
	for w := range together {
		all.Go(func() {
			for i := w; i < len(o.ports) && errs[w] == nil; i += together {
				errs[w] = do(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// open places the calls: plainly; with a quarter of them heard (ears); encrypted
// (srtp); or without telephone-event, so that keys are looked for in the audio (tones).
func (o *speaker) open(variant string) ([]*media.Leg, *ears, error) {
	heard := &ears{}
	legs := make([]*media.Leg, len(o.ports))
	err := o.each(func(i int) error {
		c := media.LegConfig{Codecs: []media.Codec{media.PCMA}, Loopback: true}
		if variant == "srtp" {
			c.Security = media.SecurityRequired
		}
		l, err := o.engine.Open(c)
		if err != nil {
			return err
		}
		legs[i] = l
		l.Offer()
		if err := l.Accept(answer(o.ports[i], variant)); err != nil {
			return err
		}
		l.Play(o.clip)
		if variant == "ears" && i%4 == 0 {
			heard.open(l)
		}
		return nil
	})
	return legs, heard, err
}

// answer is the far end's SDP.
func answer(port int, variant string) []byte {
	proto, types, more := "RTP/AVP", "8 101", []string{"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"}
	switch variant {
	case "srtp":
		proto = "RTP/SAVP"
		more = append(more, "a=crypto:1 AEAD_AES_128_GCM inline:"+base64.StdEncoding.EncodeToString(bench.FarKey[:]))
	case "tones":
		types, more = "8", nil
	}
	lines := []string{"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
		fmt.Sprintf("m=audio %d %s %s", port, proto, types), "a=rtpmap:8 PCMA/8000", "a=ptime:20", "a=sendrecv"}
	return []byte(strings.Join(append(lines, more...), "\r\n") + "\r\n")
}

// spilt is how many datagrams the kernel threw away because a leg had not fetched
// those before: the last column of /proc/net/udp.
func spilt(legs []*media.Leg) (n uint64, err error) {
	ours := map[string]bool{}
	for _, l := range legs {
		_, line, _ := strings.Cut(string(l.Offer()), "m=audio ")
		port := 0
		if _, err := fmt.Sscan(line, &port); err != nil {
			return 0, fmt.Errorf("reading the port of a leg's offer: %w", err)
		}
		ours[fmt.Sprintf("%04X", port)] = true
	}
	b, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, fmt.Errorf("reading what sockets threw away: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 13 {
			continue
		}
		if _, port, _ := strings.Cut(f[1], ":"); ours[port] {
			drops, err := strconv.ParseUint(f[len(f)-1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading what sockets threw away: %w", err)
			}
			n += drops
		}
	}
	return n, nil
}

// memory is Go's live heap and stacks, and the resident set, in bytes.
func memory() (heap, resident float64) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var pages, set uint64
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		_, _ = fmt.Sscan(string(b), &pages, &set) // a short read leaves zero
	}
	return float64(m.HeapAlloc + m.StackInuse), float64(set) * float64(os.Getpagesize())
}

// tone is audio worth sending.
func tone(d time.Duration) []int16 {
	pcm := make([]int16, int(d.Seconds()*8000))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return pcm
}
