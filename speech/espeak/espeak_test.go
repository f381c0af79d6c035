package espeak

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warmline/speech"
)

func engine(t *testing.T) *Engine {
	t.Helper()
	e, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMandarinIsSpokenAtTheLoudnessOfACall(t *testing.T) {
	e := engine(t)
	for _, text := range []string{"您好，我是苏小糖的AI助手小暖。", "可以", "再见。"} {
		pcm, rate, err := e.Synthesize(context.Background(), speech.Utterance{Text: text, Lang: "zh-CN"})
		if err != nil {
			t.Fatal(err)
		}
		if rate != 22050 {
			t.Errorf("%s: rate %d", text, rate)
		}
		if d := time.Duration(len(pcm)) * time.Second / time.Duration(rate); d < 200*time.Millisecond || d > 10*time.Second {
			t.Errorf("%s takes %v", text, d)
		}
		if got := level(pcm, rate); math.Abs(got-speech.Loudness) > 3 {
			t.Errorf("%s is at %.1f dBFS, want about %g", text, got, speech.Loudness)
		}
	}
}

// level is the mean power above silence, in dBFS.
func level(pcm []int16, rate int) float64 {
	sum, n := 0.0, 0
	for i := 0; i+rate/50 <= len(pcm); i += rate / 50 {
		p := 0.0
		for _, s := range pcm[i : i+rate/50] {
			p += float64(s) * float64(s)
		}
		if p /= float64(rate / 50); p > 100*100 {
			sum, n = sum+p, n+1
		}
	}
	return 10 * math.Log10(sum/float64(n)/32768/32768)
}

func TestAFasterRateIsShorter(t *testing.T) {
	e := engine(t)
	slow, _, err := e.Synthesize(context.Background(), speech.Utterance{Text: "祝您生活愉快", Rate: 0.8})
	if err != nil {
		t.Fatal(err)
	}
	fast, _, err := e.Synthesize(context.Background(), speech.Utterance{Text: "祝您生活愉快", Rate: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	if len(fast) >= len(slow) {
		t.Errorf("fast is %d samples, slow %d", len(fast), len(slow))
	}
}

func TestWhatGoesWrongIsSaid(t *testing.T) {
	if _, err := New("/no/such/espeak-ng"); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("a missing program gives %v", err)
	}
	e := engine(t)
	if _, _, err := e.Synthesize(context.Background(), speech.Utterance{Text: " "}); err == nil {
		t.Error("an empty text was spoken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := e.Synthesize(ctx, speech.Utterance{Text: "您好"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller gets %v", err)
	}
	bad := &Engine{path: script(t, "echo no such voice >&2; exit 3")}
	if _, _, err := bad.Synthesize(context.Background(), speech.Utterance{Text: "您好"}); err == nil || !strings.Contains(err.Error(), "no such voice") {
		t.Errorf("the program's own complaint is missing in %v", err)
	}
	silent := &Engine{path: script(t, "cat >/dev/null")}
	if _, _, err := silent.Synthesize(context.Background(), speech.Utterance{Text: "您好"}); err == nil {
		t.Error("no sound at all passed as speech")
	}
}

// script is a program that does what a shell line says.
func script(t *testing.T, line string) string {
	path := filepath.Join(t.TempDir(), "espeak-ng")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheVoiceFollowsTheLanguage(t *testing.T) {
	for _, c := range []struct {
		u    speech.Utterance
		want string
	}{
		{speech.Utterance{}, "cmn"},
		{speech.Utterance{Lang: "zh-CN", Voice: "xiaonuan"}, "cmn"},
		{speech.Utterance{Lang: "zh-HK"}, "yue"},
		{speech.Utterance{Lang: "en-GB"}, "en-us"},
		{speech.Utterance{Lang: "zh-CN", Voice: "yue"}, "yue"},
	} {
		if got := voice(c.u); got != c.want {
			t.Errorf("%+v: voice %q, want %q", c.u, got, c.want)
		}
	}
}
