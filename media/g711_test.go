package media

import (
	"math"
	"testing"
	"time"

	"warmline/media/mediatest"
)

func TestG711AgreesWithTheDefinition(t *testing.T) {
	laws := []struct {
		name   string
		encode func([]byte, []int16) int
		decode func([]int16, []byte) int
		code   func(int16) byte
		value  func(byte) int16
	}{
		{"A-law", EncodeALaw, DecodeALaw, mediatest.ALaw, mediatest.ALawValue},
		{"µ-law", EncodeULaw, DecodeULaw, mediatest.ULaw, mediatest.ULawValue},
	}
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			var pcm [1]int16
			for c := range 256 {
				law.decode(pcm[:], []byte{byte(c)})
				if want := law.value(byte(c)); pcm[0] != want {
					t.Errorf("code %#02x decodes to %d, want %d", c, pcm[0], want)
				}
			}
			for s := math.MinInt16; s <= math.MaxInt16; s += 7 {
				var b [1]byte
				law.encode(b[:], []int16{int16(s)})
				got := law.value(b[0])
				// A cell's value is its middle, so half a step is the most it may miss;
				// a step is a sixteenth of its segment.
				if miss := distance(s, got); miss > distance(s, 0)/32+16 {
					t.Fatalf("sample %d becomes %d, %d away", s, got, miss)
				}
				if s%700 == 0 && distance(s, law.value(law.code(int16(s)))) > distance(s, got) {
					t.Fatalf("sample %d: the witness is further away than we are", s)
				}
			}
		})
	}
}

func distance(a int, b int16) int {
	if a < int(b) {
		return int(b) - a
	}
	return a - int(b)
}

func TestG711CodesSurviveARoundTrip(t *testing.T) {
	for c := range 256 {
		code := []byte{byte(c)}
		var pcm [1]int16
		var back [1]byte
		DecodeALaw(pcm[:], code)
		if EncodeALaw(back[:], pcm[:]); back[0] != code[0] {
			t.Errorf("A-law %#02x comes back as %#02x", c, back[0])
		}
		DecodeULaw(pcm[:], code)
		if EncodeULaw(back[:], pcm[:]); back[0] != code[0] && c != 0x7F { // µ-law has two zeros
			t.Errorf("µ-law %#02x comes back as %#02x", c, back[0])
		}
	}
}

func TestClipIsCutIntoWholeFrames(t *testing.T) {
	tests := []struct {
		name            string
		samples, frames int
	}{
		{"nothing is no frame", 0, 0},
		{"one sample is one frame", 1, 1},
		{"a full frame is one frame", 160, 1},
		{"one more is two", 161, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClip(make([]int16, tt.samples))
			if c.Frames() != tt.frames || c.Duration() != time.Duration(tt.frames)*20*time.Millisecond {
				t.Errorf("got %d frames, %v; want %d", c.Frames(), c.Duration(), tt.frames)
			}
		})
	}
	c := NewClip([]int16{1000})
	if c.aLaw[159] != silenceALaw || c.uLaw[159] != silenceULaw || c.aLaw[0] == silenceALaw {
		t.Errorf("the last frame is not filled up with silence")
	}
}
