package speech_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"warmline/speech"
)

// voice counts how often it speaks; a text takes as many seconds of it as told.
type voice struct {
	made  atomic.Int32
	takes time.Duration
	fail  atomic.Bool
	rate  int
}

func (v *voice) ID() string { return "test/1" }

func (v *voice) Synthesize(ctx context.Context, u speech.Utterance) ([]int16, int, error) {
	v.made.Add(1)
	select {
	case <-time.After(v.takes):
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if v.fail.Load() {
		return nil, 0, errors.New("the voice is hoarse")
	}
	rate := v.rate
	if rate == 0 {
		rate = speech.Rate
	}
	return make([]int16, len(u.Text)*rate/50), rate, nil
}

func TestTheSameWordsAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &voice{takes: time.Second}
		p := speech.NewPrompts(v, "")
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				c, err := p.Clip(t.Context(), speech.Utterance{Text: "hello"})
				if err != nil || c.Frames() != 5 {
					t.Error(c, err)
				}
			})
		}
		wg.Wait()
		if n := v.made.Load(); n != 1 {
			t.Errorf("50 calls made it %d times", n)
		}
	})
}

func TestOneWhoGivesUpDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &voice{takes: time.Second}
		p := speech.NewPrompts(v, "")
		impatient, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Clip(impatient, speech.Utterance{Text: "hello"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the impatient caller got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := p.Clip(t.Context(), speech.Utterance{Text: "hello"}); err != nil {
				t.Errorf("the patient caller got %v", err)
			}
		})
		wg.Wait()
	})
}

func TestWhatChangesTheSoundChangesTheClip(t *testing.T) {
	v := &voice{}
	p := speech.NewPrompts(v, "")
	for _, u := range []speech.Utterance{
		{Text: "a"}, {Text: "b"}, {Text: "a", Voice: "x"}, {Text: "a", Lang: "en"}, {Text: "a", Rate: 1.1},
	} {
		clip(t, p, u)
	}
	clip(t, p, speech.Utterance{Text: "a", Rate: 1}) // the normal speed, spelled out
	if n := v.made.Load(); n != 5 {
		t.Errorf("made %d clips, want 5", n)
	}
}

func TestAFailureIsReportedAndNotKept(t *testing.T) {
	v := &voice{}
	v.fail.Store(true)
	p := speech.NewPrompts(v, t.TempDir())
	if _, err := p.Clip(context.Background(), speech.Utterance{Text: "a"}); err == nil {
		t.Fatal("no error")
	}
	v.fail.Store(false)
	clip(t, p, speech.Utterance{Text: "a"})
}

func TestMemoryStaysWithinItsLimit(t *testing.T) {
	v := &voice{}
	p := speech.NewPrompts(v, "")
	p.Limit = 3 * 320
	for _, text := range []string{"a", "b", "c", "a", "d", "a"} { // d pushes b out
		clip(t, p, speech.Utterance{Text: text})
	}
	if n := v.made.Load(); n != 4 {
		t.Errorf("made %d clips, want 4", n)
	}
	clip(t, p, speech.Utterance{Text: "b"})
	if n := v.made.Load(); n != 5 {
		t.Errorf("b was the longest unused and should be gone; made %d clips", n)
	}
	clip(t, p, speech.Utterance{Text: "longer than all of it"}) // and still works
}

func TestADamagedFileIsRefusedAndMadeAgain(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"untouched":   func(b []byte) []byte { return b },
		"cut short":   func(b []byte) []byte { return b[:len(b)-2] },
		"emptied":     func([]byte) []byte { return nil },
		"one bit off": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"another":     func([]byte) []byte { return []byte("RIFF, not a prompt file, but long enough to be one") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			v := &voice{rate: 16000}
			clip(t, speech.NewPrompts(v, dir), speech.Utterance{Text: "hello"})
			file := only(t, dir)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			whole := bytes.Clone(b)
			if err := os.WriteFile(file, damage(b), 0o644); err != nil {
				t.Fatal(err)
			}
			if c := clip(t, speech.NewPrompts(v, dir), speech.Utterance{Text: "hello"}); c != 5 {
				t.Errorf("%d frames, want 5", c)
			}
			want := int32(2)
			if name == "untouched" {
				want = 1
			}
			if n := v.made.Load(); n != want {
				t.Errorf("made %d times, want %d", n, want)
			}
			if now, _ := os.ReadFile(only(t, dir)); !bytes.Equal(now, whole) {
				t.Error("the file was not mended")
			}
		})
	}
}

func TestAFolderThatCannotBeWrittenCostsNoCall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file, not a folder")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	clip(t, speech.NewPrompts(&voice{}, file), speech.Utterance{Text: "a"})
}

func TestRecordingsAreRead(t *testing.T) {
	p := speech.NewPrompts(&voice{}, "")
	if _, err := p.Recording(context.Background(), "hello.wav"); err == nil {
		t.Error("a recording without a folder of recordings")
	}
	p.Recordings = fstest.MapFS{"hello.wav": {Data: wav(16000, 3200)}, "bad.wav": {Data: []byte("RIFF")}}
	c, err := p.Recording(context.Background(), "hello.wav")
	if err != nil || c.Frames() != 10 {
		t.Error(c, err)
	}
	if _, err := p.Recording(context.Background(), "bad.wav"); err == nil {
		t.Error("a broken recording was read")
	}
	if _, err := p.Recording(context.Background(), "none.wav"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing recording gives %v", err)
	}
}

func TestNormalizeSetsTheActiveLevel(t *testing.T) {
	for _, amplitude := range []float64{300, 3000, 12000} {
		pcm := make([]int16, 16000) // half of it pause
		for i := range pcm[:8000] {
			pcm[i] = int16(amplitude * math.Sin(float64(i)/3))
		}
		speech.Normalize(pcm, speech.Rate, -20)
		sum := 0.0
		for _, s := range pcm[:8000] {
			sum += float64(s) * float64(s) / 8000
		}
		if got := 10 * math.Log10(sum/32768/32768); math.Abs(got+20) > 0.2 {
			t.Errorf("amplitude %g became %.2f dBFS", amplitude, got)
		}
	}
	if got := speech.Normalize(make([]int16, 100), speech.Rate, -20); got[50] != 0 {
		t.Error("silence became sound")
	}
}

func clip(t *testing.T, p *speech.Prompts, u speech.Utterance) int {
	t.Helper()
	c, err := p.Clip(context.Background(), u)
	if err != nil {
		t.Fatal(err)
	}
	return c.Frames()
}

// only returns the one file below dir.
func only(t *testing.T, dir string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	if len(found) != 1 {
		t.Fatalf("files: %q, want one", found)
	}
	return found[0]
}

func wav(rate, samples int) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(2*samples))
	return append(b, make([]byte, 2*samples)...)
}
