//go:build linux && (amd64 || arm64)

package media

import "unsafe"

// A visit takes five microseconds and the next leg's memory has been in nobody's
// cache for a packet time: asked for a visit ahead, it is here in time. Go has no
// word for that.

// prefetch asks for lines of memory without waiting for them; any address will do.
//
//go:noescape
func prefetch(at unsafe.Pointer, lines int)

// The lines that a visit touches, of 64 bytes each.
const (
	socketLines = int(unsafe.Offsetof(rawUDP{}.stamp)+cacheLine-1) / cacheLine
	legLines    = int(unsafe.Offsetof(Leg{}.flow)+unsafe.Offsetof(flow{}.latch)+cacheLine-1) / cacheLine
	termsLines  = 2 // with the end of the latch before them
	cacheLine   = 64
)

// prefetch asks for what the next visit reads of a leg.
func (l *Leg) prefetch() {
	prefetch(unsafe.Pointer(l), legLines)
	prefetch(unsafe.Pointer(&l.flow.latch.source), termsLines)
}
