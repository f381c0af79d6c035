package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	recordRoom  = 16384           // samples a side: two seconds that a slow disk may take
	recordWake  = sampleRate / 2  // the writer is woken twice a second
	recordPatch = 2 * time.Second // how much a crash may cost
)

// RecordConfig says how a recording is written; the zero value is 16-bit PCM.
type RecordConfig struct {
	Law  Codec  // PCMA (as one byte a sample) when set; 0 is 16-bit PCM
	Note string // kept in the file, for example the attempt's ID; no personal data
}

// A Recording is a WAV file being written: 8 kHz stereo, customer left, bot right.
type Recording struct {
	ears *Listener
	done chan struct{}
	err  error // of the writer, after done
}

// Record writes both sides of the call to w from now on, until the leg or the
// recording is closed. Sample n of both channels is n/8 ms after Started, so the
// file can be laid beside the call's journal. The frames never wait for w: a
// goroutine writes, two seconds may be outstanding, and what w is too slow for is
// silence and counted. The sizes in the header follow every two seconds, so that
// after a crash the file reads up to there. The file says of itself that the right
// channel is synthetic speech.
func (l *Leg) Record(w io.WriteSeeker, c RecordConfig) (*Recording, error) {
	file := &wavWriter{w: w, law: c.Law}
	r := &Recording{ears: l.listen(recordRoom, recordWake), done: make(chan struct{})}
	if err := file.begin(r.Started(), c.Note); err != nil {
		r.ears.Close()
		return nil, fmt.Errorf("starting recording: %w", err)
	}
	go r.write(file)
	return r, nil
}

// Started is the time of the first sample.
func (r *Recording) Started() time.Time { return r.ears.started }

// Dropped is how many samples a side became silence because the file was too slow.
func (r *Recording) Dropped() uint64 { return r.ears.Dropped() }

// Close ends the recording, waits until all of it is written and tells whether it
// was. It does not close the file. It may be called again.
func (r *Recording) Close() error {
	r.ears.Close()
	<-r.done
	return r.err
}

func (r *Recording) write(file *wavWriter) {
	defer close(r.done)
	defer r.ears.Close() // a writer that has failed costs nothing more
	pcm := make([]int16, 2*recordWake)
	for {
		n, err := r.ears.Read(context.Background(), pcm)
		if errors.Is(err, io.EOF) {
			r.err = file.end()
			return
		}
		if err == nil {
			err = file.write(pcm[:n])
		}
		if err != nil {
			r.err = fmt.Errorf("writing recording: %w", err)
			return
		}
	}
}

// A wavWriter writes a stereo file whose header is true every few seconds.
type wavWriter struct {
	w       io.WriteSeeker
	law     Codec
	head    int64 // bytes before the first sample
	data    int64 // bytes of samples
	patched int64 // of them, those the header knows
	b       []byte
}

func (f *wavWriter) sampleBytes() int64 {
	if f.law == PCMA {
		return 1
	}
	return 2
}

// begin writes the header of an empty file: format, what it is, data.
func (f *wavWriter) begin(at time.Time, note string) error {
	if f.law != 0 && f.law != PCMA {
		return fmt.Errorf("%s is not a law for recordings", f.law)
	}
	info := infoChunk("ISFT", "Warmline") + infoChunk("ICRD", at.UTC().Format("2006-01-02T15:04:05.000Z")) +
		infoChunk("ICMT", "left: customer; right: synthetic speech (AI-generated, AIGC)")
	if note != "" {
		info += infoChunk("ISBJ", note)
	}
	tag, size := uint16(1), uint32(f.sampleBytes())
	if f.law == PCMA {
		tag = 6
	}
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x12\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = binary.LittleEndian.AppendUint32(b, sampleRate*2*size)
	b = binary.LittleEndian.AppendUint16(b, uint16(2*size))
	b = binary.LittleEndian.AppendUint16(b, uint16(8*size))
	b = append(b, 0, 0) // no more format
	b = append(b, "LIST"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(4+len(info)))
	b = append(b, "INFO"+info+"data\x00\x00\x00\x00"...)
	f.head = int64(len(b))
	if _, err := f.w.Write(b); err != nil {
		return err
	}
	return f.patch()
}

// infoChunk is one text of a LIST INFO chunk, ended by zero and of even length.
func infoChunk(id, text string) string {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(text)+1))
	b = append(b, text...)
	return string(append(b, make([]byte, 2-len(text)%2)...))
}

// write adds pairs of samples.
func (f *wavWriter) write(pcm []int16) error {
	f.b = f.b[:0]
	if f.law == PCMA {
		f.b = append(f.b, make([]byte, len(pcm))...)
		EncodeALaw(f.b, pcm)
	} else {
		for _, v := range pcm {
			f.b = binary.LittleEndian.AppendUint16(f.b, uint16(v))
		}
	}
	if _, err := f.w.Write(f.b); err != nil {
		return err
	}
	f.data += int64(len(f.b))
	if f.data-f.patched >= int64(recordPatch/time.Second)*sampleRate*2*f.sampleBytes() {
		return f.patch()
	}
	return nil
}

// patch makes the sizes in the header true and comes back to the end.
func (f *wavWriter) patch() error {
	for _, size := range []struct{ at, value int64 }{{4, f.head - 8 + f.data}, {f.head - 4, f.data}} {
		if _, err := f.w.Seek(size.at, io.SeekStart); err != nil {
			return err
		}
		if _, err := f.w.Write(binary.LittleEndian.AppendUint32(nil, uint32(size.value))); err != nil {
			return err
		}
	}
	f.patched = f.data
	_, err := f.w.Seek(0, io.SeekEnd)
	return err
}

func (f *wavWriter) end() error {
	if err := f.patch(); err != nil {
		return fmt.Errorf("ending recording: %w", err)
	}
	return nil
}
