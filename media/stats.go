package media

import "time"

// Stats is what a leg was, for the call's record.
type Stats struct {
	Codec     Codec
	Security  string // the suite of SRTP; empty in the clear
	LocalPort int
	SSRC      uint32 // theirs
	OwnSSRC   uint32

	Sent       uint64 // packets
	Skipped    uint64 // frames not sent because the visit came too late
	SendErrors uint64

	Received  uint64        // packets of the call, without copies
	Lost      uint64        // by sequence number
	Late      uint64        // came behind a younger one
	Jitter    time.Duration // RFC 3550 A.8
	FirstRTP  time.Time     // zero: nothing ever came
	LastRTP   time.Time
	Digits    int
	Dropped   uint64 // the sum of Drops
	Drops     Drops
	TapMissed uint64 // samples a tap's reader was too slow for

	RTCPSent, RTCPReceived uint64
	RemoteLost             uint32        // packets of ours they missed, by their last report
	RemoteFraction         float64       // the same between their last two reports
	RemoteJitter           time.Duration // of ours, as they see it
	RoundTrip              time.Duration // zero: not measured
	RemoteBye              bool          // they sent RTCP BYE; that alone is no hang-up

	R, MOS float64 // of the worse direction, by the E-model (ITU-T G.107); zero: nothing came

	EventsLost uint64
}

// Drops counts packets not taken, by reason.
type Drops struct {
	Early     uint64 // before a description was accepted, or while held
	Malformed uint64 // no RTP version 2, cut short, empty
	Type      uint64 // payload type not agreed
	Foreign   uint64 // from another source
	Auth      uint64 // not encrypted with the agreed key, or sent again
	SSRC      uint64 // right source, strange SSRC
	Repeated  uint64 // a copy, or too old to tell
	RTCP      uint64 // RTCP that cannot be read or is foreign
}

func (d Drops) total() uint64 {
	return d.Early + d.Malformed + d.Type + d.Foreign + d.Auth + d.SSRC + d.Repeated + d.RTCP
}

// EngineStats is the state of an engine over all its legs, past and present.
type EngineStats struct {
	Legs     int
	Sent     uint64 // RTP packets
	Received uint64 // RTP packets taken
	Dropped  uint64 // RTP packets not taken
	Skipped  uint64 // frames not sent because a shard was too late

	// How late frames left in the last ten seconds, and at worst since the start.
	LateP50, LateP99, LateMax time.Duration

	// Busy is the share of the last two seconds that the busiest shard spent on
	// its legs. A dialer takes no new call while the engine is Strained: frames
	// leave more than 10 ms late or a shard has no time left, and it has not been
	// calm since.
	Busy     float64
	Strained bool
}
