package media

// reorderSlots is how far ahead of a missing packet audio is held.
const reorderSlots = 8

// Held audio goes on without the missing packet after three younger ones, or
// after three visits (60 ms) when no more come.
const (
	reorderHold   = 3
	reorderVisits = 3
)

// maxGap is the most silence written for what a timestamp says is missing.
const maxGap = 10 * frameSamples

// A reorder puts packets back in order for those who hear the leg and fills what
// is missing with silence. It exists only while somebody does.
type reorder struct {
	tap       *Tap        // a recogniser
	listeners []*Listener // people and recorders
	to        *pipe       // the leg bridged with, which takes packets as they are
	touch     *touch      // keys in the audio, where they come no other way

	slots   [reorderSlots]heldPacket
	held    int
	visits  int // since something was first held
	started bool
	next    uint16 // sequence number wanted
	ts      uint32 // timestamp the next sample has
	filled  int    // samples of silence written ahead of ts
	pcm     [maxPayload]int16
	in, out decoder
}

type heldPacket struct {
	used  bool
	seq   uint16
	ts    uint32
	codec Codec
	n     int
	b     [maxPayload]byte
}

// restart forgets the sequence, as for a new SSRC; what is held is played out.
func (r *reorder) restart() {
	for r.held > 0 {
		r.skip()
	}
	r.started = false
}

// packet takes one audio packet that is not a copy.
func (r *reorder) packet(h header, codec Codec, payload []byte) {
	if !r.started {
		r.started, r.next, r.ts, r.filled = true, h.seq, h.ts, 0
		for _, d := range r.listeners {
			d.catchUp(len(payload))
		}
	}
	ahead := h.seq - r.next
	if ahead >= 1<<15 {
		return // behind what has been played
	}
	for int(ahead) >= reorderSlots && r.held > 0 {
		r.skip()
		ahead = h.seq - r.next
	}
	if int(ahead) >= reorderSlots {
		r.next, ahead = h.seq, 0
	}
	if len(payload) > maxPayload {
		if ahead == 0 {
			r.long(h, codec, payload)
		}
		return
	}
	if ahead == 0 && r.held == 0 { // nothing to put in order
		r.gap(h.ts)
		r.play(codec, payload)
		r.visits, r.next, r.ts = 0, h.seq+1, h.ts+uint32(len(payload))
		return
	}
	slot := &r.slots[h.seq%reorderSlots]
	if slot.used {
		return
	}
	slot.used, slot.seq, slot.ts, slot.codec = true, h.seq, h.ts, codec
	slot.n = copy(slot.b[:], payload)
	r.held++
	r.flow()
	if r.held >= reorderHold {
		r.skip()
	}
}

// long plays a packet of more than 60 ms at once, in pieces; out of order it is lost.
func (r *reorder) long(h header, codec Codec, payload []byte) {
	r.gap(h.ts)
	for rest := payload; len(rest) > 0; {
		n := min(maxPayload, len(rest))
		r.play(codec, rest[:n])
		rest = rest[n:]
	}
	r.next, r.ts = h.seq+1, h.ts+uint32(len(payload))
	r.flow()
}

// other notes a packet that is no audio (a key press), so that its number is not waited for.
func (r *reorder) other(seq uint16) {
	if r.started && seq == r.next {
		r.next++
		r.flow()
	}
}

// visit is called once per packet time of so many samples; quiet says that nothing
// has come for long.
func (r *reorder) visit(quiet bool, samples int) {
	if r.held > 0 {
		if r.visits++; r.visits >= reorderVisits {
			r.skip()
		}
		return
	}
	r.visits = 0
	if quiet {
		clear(r.pcm[:samples])
		r.write(r.pcm[:samples])
		r.filled += samples
	}
}

// skip gives up the missing packet and goes on with the first one held.
func (r *reorder) skip() {
	for range reorderSlots {
		if r.slots[r.next%reorderSlots].used {
			break
		}
		r.next++
	}
	r.flow()
}

// flow plays what is next, as far as it goes.
func (r *reorder) flow() {
	for r.held > 0 {
		slot := &r.slots[r.next%reorderSlots]
		if !slot.used {
			return
		}
		r.gap(slot.ts)
		r.play(slot.codec, slot.b[:slot.n])
		slot.used = false
		r.held--
		r.visits = 0
		r.next, r.ts = slot.seq+1, slot.ts+uint32(slot.n)
	}
}

// play hands on one packet; it is decoded only if somebody wants samples.
func (r *reorder) play(codec Codec, payload []byte) {
	if r.to != nil {
		r.to.put(codec, payload)
	}
	if r.tap != nil || r.touch != nil || len(r.listeners) > 0 {
		r.write(r.pcm[:r.in.decode(r.pcm[:], payload, codec)])
	}
}

// write hands samples to all who want them.
func (r *reorder) write(pcm []int16) {
	if r.tap != nil {
		r.tap.write(pcm)
	}
	if r.touch != nil {
		r.touch.hear(pcm)
	}
	for _, d := range r.listeners {
		d.hear(pcm)
	}
}

// wanted drops those who have closed and tells whether anybody is left.
func (r *reorder) wanted() bool {
	if r.tap != nil && r.tap.shut.Load() {
		r.tap = nil
	}
	for i := len(r.listeners) - 1; i >= 0; i-- {
		if r.listeners[i].shut.Load() {
			r.listeners = append(r.listeners[:i], r.listeners[i+1:]...)
		}
	}
	return r.tap != nil || r.to != nil || r.touch != nil || len(r.listeners) > 0
}

// end tells all who hear that there is no more.
func (r *reorder) end() {
	if r.tap != nil {
		r.tap.end()
	}
	for _, d := range r.listeners {
		d.finish()
	}
}

// gap writes silence up to a timestamp, less what quiet visits have written.
func (r *reorder) gap(ts uint32) {
	missing := int(int32(ts-r.ts)) - r.filled
	r.filled = 0
	for missing = min(missing, maxGap); missing > 0; missing -= frameSamples {
		n := min(missing, frameSamples)
		if r.to != nil {
			r.to.lack(n)
		}
		r.write(quietFrame[:n])
	}
}

// pass tells listeners what was sent in a packet time of so many samples; payload
// is nil when nothing was.
func (r *reorder) pass(codec Codec, payload []byte, samples int) {
	if len(payload) > 0 {
		r.out.decode(r.pcm[:], payload, codec)
		for _, d := range r.listeners {
			d.pass(r.pcm[:samples])
		}
		return
	}
	for ; samples > 0; samples -= frameSamples {
		for _, d := range r.listeners {
			d.pass(quietFrame[:min(samples, frameSamples)])
		}
	}
}
