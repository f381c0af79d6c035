package media

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wav writes a file as recorders do; size overrides the data chunk's.
func wav(rate, channels int, size uint32, before []byte, samples ...int16) []byte {
	b := []byte("RIFF\xff\xff\xff\xffWAVE")
	b = append(b, "fmt \x10\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*2))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*2))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, before...)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

func TestReadWAV(t *testing.T) {
	tests := []struct {
		name string
		file []byte
		want []int16
		rate int
		err  string
	}{
		{"mono", wav(8000, 1, 4, nil, 1, -2), []int16{1, -2}, 8000, ""},
		{"stereo is mixed", wav(48000, 2, 8, nil, 10, 20, -4, -8), []int16{15, -6}, 48000, ""},
		{"a pipe without length", wav(22050, 1, 0xFFFFFFFF, nil, 1, 2, 3), []int16{1, 2, 3}, 22050, ""},
		{"cut short gives what is there", wav(16000, 1, 100, nil, 7), []int16{7}, 16000, ""},
		{"what follows the data is not audio", wav(24000, 1, 2, nil, 7, 8, 9), []int16{7}, 24000, ""},
		{"an odd chunk before the data", wav(8000, 1, 2, []byte("LIST\x03\x00\x00\x00abc\x00"), 5), []int16{5}, 8000, ""},
		{"not a WAV", []byte("ID3 and then an MP3 follows"), nil, 0, "not RIFF"},
		{"empty", nil, nil, 0, "header"},
		{"six channels", wav(8000, 6, 2, nil, 1), nil, 0, "6 channels"},
		{"an absurd rate", wav(1, 1, 2, nil, 1), nil, 0, "rate 1 Hz"},
		{"no data", wav(8000, 1, 2, nil)[:36], nil, 0, "no data chunk"},
		{"a chunk that claims gigabytes", append(wav(8000, 1, 2, nil)[:36], "junk\xff\xff\xff\xff"...), nil, 0, "junk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pcm, rate, err := ReadWAV(bytes.NewReader(tt.file))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, pcm); diff != "" || rate != tt.rate {
				t.Errorf("rate %d, want %d; samples (-want +got):\n%s", rate, tt.rate, diff)
			}
		})
	}
}

func FuzzReadWAV(f *testing.F) {
	f.Add(wav(8000, 1, 4, nil, 1, -2))
	f.Add(wav(48000, 2, 0xFFFFFFFF, []byte("LIST\x03\x00\x00\x00abc\x00"), 10, 20))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pcm, rate, err := ReadWAV(bytes.NewReader(b))
		if err == nil && (rate < 8000 || rate > 48000 || len(pcm) > len(b)/2) {
			t.Fatalf("%d samples at %d Hz out of %d bytes", len(pcm), rate, len(b))
		}
	})
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	want := []int16{0, 1, -1, 32767, -32768, 100}
	var b bytes.Buffer
	if err := WriteWAV(&b, want, 16000); err != nil {
		t.Fatal(err)
	}
	if got, rate, err := ReadWAV(&b); err != nil || rate != 16000 || !slices.Equal(got, want) {
		t.Errorf("%v at %d, %v", got, rate, err)
	}
}
