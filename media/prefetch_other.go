//go:build !linux || (!amd64 && !arm64)

package media

import "unsafe"

const socketLines = 0

func prefetch(unsafe.Pointer, int) {}

func (l *Leg) prefetch() {}
