package dialer

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"warmline/media"
)

// tape is the recording of a live call.
type tape struct {
	dir  string
	name string // below dir
	file *os.File
	rec  *media.Recording
}

// record starts the recording at the answer, when the house wants one and the
// first words of the tree say so. A call that cannot be recorded goes on.
func (c *call) record() {
	if c.job.Record == "" || c.job.Tree == nil || !c.job.Tree.AnnouncesRecording() {
		return
	}
	t, err := newTape(c.job.Record, c.dialer.now())
	if err == nil {
		t.rec, err = c.leg.Record(t.file, media.RecordConfig{Law: media.PCMA, Note: c.job.Attempt})
		if err != nil {
			err = errors.Join(err, t.drop())
		}
	}
	if err != nil {
		c.log.Error("the call is not recorded", "attempt", c.job.Attempt, "err", err)
		return
	}
	c.tape = t
}

// newTape makes a file with a name that says nothing, in a folder of the day.
// Only this user may read it.
func newTape(dir string, now time.Time) (*tape, error) {
	name := filepath.Join(now.UTC().Format(time.DateOnly), strings.ToLower(rand.Text())+".wav")
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the recordings' folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a recording: %w", err)
	}
	return &tape{dir: dir, name: name, file: f}, nil
}

func (t *tape) drop() error {
	return errors.Join(t.file.Close(), os.Remove(filepath.Join(t.dir, t.name)))
}

// keepRecording ends the recording and notes where it is. One that broke is kept
// as far as it goes, and said to be broken.
func (c *call) keepRecording() {
	t := c.tape
	if t == nil {
		return
	}
	err := t.rec.Close()
	sum, length, serr := t.sum()
	if err = errors.Join(err, serr, t.file.Sync(), t.file.Close()); err != nil {
		c.log.Error("a recording broke", "attempt", c.job.Attempt, "err", err)
	}
	if serr != nil {
		return
	}
	if n := t.rec.Dropped(); n > 0 {
		c.log.Warn("a recording has gaps", "attempt", c.job.Attempt, "samples", n)
	}
	c.res.Recording = &Recording{File: filepath.ToSlash(t.name), SHA256: sum, Duration: length, Begins: t.rec.Started().Sub(c.started)}
}

// sum reads the file once for its SHA-256 and the length of its sound.
func (t *tape) sum() (sum string, length time.Duration, err error) {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, t.file)
	if err != nil {
		return "", 0, fmt.Errorf("reading a recording: %w", err)
	}
	head := make([]byte, min(n, 1024))
	if _, err := t.file.ReadAt(head, 0); err != nil {
		return "", 0, fmt.Errorf("reading a recording: %w", err)
	}
	if i := bytes.Index(head, []byte("data")); i >= 0 {
		n -= int64(i + 8) // the header
	}
	return hex.EncodeToString(h.Sum(nil)), time.Duration(n) * time.Second / (2 * 8000), nil // one byte a sample and side
}
