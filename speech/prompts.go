package speech

import (
	"container/list"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"warmline/media"
)

// revision is part of every key: raise it when the same samples would be
// treated differently on their way to a clip.
const revision = 1

// defaultLimit is the memory clips may take: about 70 minutes of speech.
const defaultLimit = 64 << 20

// key names a clip by everything that decides how it sounds.
type key [sha256.Size]byte

// Prompts makes clips and keeps them. The same utterance is synthesised once
// however many calls ask at the same time; the newest used stay in memory within
// Limit, and all of them on disk when there is a folder. A file that is not
// exactly what was written is refused and made again. It is safe for any number
// of goroutines.
type Prompts struct {
	// Limit is how many bytes of clips stay in memory; 0 means 64 MiB.
	Limit int64
	// Recordings holds the WAV files that lines name with audio:; nil has none.
	Recordings fs.FS
	// Log is told about files that could not be kept; nil is silent.
	Log *slog.Logger

	voice Synthesizer
	disk  folder

	mu     sync.Mutex
	clips  map[key]*list.Element // of kept
	recent *list.List            // front is the newest used
	size   int64
	making map[key]chan struct{} // closed when the maker is done
}

type kept struct {
	key  key
	clip *media.Clip
	size int64
}

// NewPrompts returns the prompts spoken by s, kept in dir; with dir "" in memory
// only. The folder is made when the first clip is kept.
func NewPrompts(s Synthesizer, dir string) *Prompts {
	return &Prompts{
		voice: s, disk: folder(dir),
		clips: map[key]*list.Element{}, recent: list.New(), making: map[key]chan struct{}{},
	}
}

// Clip returns the utterance as a clip, from memory, from disk or newly spoken.
// ctx limits this caller's wait only: when another caller is already making the
// same clip and gives up, this one makes it.
func (p *Prompts) Clip(ctx context.Context, u Utterance) (*media.Clip, error) {
	if u.Rate == 0 {
		u.Rate = 1
	}
	id := fmt.Sprintf("%d\x00%s\x00%s\x00%s\x00%g\x00%s", revision, p.voice.ID(), u.Voice, u.Lang, u.Rate, u.Text)
	return p.once(ctx, sha256.Sum256([]byte(id)), func(k key) ([]int16, error) { return p.speak(ctx, k, u) })
}

// Recording returns a WAV file of Recordings as a clip.
func (p *Prompts) Recording(ctx context.Context, name string) (*media.Clip, error) {
	if p.Recordings == nil {
		return nil, fmt.Errorf("recording %s: there is no folder of recordings", name)
	}
	return p.once(ctx, sha256.Sum256([]byte("recording\x00"+name)), func(key) ([]int16, error) {
		f, err := p.Recordings.Open(name)
		if err != nil {
			return nil, fmt.Errorf("recording: %w", err)
		}
		defer f.Close()
		pcm, rate, err := media.ReadWAV(f)
		if err != nil {
			return nil, fmt.Errorf("recording %s: %w", name, err)
		}
		return atLineRate(pcm, rate), nil
	})
}

// once returns the clip of k, making it at most once at a time.
func (p *Prompts) once(ctx context.Context, k key, made func(key) ([]int16, error)) (*media.Clip, error) {
	for {
		p.mu.Lock()
		if e, ok := p.clips[k]; ok {
			p.recent.MoveToFront(e)
			p.mu.Unlock()
			return e.Value.(*kept).clip, nil
		}
		busy, ok := p.making[k]
		if !ok {
			done := make(chan struct{})
			p.making[k] = done
			p.mu.Unlock()
			return p.makeClip(k, done, made)
		}
		p.mu.Unlock()
		select {
		case <-busy: // made, or its maker failed: look again
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a prompt: %w", ctx.Err())
		}
	}
}

// makeClip makes the clip of k as its only maker and lets the others know.
func (p *Prompts) makeClip(k key, done chan struct{}, made func(key) ([]int16, error)) (*media.Clip, error) {
	defer func() {
		p.mu.Lock()
		delete(p.making, k)
		p.mu.Unlock()
		close(done)
	}()
	pcm, err := made(k)
	if err != nil {
		return nil, err
	}
	clip := media.NewClip(pcm)
	p.keep(k, clip, int64(2*len(pcm))) // A-law and µ-law, a byte a sample each
	return clip, nil
}

// keep puts a clip into memory and forgets the longest unused beyond the limit.
// A clip that is longer than the whole limit is not kept.
func (p *Prompts) keep(k key, clip *media.Clip, size int64) {
	limit := p.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if size > limit {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clips[k] = p.recent.PushFront(&kept{key: k, clip: clip, size: size})
	p.size += size
	for p.size > limit {
		oldest := p.recent.Remove(p.recent.Back()).(*kept)
		delete(p.clips, oldest.key)
		p.size -= oldest.size
	}
}

// speak returns the samples of u from disk, or has them spoken and puts them
// there. A disk that fails costs the next run a synthesis, not this call.
func (p *Prompts) speak(ctx context.Context, k key, u Utterance) ([]int16, error) {
	pcm, err := p.disk.load(k)
	if err == nil {
		return pcm, nil
	}
	p.complain("reading a kept prompt", err)
	pcm, rate, err := p.voice.Synthesize(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("speaking %d bytes: %w", len(u.Text), err) // the words may name a person
	}
	if rate <= 0 {
		return nil, fmt.Errorf("speaking %d bytes: %s gave a sampling rate of %d Hz", len(u.Text), p.voice.ID(), rate)
	}
	pcm = atLineRate(pcm, rate)
	p.complain("keeping a prompt", p.disk.store(k, pcm))
	return pcm, nil
}

func atLineRate(pcm []int16, rate int) []int16 {
	if rate == Rate {
		return pcm
	}
	return media.Resample(pcm, rate, Rate)
}
