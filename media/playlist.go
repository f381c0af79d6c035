package media

import "sync/atomic"

// A playlist is one Play. Its state settles who tells that it is over when it
// is replaced: the shard if it has taken it, otherwise whoever replaced it.
type playlist struct {
	id    uint64
	clips []*Clip
	total int // bytes, which are samples
	state atomic.Uint32
}

const (
	listWaiting uint32 = iota
	listTaken          // by the shard
	listDropped        // replaced before the shard saw it
)

func newPlaylist(id uint64, clips []*Clip) *playlist {
	p := &playlist{id: id}
	for _, c := range clips {
		if c != nil {
			p.clips = append(p.clips, c)
			p.total += len(c.aLaw)
		}
	}
	return p
}

// prepare encodes all clips for a codec.
func (p *playlist) prepare(codec Codec) {
	if p != nil {
		for _, c := range p.clips {
			c.prepare(codec)
		}
	}
}

// drop tells whether the caller now owns the end of a list nobody has taken.
func (p *playlist) drop() bool {
	return p != nil && p.state.CompareAndSwap(listWaiting, listDropped)
}

func (p *playlist) played(sent int) Event {
	return Event{Kind: EventPlayed, ID: p.id, Frames: sent / frameSamples, Total: p.total / frameSamples}
}

// A player is the shard's place in a playlist.
type player struct {
	list *playlist // nil when nothing plays
	clip int
	at   int // bytes into the clip
	sent int // bytes of the list sent
}

// fill writes the next bytes of the list to b, silence after its end, and tells
// whether the list is over with them.
func (p *player) fill(b []byte, codec Codec) (over bool) {
	n := 0
	for n < len(b) && p.clip < len(p.list.clips) {
		clip := p.list.clips[p.clip]
		c := min(len(b)-n, len(clip.aLaw)-p.at)
		if form := clip.bytes(codec); form != nil {
			copy(b[n:n+c], form[p.at:])
		} else {
			hush(b[n:n+c], codec)
		}
		n, p.at = n+c, p.at+c
		if p.at == len(clip.aLaw) {
			p.clip, p.at = p.clip+1, 0
		}
	}
	p.sent += n
	hush(b[n:], codec)
	return p.sent >= p.list.total
}

// hush fills b with silence.
func hush(b []byte, codec Codec) {
	silence := codec.silence()
	for i := range b {
		b[i] = silence
	}
}
