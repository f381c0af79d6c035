package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"warmline/media"
)

// clips are what test calls play, each file read and encoded once.
type clips map[string]*media.Clip

func (c clips) get(file string) (*media.Clip, error) {
	if clip, ok := c[file]; ok {
		return clip, nil
	}
	clip, err := readClip(file)
	if err != nil {
		return nil, err
	}
	c[file] = clip
	return clip, nil
}

// longestALaw bounds a raw file: ten minutes at 8 kHz.
const longestALaw = 10 * 60 * 8000

// readClip reads a WAV, or a raw 8 kHz A-law file that ends in .alaw.
func readClip(file string) (*media.Clip, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("the clip: %w", err)
	}
	defer f.Close()
	if strings.EqualFold(filepath.Ext(file), ".alaw") {
		b, err := io.ReadAll(io.LimitReader(f, longestALaw+1))
		switch {
		case err != nil:
			return nil, fmt.Errorf("the clip: %w", err)
		case len(b) == 0:
			return nil, fmt.Errorf("the clip %s is empty", file)
		case len(b) > longestALaw:
			return nil, fmt.Errorf("the clip %s is longer than ten minutes", file)
		}
		pcm := make([]int16, len(b))
		media.DecodeALaw(pcm, b)
		return media.NewClip(pcm), nil
	}
	pcm, rate, err := media.ReadWAV(f)
	if err != nil {
		return nil, fmt.Errorf("the clip %s: %w", file, err)
	}
	if len(pcm) == 0 {
		return nil, fmt.Errorf("the clip %s has no sound", file)
	}
	if rate != 8000 {
		pcm = media.Resample(pcm, rate, 8000)
	}
	return media.NewClip(pcm), nil
}
