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
	list  *playlist // nil when nothing plays
	ready []byte    // what is left of the clip, encoded, if that is known
	codec Codec     // of ready
	clip  int
	at    int // bytes into the clip
	sent  int // bytes of the list sent
}

// fill writes the next bytes of the list to b, silence after its end, and tells
// whether the list is over with them.
func (p *player) fill(b []byte, codec Codec) (over bool) {
	if len(p.ready) <= len(b) || p.codec != codec {
		return p.change(b, codec)
	}
	n := copy(b, p.ready)
	p.ready, p.at, p.sent = p.ready[n:], p.at+n, p.sent+n
	return false
}

// change is fill where a clip ends or begins, or is not encoded yet.
func (p *player) change(b []byte, codec Codec) (over bool) {
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
	p.ready, p.codec = nil, codec
	if p.clip < len(p.list.clips) {
		if form := p.list.clips[p.clip].bytes(codec); form != nil {
			p.ready = form[p.at:]
		}
	}
	return p.sent >= p.list.total
}

// hush fills b with silence.
func hush(b []byte, codec Codec) {
	if len(b) == 0 {
		return
	}
	b[0] = codec.silence()
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
