package speech

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// folder keeps samples in files: "WLP1", the SHA-256 of the rest, and the rest,
// 16-bit little-endian samples at 8 kHz. The empty folder keeps nothing.
type folder string

const fileMark = "WLP1"

// path spreads files over 256 folders, as 100,000 names in one are slow to list.
func (f folder) path(k key) string {
	name := hex.EncodeToString(k[:])
	return filepath.Join(string(f), name[:2], name[2:]+".pcm")
}

// load returns the samples of k; fs.ErrNotExist when there are none, and
// another error when the file is not what store wrote.
func (f folder) load(k key) ([]int16, error) {
	if f == "" {
		return nil, fs.ErrNotExist
	}
	b, err := os.ReadFile(f.path(k))
	if err != nil {
		return nil, err
	}
	const head = len(fileMark) + sha256.Size
	if len(b) < head || string(b[:len(fileMark)]) != fileMark {
		return nil, fmt.Errorf("%s: not a prompt file", f.path(k))
	}
	body := b[head:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], b[len(fileMark):head]) || len(body)%2 != 0 {
		return nil, fmt.Errorf("%s: damaged, its checksum differs", f.path(k))
	}
	pcm := make([]int16, len(body)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
	}
	return pcm, nil
}

// store writes the samples of k so that a reader sees all of them or none, also
// after a power cut.
func (f folder) store(k key, pcm []int16) (err error) {
	if f == "" {
		return nil
	}
	body := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		body = binary.LittleEndian.AppendUint16(body, uint16(s))
	}
	sum := sha256.Sum256(body)
	path := f.path(k)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(append(append([]byte(fileMark), sum[:]...), body...))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// complain logs what went wrong with the folder, if anything did.
func (p *Prompts) complain(doing string, err error) {
	if err != nil && p.Log != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Log.Warn(doing, "err", err)
	}
}
