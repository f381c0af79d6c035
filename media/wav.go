package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxWAV bounds what one file may take: three minutes of 48 kHz stereo.
const maxWAV = 3 * 60 * 48000 * 4

// wavRates are the rates voices and recordings come in.
var wavRates = []int{8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000}

// ReadWAV reads 16-bit PCM, mono or stereo (mixed down), and its rate in Hz.
// Sizes in the header are not trusted: an engine that writes to a pipe does not
// know them, so a data chunk without a true length lasts until the input ends.
func ReadWAV(r io.Reader) (pcm []int16, rate int, err error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, 0, fmt.Errorf("reading WAV header: %w", err)
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, 0, fmt.Errorf("reading WAV: starts with %q, not RIFF…WAVE", riff[:4])
	}
	channels := 0
	for range 64 { // chunks before the data; real files have two or three
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, 0, fmt.Errorf("reading WAV: no data chunk: %w", err)
		}
		id, size := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		switch {
		case id == "fmt ":
			if rate, channels, err = readFormat(r, size); err != nil {
				return nil, 0, err
			}
		case id == "data" && channels == 0:
			return nil, 0, errors.New("reading WAV: data chunk before the fmt chunk")
		case id == "data":
			pcm, err := readSamples(r, size, channels)
			return pcm, rate, err
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return nil, 0, fmt.Errorf("reading WAV: chunk %q of %d bytes: %w", id, size, err)
			}
		}
	}
	return nil, 0, errors.New("reading WAV: more than 64 chunks before the data")
}

// readFormat accepts plain PCM and its extensible spelling.
func readFormat(r io.Reader, size int64) (rate, channels int, err error) {
	if size < 16 || size > 1024 {
		return 0, 0, fmt.Errorf("reading WAV: fmt chunk of %d bytes", size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, 0, fmt.Errorf("reading WAV: fmt chunk: %w", err)
	}
	tag := binary.LittleEndian.Uint16(b)
	if tag == 0xFFFE && size >= 26 { // WAVE_FORMAT_EXTENSIBLE names the real one
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	channels = int(binary.LittleEndian.Uint16(b[2:]))
	hz := binary.LittleEndian.Uint32(b[4:])
	bits := binary.LittleEndian.Uint16(b[14:])
	switch {
	case tag != 1:
		return 0, 0, fmt.Errorf("reading WAV: format %#x is not PCM", tag)
	case bits != 16:
		return 0, 0, fmt.Errorf("reading WAV: %d bits a sample, want 16", bits)
	case channels != 1 && channels != 2:
		return 0, 0, fmt.Errorf("reading WAV: %d channels, want 1 or 2", channels)
	case hz > 48000 || !slices.Contains(wavRates, int(hz)):
		return 0, 0, fmt.Errorf("reading WAV: rate %d Hz, want one of %v", hz, wavRates)
	}
	return int(hz), channels, nil
}

func readSamples(r io.Reader, size int64, channels int) ([]int16, error) {
	data, err := io.ReadAll(io.LimitReader(r, min(size, maxWAV+1)))
	if err != nil {
		return nil, fmt.Errorf("reading WAV: data: %w", err)
	}
	if len(data) > maxWAV {
		return nil, fmt.Errorf("reading WAV: more than %d bytes of audio", maxWAV)
	}
	pcm := make([]int16, len(data)/(2*channels))
	for i := range pcm {
		at := data[i*2*channels:]
		v := int(int16(binary.LittleEndian.Uint16(at)))
		if channels == 2 {
			v = (v + int(int16(binary.LittleEndian.Uint16(at[2:])))) / 2
		}
		pcm[i] = int16(v)
	}
	return pcm, nil
}

// WriteWAV writes 16-bit mono PCM at a rate in Hz.
func WriteWAV(w io.Writer, pcm []int16, rate int) error {
	b := make([]byte, 0, 44+2*len(pcm))
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*len(pcm)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(pcm)))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing WAV: %w", err)
	}
	return nil
}
