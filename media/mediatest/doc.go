// Package mediatest plays the other side of a call's audio, as an independent
// witness: it frames its own RTP, computes its own G.711 from the definition, and
// imports neither media nor pion.
//
// A [Peer] is a far end on UDP: it answers an offer, sends what a [Source] builds
// and keeps what it hears. A [Network] is the same in memory, with faults, for
// tests in virtual time (testing/synctest). Tones and their measure are in Tone
// and Power.
package mediatest
