//go:build !linux

package media

var threadSleeper = goSleeper
