// Package media is the audio of one call: what is agreed (SDP), what is sent
// and heard (RTP and SRTP; G.711, G.722), what is pressed (RFC 4733, or tones where
// that was not agreed), and how well it went (RTCP, and an opinion score by the
// E-model).
//
// An [Engine] owns a range of UDP ports and a few shard goroutines. A [Leg] is
// one call's audio: it makes the SDP offer, judges the answer, then sends one
// frame every packet time and takes in what has come. Nobody listens to a leg in
// real time except a recogniser, so there is no play-out buffer: a small reorder
// ring feeds whoever hears the leg, and it is not there while nobody does. That may
// be a [Tap] (the callee, for a recogniser), a [Listener] (both sides, for a person
// who listens in), a [Recording] (both, in a file) or a [Bridge] to another leg.
//
//	engine, err := media.NewEngine(media.Config{IP: "127.0.0.1"})
//	leg, err := engine.Open(media.LegConfig{})
//	offer := leg.Offer()         // goes out in the INVITE
//	err = leg.Accept(answer)     // from 183 or 200; silence flows from here on
//	id := leg.Play(hello, order) // replaces whatever was playing
//	for e := range leg.Events()  // "first", "digit", "played", "timeout"
//	stats := leg.Close()
//
// # How time is kept
//
// Each shard walks a wheel of 2 ms slots by an absolute schedule. A leg stands in
// one slot and is visited once per packet time: the socket is drained, one frame
// is sent, the leg moves on. Sockets are raw and non-blocking, outside Go's
// poller, so a call costs two system calls per 20 ms and no goroutine, ticker,
// lock or allocation. A visit more than two periods late skips the missed frames,
// moves the RTP timestamp on and marks the next packet; it never sends a burst.
// How late visits are is kept in a histogram over the last ten seconds; when
// frames leave late or a shard has no time left, [EngineStats].Strained tells the
// dialer to take no new call before audio breaks.
//
// # Whom it believes
//
// A packet counts only with RTP version 2, an agreed payload type, the agreed
// source and the known SSRC; everything else is dropped and counted by reason.
// The source is the address of the SDP. On a loopback leg nothing else is ever
// accepted; otherwise another port of that address, the signalling's address or a
// configured prefix may win with four consecutive packets before the first good
// one, and another port of the same address after a second of silence. Where the
// SDP names an address behind the trunk's NAT, nothing is sent before that. On an
// encrypted leg only what was authenticated counts. RTCP never moves RTP.
//
// # Codecs
//
// G.711 in both laws and G.722. Opus is not offered: the pure-Go library there is
// (pion/opus v0.1.0) decodes and cannot encode, and half a codec carries no call.
//
// # What it leaves to others
//
// SIP carries the SDP bytes ([warmline/sip]); the dialer joins the two. Words,
// voices and barge-in are judged above, in speech and dialogs.
package media
