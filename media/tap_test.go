package media

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

func TestTapHandsOverInOrderWithoutLocks(t *testing.T) {
	tap := newTap()
	const frames = 2000
	var wg sync.WaitGroup
	wg.Go(func() {
		var frame [frameSamples]int16
		for i := range frames {
			for j := range frame {
				frame[j] = int16(i)
			}
			for int(tap.written.Load()-tap.read.Load()) > tapSize-frameSamples {
				tap.alert() // the shard would drop; the test waits for the reader
			}
			tap.write(frame[:])
		}
		tap.end()
	})
	next, pcm := 0, make([]int16, 500)
	for {
		n, err := tap.Read(context.Background(), pcm)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || n%frameSamples != 0 || n == 0 {
			t.Fatalf("read %d, %v", n, err)
		}
		for i := 0; i < n; i += frameSamples {
			if pcm[i] != int16(next) || pcm[i+frameSamples-1] != int16(next) {
				t.Fatalf("frame %d holds %d to %d", next, pcm[i], pcm[i+frameSamples-1])
			}
			next++
		}
	}
	wg.Wait()
	if next != frames {
		t.Errorf("read %d frames, want %d", next, frames)
	}
}

func TestTapWithoutReaderDropsAndCounts(t *testing.T) {
	tap := newTap()
	tap.write(make([]int16, tapSize+100))
	if tap.Dropped() != 100 {
		t.Errorf("dropped %d, want 100", tap.Dropped())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := tap.Read(ctx, make([]int16, tapSize)); n != tapSize/frameSamples*frameSamples || err != nil {
		t.Errorf("what is there is read even when the context is over: %d, %v", n, err)
	}
	if _, err := tap.Read(ctx, make([]int16, 160)); !errors.Is(err, context.Canceled) {
		t.Errorf("an empty tap waits for %v, want the context's end", err)
	}
	if _, err := tap.Read(ctx, make([]int16, 159)); err == nil {
		t.Error("room for less than a frame is no error")
	}
}

func TestReorderPutsAudioInOrder(t *testing.T) {
	tests := []struct {
		name string
		seqs []uint16 // packet n carries samples of value n, at timestamp 160 n
		want []int16  // the value of each 20 ms, 0 for silence
	}{
		{"in order", []uint16{1, 2, 3}, []int16{1, 2, 3}},
		{"two changed places", []uint16{1, 3, 2, 4}, []int16{1, 2, 3, 4}},
		{"one lost", []uint16{1, 3, 4, 5}, []int16{1, 0, 3, 4, 5}},
		{"one too late", []uint16{1, 3, 4, 5, 2, 6}, []int16{1, 0, 3, 4, 5, 6}},
		{"two lost in a row", []uint16{1, 4, 5, 6}, []int16{1, 0, 0, 4, 5, 6}},
		{"more lost than the ring holds", []uint16{1, 2, 20, 21}, append([]int16{1, 2}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 21)},
		{"a hole at the end is given up in time", []uint16{1, 3}, []int16{1, 0, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &reorder{tap: newTap()}
			for _, seq := range tt.seqs {
				payload := make([]byte, frameSamples)
				for i := range payload {
					payload[i] = byte(seq) // decoded through a law in which code n is unique
				}
				r.packet(header{seq: seq, ts: uint32(seq) * frameSamples}, PCMA, payload)
			}
			for range reorderVisits {
				r.visit(false, frameSamples)
			}
			pcm := make([]int16, tapSize)
			n := r.tap.take(pcm)
			var got []int16
			for i := 0; i < n; i += frameSamples {
				v := int16(0)
				if pcm[i] != 0 {
					var code [1]byte
					EncodeALaw(code[:], pcm[i:i+1])
					v = int16(code[0])
				}
				got = append(got, v)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("got %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestQuietTimeIsNotWrittenTwice(t *testing.T) {
	r := &reorder{tap: newTap()}
	payload := make([]byte, frameSamples)
	r.packet(header{seq: 1, ts: 0}, PCMA, payload)
	for range 5 {
		r.visit(true, frameSamples)
	}
	r.packet(header{seq: 2, ts: 7 * frameSamples}, PCMA, payload) // six frames of silence suppression
	if got := r.tap.written.Load() / frameSamples; got != 8 {
		t.Errorf("%d frames, want 1 + 6 of silence + 1", got)
	}
}

// A tap nobody waits for wakes its reader after 100 ms instead of 40.
func TestATapWakesAsOftenAsItIsTold(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		want  int // frames until the reader is woken
	}{{0, 2}, {40 * time.Millisecond, 2}, {100 * time.Millisecond, 5}} {
		tap, frames := newTap(), 0
		if c.every > 0 {
			tap.Wake(c.every)
		}
		for woken := false; !woken && frames < 20; {
			tap.write(make([]int16, frameSamples))
			frames++
			select {
			case <-tap.wake:
				woken = true
			default:
			}
		}
		if frames != c.want {
			t.Errorf("every %v: woken after %d frames, want %d", c.every, frames, c.want)
		}
	}
}
