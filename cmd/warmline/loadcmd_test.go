package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warmline/media"
	"warmline/sip/siptest"
	"warmline/speech/speechtest"
)

// load runs warmline load with a data folder of its own and this input.
func load(t *testing.T, ctx context.Context, input io.Reader, args ...string) (got told, audit string) {
	t.Helper()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	began := time.Now()
	code := Main(ctx, append([]string{"load"}, args...), std{input, &out, &errs, []string{"WARMLINE_DATA_DIR=" + dir}})
	b, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return told{code, out.String(), errs.String(), time.Since(began)}, string(b)
}

// alaw writes a clip of so many frames of a hum, as raw A-law.
func alaw(t *testing.T, frames int) string {
	t.Helper()
	pcm := make([]int16, 160*frames)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	b := make([]byte, len(pcm))
	media.EncodeALaw(b, pcm)
	file := filepath.Join(t.TempDir(), "hum.alaw")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadAgainstSIPpThatEchoes(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startPeer(t, "sip-tester", "sipp", "-sn", "uas", "-rtp_echo", "-i", "127.0.0.1", "-p", port, "-mp", freePort(t), "-nostdin", "-timeout", "60s")
	got, audit := load(t, t.Context(), nil, "--trunk", "sip:127.0.0.1:"+port, "--rate", "20", "--calls", "20", "--concurrent", "8", "--clip", alaw(t, 40), "--json")
	var rep loadReport
	if err := json.Unmarshal([]byte(got.out), &rep); err != nil || got.code != 0 {
		t.Fatalf("exit %d, %v: %s%s", got.code, err, got.out, got.err)
	}
	if rep.Placed != 20 || rep.Answered != 20 || rep.ASR != 1 || rep.Dispositions["answered"] != 20 || rep.Peak > 8 {
		t.Errorf("%+v", rep)
	}
	if rep.RTP.Sent < 20*40 || rep.RTP.Received < 20*20 || rep.PDD.P50 <= 0 || rep.PDD.P99 < rep.PDD.P50 || rep.CPU.PerCall <= 0 || rep.CPU.Setup <= 0 {
		t.Errorf("%+v", rep)
	}
	if n := strings.Count(audit, `"action":"load"`); n != 20 || !strings.Contains(audit, `"number":"1000"`) {
		t.Errorf("%d calls are noted:\n%s", n, audit)
	}
	if !strings.Contains(got.err, "No consent was checked") {
		t.Errorf("said %s", got.err)
	}
}

func TestLoadHangsUpOnAnswerAndPrintsATable(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startPeer(t, "sip-tester", "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-mp", freePort(t), "-nostdin", "-timeout", "60s")
	got, _ := load(t, t.Context(), nil, "--trunk", "sip:127.0.0.1:"+port, "--rate", "50", "--calls", "10")
	for _, want := range []string{"10 placed", "answer-seizure  100.0 %: 10 answered of 10", "answered 10", "PDD", "ms per call for set-up"} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("exit %d, want %q in\n%s%s", got.code, want, got.out, got.err)
		}
	}
}

func TestLoadReadsCallsFromStandardInput(t *testing.T) {
	t.Parallel()
	g, err := siptest.Start(siptest.Options{Addr: "127.0.0.1:0", Ring: 20 * time.Millisecond, Voice: speechtest.ALaw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	clip, busy := alaw(t, 25), busyNumber(t)
	input := strings.Join([]string{
		"call sip:13800138000@" + g.Addr() + " " + clip,
		"",
		"ring sip:13800138000@" + g.Addr() + " -",
		"call sip:" + busy + "@" + g.Addr() + " -",
		"call 13800138000@" + g.Addr() + " -",
		"call sip:13800138000@" + g.Addr(),
		"call sip:13800138000@127.0.0.1:0 -",
		"call sip:110@192.0.2.1:5060 -",
		"call sip:13800138000@" + g.Addr() + " nothing.wav",
		strings.Repeat("x", longestLine+1),
		"call sip:13800138000@" + g.Addr() + " -", // without a newline at its end
	}, "\n")
	got, audit := load(t, t.Context(), strings.NewReader(input), "-")
	if got.code != 0 {
		t.Fatalf("exit %d: %s", got.code, got.err)
	}
	lines := map[int]map[string]any{}
	for line := range strings.Lines(got.out) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines[int(v["line"].(float64))] = v
	}
	if len(lines) != 10 {
		t.Errorf("%d lines came back:\n%s", len(lines), got.out)
	}
	for n, want := range map[int]string{3: "is no call", 5: "sip:NUMBER@HOST:PORT", 6: "no clip", 7: "port from 1", 8: "emergency number", 9: "nothing.wav", 10: "longer than"} {
		if why, _ := lines[n]["error"].(string); !strings.Contains(why, want) || len(lines[n]) != 2 {
			t.Errorf("line %d: %v, want an error with %q", n, lines[n], want)
		}
	}
	for n, want := range map[int]string{1: "answered", 4: "busy", 11: "answered"} {
		if lines[n]["disposition"] != want || lines[n]["transcript"] != nil {
			t.Errorf("line %d: %v, want %s", n, lines[n], want)
		}
	}
	if sent := lines[1]["rtp"].(map[string]any)["sent"].(float64); sent < 25 || lines[1]["ended_by"] != "us" || lines[1]["talk_ms"].(float64) < 450 {
		t.Errorf("the clip of 25 frames went out in %v packets: %v", sent, lines[1])
	}
	if n := strings.Count(audit, `"action":"load"`); n != 3 || strings.Contains(audit, "13800138000") {
		t.Errorf("%d calls are noted:\n%s", n, audit)
	}
}

// A judge of the line in the other direction: what the carrier heard and saw.
func TestLoadThroughASimulatedCarrierIsWhatItSays(t *testing.T) {
	t.Parallel()
	g, err := siptest.Start(siptest.Options{Addr: "127.0.0.1:0", Ring: 20 * time.Millisecond, Voice: speechtest.ALaw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	got, _ := load(t, t.Context(), nil, "--trunk", "sip:"+g.Addr(), "--number", "13800138000", "--rate", "20", "--calls", "5", "--clip", alaw(t, 30), "--json")
	if got.code != 0 {
		t.Fatalf("exit %d: %s", got.code, got.err)
	}
	calls := g.Truth().Calls
	if len(calls) != 5 {
		t.Fatalf("the carrier saw %d calls", len(calls))
	}
	for _, c := range calls {
		if c.AnsweredAt.IsZero() || c.EndedBy != "us" {
			t.Errorf("%+v", c)
		}
	}
}

func TestLoadThatIsMisusedIsExitTwo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want, args string }{
		{"no peer", "--trunk", ""},
		{"both ways at once", "leave --trunk out", "- --trunk sip:127.0.0.1:5060"},
		{"a word", "only - is read", "calls.txt"},
		{"no rate", "--rate", "--trunk sip:127.0.0.1:5060 --rate 0"},
		{"not a rate", "--rate", "--trunk sip:127.0.0.1:5060 --rate NaN"},
		{"no calls", "--calls", "--trunk sip:127.0.0.1:5060 --calls 0"},
		{"fewer than none", "--concurrent", "--trunk sip:127.0.0.1:5060 --concurrent=-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, audit := load(t, t.Context(), nil, strings.Fields(tt.args)...); got.code != 2 || !strings.Contains(got.err, tt.want) || audit != "" {
				t.Errorf("exit %d: %s", got.code, got.err)
			}
		})
	}
}

func TestLoadThatCannotBeTriedIsExitOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want, args string }{
		{"a trunk that is no address", "sip:HOST:PORT", "--trunk 127.0.0.1:5060"},
		{"no such clip", "the clip", "--trunk sip:127.0.0.1:5060 --clip nothing.wav"},
		{"a short number over a real trunk", "only dialed over a trunk on loopback", "--trunk sip:192.0.2.1:5060"},
		{"an emergency number over a real trunk", "only dialed over a trunk on loopback", "--trunk sip:192.0.2.1:5060 --number 120"},
		{"a caller ID with a line break", "caller ID", "--trunk sip:127.0.0.1:5060 --calls 2 --from a\r\nX:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := load(t, t.Context(), nil, strings.Split(tt.args, " ")...); got.code != 1 || !strings.Contains(got.err, tt.want) {
				t.Errorf("exit %d: %s", got.code, got.err)
			}
		})
	}
}

func TestInterruptedLoadHangsUpAndStillTells(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startPeer(t, "sip-tester", "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-mp", freePort(t), "-nostdin", "-timeout", "60s")
	clip := alaw(t, 50*30)
	ctx, interrupt := context.WithCancel(t.Context())
	in, feed := io.Pipe()
	go func() {
		for range 3 {
			fmt.Fprintf(feed, "call sip:1000@127.0.0.1:%s %s\n", port, clip)
		}
		time.Sleep(time.Second) // the calls are up; they would last half a minute
		interrupt()
	}()
	got, _ := load(t, ctx, in, "-")
	feed.Close()
	if got.code != 0 || got.took > 10*time.Second || strings.Count(got.out, `"ended_by":"us"`) != 3 || !strings.Contains(got.err, "has been hung up") {
		t.Errorf("exit %d after %v:\n%s%s", got.code, got.took, got.out, got.err)
	}
}

func TestWhatSetUpAndPacketsCostIsToldApart(t *testing.T) {
	samples := []sample{{}}
	add := func(setups int, packets uint64) {
		last := samples[len(samples)-1]
		samples = append(samples, sample{
			last.cpu + time.Duration(setups)*300*time.Microsecond + time.Duration(packets)*10*time.Microsecond,
			last.setups + setups, last.packets + packets,
		})
	}
	add(20, 100)
	add(20, 300)
	add(0, 300)
	setup, packet, ok := fitCPU(samples)
	if !ok || math.Abs(setup-0.3) > 1e-6 || math.Abs(packet-0.01) > 1e-6 {
		t.Errorf("set-up %v ms, packet %v ms, %v; want 0.3 and 0.01", setup, packet, ok)
	}
	if _, _, ok := fitCPU(samples[:2]); ok {
		t.Error("one period tells nothing apart")
	}
}
