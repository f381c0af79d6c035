package speechtest

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/media"
	"warmline/speech"
)

var lines = []string{
	"可以", "不要再打了", "你好，我是王女士。", "OK 1", "嗯",
	"您好，我是苏小糖的AI助手小暖，给老顾客做个回访，通话会录音，请问是王女士吗？",
}

// line is what happens to samples between two phones.
type line struct {
	name   string
	dbfs   float64 // level of the tones
	offset int     // samples of silence before
	noise  float64 // peak of white noise
	alaw   bool
	ulaw   bool
}

func (l line) carry(pcm []int16, r *rand.Rand) []int16 {
	out := make([]int16, l.offset, l.offset+len(pcm)+400)
	out = append(append(out, pcm...), make([]int16, 400)...)
	gain := math.Pow(10, l.dbfs/20) * 32767 / loudness
	for i := range out {
		v := float64(out[i])*gain + l.noise*(2*r.Float64()-1)
		out[i] = int16(max(min(v, 32767), -32768))
	}
	b := make([]byte, len(out))
	if l.alaw {
		media.EncodeALaw(b, out)
		media.DecodeALaw(out, b)
	}
	if l.ulaw {
		media.EncodeULaw(b, out)
		media.DecodeULaw(out, b)
	}
	return out
}

func TestWhatIsSpokenIsHeard(t *testing.T) {
	table := []line{
		{name: "as spoken", dbfs: -10},
		{name: "loud A-law", dbfs: -6, alaw: true, offset: 7},
		{name: "loud µ-law", dbfs: -6, ulaw: true, offset: 31},
		{name: "soft A-law", dbfs: -30, alaw: true, offset: 160},
		{name: "soft µ-law", dbfs: -30, ulaw: true, offset: 101},
		{name: "soft with noise", dbfs: -30, alaw: true, offset: 333, noise: 250},
		{name: "both laws on the way", dbfs: -20, alaw: true, ulaw: true, offset: 1234, noise: 100},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, l := range table {
		t.Run(l.name, func(t *testing.T) {
			for _, text := range lines {
				if diff := cmp.Diff([]string{text}, Hear(l.carry(Speak(text), r))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestEveryOffsetOfTheSamplingGridIsHeard(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for offset := range 2 * symbol {
		l := line{dbfs: -18, offset: offset, alaw: true, noise: 60}
		if diff := cmp.Diff([]string{"可以"}, Hear(l.carry(Speak("可以"), r))); diff != "" {
			t.Fatalf("%d samples late: %s", offset, diff)
		}
	}
}

func TestUtterancesFollowOneAnotherWithoutAPause(t *testing.T) {
	var pcm []int16
	for _, text := range lines {
		pcm = append(pcm, Speak(text)...)
	}
	if diff := cmp.Diff(lines, Hear(pcm)); diff != "" {
		t.Error(diff)
	}
}

func TestStopCallingIsSaidInTime(t *testing.T) {
	d := time.Duration(len(Speak("不要再打了"))) * time.Second / speech.Rate
	if d > 1200*time.Millisecond {
		t.Errorf("不要再打了 takes %v, and a person says it in 1.2 s", d)
	}
}

func TestADamagedUtteranceIsNotHeard(t *testing.T) {
	const text = "不要再打了"
	clean := Speak(text)
	for at := 0; at+160 <= len(clean); at += 40 {
		lost := append([]int16(nil), clean...)
		clear(lost[at : at+160])
		for _, got := range Hear(lost) {
			if got != text {
				t.Fatalf("with 20 ms lost at sample %d it heard %q", at, got)
			}
		}
		cut := append(append([]int16(nil), clean[:at]...), clean[at+160:]...)
		for _, got := range Hear(cut) {
			if got != text {
				t.Fatalf("with 20 ms cut out at sample %d it heard %q", at, got)
			}
		}
	}
	heard := 0
	for at := 8 * symbol; at+160 <= len(clean)-4*symbol; at += 40 {
		lost := append(append([]int16(nil), clean...), make([]int16, 400)...)
		clear(lost[at : at+160])
		heard += len(Hear(lost))
	}
	if want := (len(clean) - 12*symbol - 160) / 40 * 9 / 10; heard < want {
		t.Errorf("of utterances with one lost packet %d were heard, want %d", heard, want)
	}
	for at := 0; at+160 <= len(clean); at += 40 { // silence put in, as a late packet does
		late := append(append(append([]int16(nil), clean[:at]...), make([]int16, 160)...), clean[at:]...)
		for _, got := range Hear(append(late, make([]int16, 400)...)) {
			if got != text {
				t.Fatalf("with 20 ms put in at sample %d it heard %q", at, got)
			}
		}
	}
	wrong := encode(text)
	wrong[12] ^= 5
	if got, ok := decode(wrong[len(preamble):]); ok {
		t.Errorf("a flipped symbol was read as %q", got)
	}
}

func TestAfterADamagedUtteranceTheNextIsHeard(t *testing.T) {
	broken := Speak("不要再打了")[:4000]
	pcm := append(append(broken, make([]int16, 800)...), Speak("可以")...)
	if diff := cmp.Diff([]string{"可以"}, Hear(pcm)); diff != "" {
		t.Error(diff)
	}
}

func TestAVeryLongTextIsCutAtACharacter(t *testing.T) {
	got := Hear(Speak(strings.Repeat("好", 2000)))
	if diff := cmp.Diff([]string{strings.Repeat("好", 1365)}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEventsDoNotDependOnHowSamplesArrive(t *testing.T) {
	pcm := make([]int16, 1000)
	pcm = append(pcm, Speak("可以")...)
	pcm = append(pcm, make([]int16, 4000)...)
	want := listen(t, pcm, len(pcm))
	kinds := []speech.EventKind{}
	for _, e := range want {
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]speech.EventKind{speech.Speech, speech.Final, speech.Quiet}, kinds); diff != "" {
		t.Fatal(diff)
	}
	if at := want[0].At - 125*time.Millisecond; at < -20*time.Millisecond || at > 20*time.Millisecond {
		t.Errorf("speech began at 125 ms, the ears say %v", want[0].At)
	}
	for _, size := range []int{1, 7, 160, 321, 4096} {
		if diff := cmp.Diff(want, listen(t, pcm, size)); diff != "" {
			t.Errorf("pushed %d at a time: %s", size, diff)
		}
	}
}

// listen pushes pcm in pieces and returns the events.
func listen(t *testing.T, pcm []int16, size int) (events []speech.Event) {
	t.Helper()
	s, err := Ears{}.Open(context.Background(), speech.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(size, len(pcm))
		if err := s.Push(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	s.Close()
	for e := range s.Events() {
		events = append(events, e)
	}
	return events
}

func TestAnOnsetIsToldWithin100Milliseconds(t *testing.T) {
	s := newStream()
	pcm := Speak("可以")
	for n := 0; ; n += 160 {
		if n > 800 {
			t.Fatal("no onset after 100 ms of speech")
		}
		s.Push(pcm[n : n+160])
		if len(s.events) > 0 {
			return
		}
	}
}

func TestAFinalIsKeptWhenNobodyReads(t *testing.T) {
	s := newStream()
	for range 2 * backlog {
		s.Push(Speak("可以"))
		s.Push(make([]int16, 4000))
	}
	s.Push(Speak("不要再打了"))
	s.Close()
	last := ""
	for e := range s.Events() {
		if e.Kind == speech.Final {
			last = e.Text
		}
	}
	if last != "不要再打了" {
		t.Errorf("the last words kept are %q", last)
	}
	if err := s.Push(nil); err == nil {
		t.Error("closed ears took samples")
	}
}

func TestVoiceIsHeardByEars(t *testing.T) {
	pcm, rate, err := Voice{}.Synthesize(context.Background(), speech.Utterance{Text: "谢谢您，再见。"})
	if err != nil || rate != speech.Rate {
		t.Fatal(rate, err)
	}
	if diff := cmp.Diff([]string{"谢谢您，再见。"}, Hear(pcm)); diff != "" {
		t.Error(diff)
	}
	law := ALaw("谢谢")
	back := make([]int16, len(law))
	media.DecodeALaw(back, law)
	if diff := cmp.Diff([]string{"谢谢"}, Hear(back)); diff != "" {
		t.Error(diff)
	}
}

func FuzzRandomSoundIsNeverWords(f *testing.F) {
	f.Add([]byte("noise"), uint64(1))
	f.Add([]byte{0, 0x80, 255, 127}, uint64(9))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		var pcm []int16
		for i := 0; i+1 < len(b); i += 2 {
			pcm = append(pcm, int16(b[i])|int16(b[i+1])<<8)
		}
		for range 4000 {
			pcm = append(pcm, int16(r.Uint32()))
		}
		if got := Hear(pcm); got != nil {
			t.Errorf("heard %q in noise", got)
		}
	})
}

func FuzzAnyTextComesBackOrNothing(f *testing.F) {
	f.Add("可以", 3, 500)
	f.Add("a", 0, 0)
	f.Fuzz(func(t *testing.T, text string, offset, damage int) {
		pcm := append(make([]int16, uint(offset)%4096), Speak(text)...)
		if len(pcm) > 0 {
			pcm[uint(damage)%uint(len(pcm))] = 32767
		}
		for _, got := range Hear(pcm) {
			if got != text && len(text) <= maxBytes {
				t.Errorf("said %q, heard %q", text, got)
			}
		}
	})
}

// BenchmarkEarsListening stands for a second of one call in which somebody
// speaks all the time.
func BenchmarkEarsListening(b *testing.B) { hearSecond(b, Speak("不要再打了，谢谢")[:8000]) }

// BenchmarkEarsInSilence stands for a second of one call in which nobody does.
func BenchmarkEarsInSilence(b *testing.B) { hearSecond(b, make([]int16, 8000)) }

func hearSecond(b *testing.B, pcm []int16) {
	s := newStream()
	b.ReportAllocs()
	for b.Loop() {
		for i := 0; i < len(pcm); i += 320 {
			s.Push(pcm[i : i+320])
		}
	}
}
