package media

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Clip is a piece of audio ready to be sent: encoded once for each codec it is
// played in, cut into whole 20 ms frames. It never changes, so any number of legs
// share it.
type Clip struct {
	aLaw, uLaw []byte                 // same length, a multiple of frameSamples
	wide       []int16                // 16 kHz samples, if it was made of such
	making     sync.Mutex             // of g722
	g722       atomic.Pointer[[]byte] // same length; made when first played in it
}

// NewClip encodes 8 kHz samples; the last frame is filled up with silence.
func NewClip(pcm8k []int16) *Clip {
	n := (len(pcm8k) + frameSamples - 1) / frameSamples * frameSamples
	c := &Clip{aLaw: make([]byte, n), uLaw: make([]byte, n)}
	EncodeALaw(c.aLaw, pcm8k)
	EncodeULaw(c.uLaw, pcm8k)
	for i := len(pcm8k); i < n; i++ {
		c.aLaw[i], c.uLaw[i] = silenceALaw, silenceULaw
	}
	return c
}

// NewWideClip encodes 16 kHz samples. On a G.722 leg all of it is heard, on others
// what a telephone carries.
func NewWideClip(pcm16k []int16) *Clip {
	c := NewClip(Resample(pcm16k, 2*sampleRate, sampleRate))
	c.wide = append([]int16(nil), pcm16k...)
	return c
}

// Frames is the clip's length in frames of 20 ms.
func (c *Clip) Frames() int { return len(c.aLaw) / frameSamples }

// Duration is the clip's length in time.
func (c *Clip) Duration() time.Duration {
	return time.Duration(c.Frames()) * 20 * time.Millisecond
}

// bytes is the clip in a codec it has been prepared for, nil otherwise.
func (c *Clip) bytes(codec Codec) []byte {
	switch codec {
	case PCMU:
		return c.uLaw
	case PCMA:
		return c.aLaw
	}
	if b := c.g722.Load(); b != nil {
		return *b
	}
	return nil
}

// prepare encodes what is lacking for a codec; never on the frame path.
func (c *Clip) prepare(codec Codec) {
	if codec != G722 || c.g722.Load() != nil {
		return
	}
	c.making.Lock()
	defer c.making.Unlock()
	if c.g722.Load() != nil {
		return
	}
	b := make([]byte, len(c.aLaw))
	e := g722AtRest()
	n := 0
	if c.wide != nil {
		n = e.wide(b, c.wide)
	} else {
		pcm := make([]int16, len(c.uLaw))
		DecodeULaw(pcm, c.uLaw)
		n = e.narrow(b, pcm)
	}
	e.narrow(b[n:], make([]int16, len(b)-n))
	c.g722.Store(&b)
}
