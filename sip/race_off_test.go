//go:build !race

package sip_test

// raced says that the race detector slows this process down tenfold.
const raced = false
