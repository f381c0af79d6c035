package media

import "time"

// A Clip is a piece of audio ready to be sent: encoded once, in both laws, cut
// into whole 20 ms frames. It never changes, so any number of legs share it.
type Clip struct {
	aLaw, uLaw []byte // same length, a multiple of frameSamples
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

// Frames is the clip's length in frames of 20 ms.
func (c *Clip) Frames() int { return len(c.aLaw) / frameSamples }

// Duration is the clip's length in time.
func (c *Clip) Duration() time.Duration {
	return time.Duration(c.Frames()) * 20 * time.Millisecond
}

func (c *Clip) bytes(codec Codec) []byte {
	if codec == PCMU {
		return c.uLaw
	}
	return c.aLaw
}
