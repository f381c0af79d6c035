package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"warmline/dialer"
	"warmline/media"
)

// samplePeriod is how often CPU, calls and packets are written down together.
const samplePeriod = 200 * time.Millisecond

// tally counts one run.
type tally struct {
	name  string // of the run, in attempt IDs
	began time.Time

	mu       sync.Mutex
	phones   []*dialer.Dialer
	n        loadCounts
	live     int
	peak     int
	sounding int // calls with a clip that are up
	pdd      []time.Duration
	jitter   []time.Duration
	reasons  map[string]int
	rtp      rtpReport
	skipped  uint64
	refused  error // the first call that could not be tried
	holding  time.Duration
	samples  []sample
}

type loadCounts struct{ placed, ended, answered, notTried int }

// sample is the state of the counters at one moment.
type sample struct {
	cpu     time.Duration
	setups  int
	packets uint64
}

func newTally(now time.Time) *tally {
	t := &tally{name: strconv.FormatInt(now.UnixMilli(), 36), began: now, reasons: map[string]int{}}
	t.sample()
	return t
}

// watch takes the dialers whose packets are counted.
func (t *tally) watch(phones map[string]*phone) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phones = nil
	for _, p := range phones {
		t.phones = append(t.phones, p.Dialer)
	}
}

func (t *tally) placed(sound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.placed++
	t.live++
	t.peak = max(t.peak, t.live)
	if sound {
		t.sounding++
	}
}

func (t *tally) ended(r dialer.Result, sound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live--
	t.n.ended++
	if sound {
		t.sounding--
	}
	t.reasons[r.Disposition]++
	if r.InviteAt.IsZero() {
		t.n.notTried++
		if t.refused == nil {
			t.refused = r.Err
		}
		return
	}
	if first := firstSign(r); !first.IsZero() {
		t.pdd = append(t.pdd, first.Sub(r.InviteAt))
	}
	if r.Answered {
		t.n.answered++
	}
	t.rtp.Sent += r.RTP.Sent
	t.rtp.Received += r.RTP.Received
	t.rtp.Lost += r.RTP.Lost
	t.skipped += r.RTP.Skipped
	if r.RTP.Received > 0 {
		t.jitter = append(t.jitter, r.RTP.Jitter)
	}
}

// firstSign is when the caller would first have heard something: ringing, early
// sound or the answer.
func firstSign(r dialer.Result) time.Time {
	if !r.RingAt.IsZero() {
		return r.RingAt
	}
	return r.AnsweredAt
}

func (t *tally) held(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holding += d
}

// audible reports whether calls with sound are up.
func (t *tally) audible() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sounding > 0
}

func (t *tally) firstError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}

// engines adds up the media of all dialers; the worst lateness counts.
func (t *tally) engines(phones map[string]*phone) media.EngineStats {
	var sum media.EngineStats
	for _, p := range phones {
		addEngine(&sum, p.Media.Stats())
	}
	return sum
}

func addEngine(sum *media.EngineStats, s media.EngineStats) {
	sum.Sent += s.Sent
	sum.Received += s.Received
	sum.Skipped += s.Skipped
	sum.LateP50 = max(sum.LateP50, s.LateP50)
	sum.LateP99 = max(sum.LateP99, s.LateP99)
	sum.LateMax = max(sum.LateMax, s.LateMax)
}

func (t *tally) media() media.EngineStats {
	var sum media.EngineStats
	for _, d := range t.phones {
		addEngine(&sum, d.Media.Stats())
	}
	return sum
}

// sample writes down what the process has used and done so far.
func (t *tally) sample() {
	cpu := processCPU()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.media()
	t.samples = append(t.samples, sample{cpu, t.n.placed + t.n.ended, e.Sent + e.Received})
}

// processCPU is the user and system time this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// status is one line of progress.
func (t *tally) status() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.media()
	line := fmt.Sprintf("%d placed, %d up, %d answered (%s), PDD p50 %s", t.n.placed, t.live, t.n.answered,
		percent(t.n.answered, t.n.ended), ms(quantile(slices.Sorted(slices.Values(t.pdd)), 0.5)))
	if e.Sent+e.Received > 0 {
		line += fmt.Sprintf(", %d packets lost, late p99 %s", t.rtp.Lost, ms(e.LateP99))
	}
	return line
}

// loadReport is the last line of warmline load --json. Times are milliseconds.
type loadReport struct {
	Placed       int            `json:"placed"`
	Answered     int            `json:"answered"`
	NotTried     int            `json:"not_tried"`
	ASR          float64        `json:"answer_seizure"` // answered ÷ placed, 0 to 1
	Dispositions map[string]int `json:"dispositions"`
	Seconds      float64        `json:"seconds"`
	Rate         float64        `json:"calls_per_second"`
	Peak         int            `json:"most_at_once"`
	PDD          spread         `json:"pdd_ms"`
	CPU          loadCPU        `json:"cpu_ms"`
	RTP          loadRTP        `json:"rtp"`
	HeldSeconds  float64        `json:"held_seconds"` // no call was placed because the audio was strained
	Interrupted  bool           `json:"interrupted"`
}

type spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// loadCPU is user and system time of this process. PerCall is all of it shared
// out; Setup and PerPacket are told apart by how it moved with calls and packets.
type loadCPU struct {
	Total     float64 `json:"total"`
	PerCall   float64 `json:"per_call"`
	Setup     float64 `json:"setup_per_call"`
	PerPacket float64 `json:"per_packet"`
}

type loadRTP struct {
	rtpReport
	LostShare float64 `json:"lost_share"`
	Skipped   uint64  `json:"skipped"`
	Jitter    spread  `json:"jitter_ms"`
	LateP50   float64 `json:"late_p50_ms"`
	LateP99   float64 `json:"late_p99_ms"`
	LateMax   float64 `json:"late_max_ms"`
}

// report closes the books.
func (t *tally) report() loadReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := time.Since(t.began).Seconds()
	e := t.media()
	rep := loadReport{
		Placed: t.n.placed, Answered: t.n.answered, NotTried: t.n.notTried, Dispositions: t.reasons,
		ASR: share(t.n.answered, t.n.placed), Seconds: round(took, 3), Rate: round(float64(t.n.placed)/took, 1), Peak: t.peak,
		PDD: spreadOf(t.pdd), HeldSeconds: round(t.holding.Seconds(), 3), CPU: t.cpu(),
		RTP: loadRTP{
			rtpReport: t.rtp, LostShare: share(int(t.rtp.Lost), int(t.rtp.Lost+t.rtp.Received)), Skipped: t.skipped, Jitter: spreadOf(t.jitter),
			LateP50: millis(e.LateP50), LateP99: millis(e.LateP99), LateMax: millis(e.LateMax),
		},
	}
	return rep
}

func (t *tally) cpu() loadCPU {
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	total := float64(last.cpu-first.cpu) / 1e6
	c := loadCPU{Total: round(total, 1)}
	if t.n.placed == 0 {
		return c
	}
	c.PerCall = round(total/float64(t.n.placed), 4)
	c.Setup = c.PerCall
	if setup, packet, ok := fitCPU(t.samples); ok {
		c.Setup, c.PerPacket = round(2*setup, 4), round(packet, 5) // placing and ending are counted apart
	}
	return c
}

// fitCPU tells what a set-up (or an end) and a packet cost, in ms, by the least
// squares of how the CPU of each period follows them. It reports false when
// there were no packets, or when calls and packets moved so much together that
// they cannot be told apart.
func fitCPU(samples []sample) (setup, packet float64, ok bool) {
	var ss, sp, pp, sc, pc float64
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		s, p, c := float64(b.setups-a.setups), float64(b.packets-a.packets), float64(b.cpu-a.cpu)/1e6
		ss, sp, pp, sc, pc = ss+s*s, sp+s*p, pp+p*p, sc+s*c, pc+p*c
	}
	det := ss*pp - sp*sp
	if det <= 0.02*ss*pp {
		return 0, 0, false
	}
	setup, packet = (sc*pp-pc*sp)/det, (pc*ss-sc*sp)/det
	return setup, packet, setup > 0 && packet > 0
}

// write prints the report for people.
func (r loadReport) write(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(tw, name+"\t"+format+"\n", args...) }
	row("calls", "%d placed in %.1f s (%.1f/s), at most %d at once", r.Placed, r.Seconds, r.Rate, r.Peak)
	row("answer-seizure", "%.1f %%: %d answered of %d", 100*r.ASR, r.Answered, r.Placed)
	row("ended", "%s", listCounts(r.Dispositions))
	row("PDD", "p50 %.2f ms, p95 %.2f ms, p99 %.2f ms", r.PDD.P50, r.PDD.P95, r.PDD.P99)
	row("CPU", "%.3f ms per call for set-up and end; %.3f ms per call with its media", r.CPU.Setup, r.CPU.PerCall)
	if r.RTP.Sent+r.RTP.Received > 0 {
		row("RTP", "%d sent, %d received, %d lost (%.3f %%), %d frames skipped", r.RTP.Sent, r.RTP.Received, r.RTP.Lost, 100*r.RTP.LostShare, r.RTP.Skipped)
		row("jitter", "p50 %.2f ms, p95 %.2f ms, p99 %.2f ms", r.RTP.Jitter.P50, r.RTP.Jitter.P95, r.RTP.Jitter.P99)
		row("lateness", "p50 %.2f ms, p99 %.2f ms, worst %.2f ms", r.RTP.LateP50, r.RTP.LateP99, r.RTP.LateMax)
	}
	if r.HeldSeconds > 0 {
		row("held", "%.1f s in which no call was placed because the audio was strained", r.HeldSeconds)
	}
	if r.Interrupted {
		row("interrupted", "what was up has been hung up")
	}
	tw.Flush()
}

// listCounts lists dispositions by name.
func listCounts(m map[string]int) string {
	var parts []string
	for name, n := range m {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func spreadOf(d []time.Duration) spread {
	s := slices.Sorted(slices.Values(d))
	return spread{millis(quantile(s, 0.5)), millis(quantile(s, 0.95)), millis(quantile(s, 0.99))}
}

// quantile is the nearest rank in a sorted list, 0 of an empty one.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(0, min(i, len(sorted)-1))]
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return round(float64(n)/float64(of), 6)
}

func percent(n, of int) string { return fmt.Sprintf("%.0f %%", 100*share(n, of)) }

func millis(d time.Duration) float64 { return round(float64(d)/1e6, 3) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

func round(x float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(x*p) / p
}
