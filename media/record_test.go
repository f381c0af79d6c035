package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// memoryFile is an io.WriteSeeker as a file is one.
type memoryFile struct {
	b  []byte
	at int64
}

func (f *memoryFile) Write(p []byte) (int, error) {
	if grow := int(f.at) + len(p) - len(f.b); grow > 0 {
		f.b = append(f.b, make([]byte, grow)...)
	}
	n := copy(f.b[f.at:], p)
	f.at += int64(n)
	return n, nil
}

func (f *memoryFile) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		offset += int64(len(f.b))
	}
	f.at = offset
	return offset, nil
}

// channels splits the samples of a stereo 16-bit file; it fails if the header's
// sizes are not true.
func channels(t *testing.T, b []byte) (left, right []int16) {
	t.Helper()
	at := bytes.Index(b, []byte("data"))
	if at < 0 || int(binary.LittleEndian.Uint32(b[4:])) != len(b)-8 || int(binary.LittleEndian.Uint32(b[at+4:])) != len(b)-at-8 {
		t.Fatalf("header of %d bytes says %d, data at %d", len(b), binary.LittleEndian.Uint32(b[4:]), at)
	}
	for b = b[at+8:]; len(b) >= 4; b = b[4:] {
		left = append(left, int16(binary.LittleEndian.Uint16(b)))
		right = append(right, int16(binary.LittleEndian.Uint16(b[2:])))
	}
	return left, right
}

// onset is when a channel begins to sound, in milliseconds.
func onset(pcm []int16) int {
	for i, v := range pcm {
		if v > 3000 || v < -3000 {
			return i / 8
		}
	}
	return -1
}

func TestARecordingStandsOnTheCallsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		var file memoryFile
		rec, err := l.Record(&file, RecordConfig{Note: "attempt 7"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // ringing: nobody sends anything
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		tone := NewClip(mediatest.Tone(1000, 300*time.Millisecond, 8000, 0.5))
		loud := make([]byte, 160)
		EncodeALaw(loud, mediatest.Tone(500, 20*time.Millisecond, 8000, 0.5))
		source := mediatest.Source{Type: 8, SSRC: 5}
		var spoke, played []int // milliseconds after Started
		since := func() int { return int(time.Since(rec.Started()) / time.Millisecond) }
		for _, silence := range []time.Duration{0, 90 * time.Millisecond, time.Second, 7 * time.Second} {
			time.Sleep(silence)
			played = append(played, since())
			l.Play(tone)
			time.Sleep(400 * time.Millisecond)
			spoke = append(spoke, since())
			for range 10 {
				if err := rtp.Send(source.Audio(loud).Bytes(), local(l)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			source.Seq += 1000 // the next talkspurt knows nothing of this one
			source.Time += 1 << 20
			source.SSRC++
		}
		end := since()
		l.Close()
		if err := rec.Close(); err != nil {
			t.Fatal(err)
		}
		left, right := channels(t, file.b)
		if length := len(left) / 8; length < end-20 || length > end+40 {
			t.Errorf("%d ms were recorded of %d", length, end)
		}
		for name, c := range map[string]struct {
			pcm   []int16
			times []int
		}{"customer": {left, spoke}, "bot": {right, played}} {
			for _, want := range c.times {
				from := max(0, want-60)
				if got := onset(c.pcm[from*8:]); got < 0 || from+got < want-25 || from+got > want+25 {
					t.Errorf("the %s began at %d ms, in the recording at %d", name, want, from+got)
				}
			}
		}
		for _, want := range []string{"synthetic speech", "attempt 7", "ICRD"} {
			if !strings.Contains(string(file.b[:300]), want) {
				t.Errorf("the file does not say %q", want)
			}
		}
	})
}

// TestACrashLeavesAReadableRecording: what is on disk at any moment reads as WAV
// and lacks two seconds and a half at most.
func TestACrashLeavesAReadableRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		for _, c := range []RecordConfig{{}, {Law: PCMA}} {
			path := filepath.Join(t.TempDir(), "call.wav")
			out, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			l := open(t, e, LegConfig{})
			rec, err := l.Record(out, c)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
				t.Fatal(err)
			}
			time.Sleep(7 * time.Second)
			synctest.Wait()
			b, err := os.ReadFile(path) // as a crash would leave it
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.Index(b, []byte("data"))
			samples := int(binary.LittleEndian.Uint32(b[at+4:])) / 4
			if c.Law == PCMA {
				samples *= 2
			} else if pcm, rate, err := ReadWAV(bytes.NewReader(b)); err != nil || rate != 8000 || len(pcm) != samples {
				t.Errorf("reading what a crash left: %d samples of %d at %d Hz, %v", len(pcm), samples, rate, err)
			}
			if len(b) < at+8+samples || samples < 36000 || samples > 56000 {
				t.Errorf("%v: the header promises %d samples after 7 s, in %d bytes", c.Law, samples, len(b))
			}
			l.Close()
			if err := rec.Close(); err != nil {
				t.Error(err)
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

type brokenFile struct{ memoryFile }

var errFull = errors.New("no space left")

func (f *brokenFile) Write(p []byte) (int, error) {
	if len(f.b) > 1000 {
		return 0, errFull
	}
	return f.memoryFile.Write(p)
}

func TestAFullDiskEndsTheRecordingAndNotTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		rtp, _ := farEnd(t, &n)
		e := inMemory(t, &n)
		defer e.Close()
		l := open(t, e, LegConfig{})
		rec, err := l.Record(&brokenFile{}, RecordConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Accept(mediatest.Answer(rtp.Addr())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if err := rec.Close(); !errors.Is(err, errFull) {
			t.Errorf("closing says %v, want %v", err, errFull)
		}
		time.Sleep(time.Second)
		var left *reorder
		l.shard.do(func() { left = l.flow.order })
		if left != nil {
			t.Error("a recording that failed still costs its leg")
		}
		if st := l.Close(); st.Sent < 190 {
			t.Errorf("%d frames were sent in four seconds", st.Sent)
		}
	})
}

func TestAListenerHearsBothAndNeitherShifts(t *testing.T) {
	d := newListener(1000, 320)
	frame := func(v int16) []int16 {
		f := make([]int16, 160)
		for i := range f {
			f[i] = v
		}
		return f
	}
	pcm := make([]int16, 640)
	read := func() (pairs [][2]int16) {
		for {
			n := d.take(pcm)
			if n == 0 {
				return pairs
			}
			for i := 0; i < n; i += 160 * 2 {
				pairs = append(pairs, [2]int16{pcm[i], pcm[i+1]})
			}
		}
	}
	for i := range int16(4) {
		d.hear(frame(10 + i))
		d.pass(frame(20 + i))
	}
	if got := read(); len(got) != 4 || got[0] != [2]int16{10, 20} || got[3] != [2]int16{13, 23} {
		t.Errorf("heard %v", got)
	}
	for i := range int16(12) { // the reader sleeps; six frames fit
		d.hear(frame(30 + i))
		d.pass(frame(50 + i))
	}
	read()
	d.hear(frame(70))
	d.pass(frame(80))
	pairs := read()
	for len(pairs) < 4 { // what was owed comes as silence, as the ring has room
		d.hear(frame(71))
		d.pass(frame(81))
		pairs = append(pairs, read()...)
		if len(pairs) == 0 {
			t.Fatal("nothing comes after a slow reader")
		}
	}
	if d.Dropped() == 0 || d.customer.at != d.bot.at {
		t.Errorf("dropped %d; customer at %d, bot at %d", d.Dropped(), d.customer.at, d.bot.at)
	}
	for range 5 { // packets of 100 ms at once, then a second of nothing
		d.hear(frame(1))
	}
	for range 50 {
		d.pass(frame(2))
		read()
	}
	if behind := int64(d.bot.at - d.customer.at); behind < 0 || behind > duplexLag {
		t.Errorf("the customer is %d samples behind", behind)
	}
}

func TestListeningEndsWithTheLeg(t *testing.T) {
	l := open(t, engine(t, Config{}), LegConfig{})
	d := l.Listen()
	l.Close()
	for pcm := make([]int16, 1000); ; {
		if _, err := d.Read(context.Background(), pcm); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Listen().Read(context.Background(), make([]int16, 320)); !errors.Is(err, io.EOF) {
		t.Errorf("listening to a closed leg: %v", err)
	}
	if _, err := d.Read(context.Background(), make([]int16, 319)); err == nil {
		t.Error("room for less than a frame is no error")
	}
}

// TestAListenedFrameDoesNotAllocate: a recorder or a supervisor costs samples, no garbage.
func TestAListenedFrameDoesNotAllocate(t *testing.T) {
	far := &echoOfOne{from: at("127.0.0.1:9000"), h: header{pt: 8, ssrc: 1}}
	l, s := loneLeg(t, far, silent{}, far.from)
	d := newListener(listenRoom, listenWake)
	l.flow.ear().listeners = []*Listener{d}
	now := s.now()
	l.flow.rtcp.next = now + time.Hour
	pcm := make([]int16, 2*listenRoom)
	if n := testing.AllocsPerRun(1000, func() {
		now += 20 * time.Millisecond
		l.visit(s, now)
		d.take(pcm)
	}); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}
