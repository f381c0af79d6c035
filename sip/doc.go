// Package sip speaks to carrier trunks: it dials, hears ringing and early
// media, takes the answer, cancels, hangs up, and says why a call ended.
//
// A trunk is a gateway of a carrier. Dial sends one INVITE through it and gives
// back a Call; from then on everything that happens to the call arrives on
// Call.Events, in this order:
//
//	trying     100, 181–183 without sound: the carrier is working on it
//	ringing    180: a phone rings
//	early      any 18x with SDP: sound before the answer; never an answer
//	answered   2xx: a person (or machine) took the call; SDP is theirs
//	info       a key pressed, carried by SIP INFO
//	referred   how the call a transfer asked for is going
//	ended      once, last; the channel closes behind it
//
// SDP passes through as bytes; this package never reads it.
//
// A trunk given to Agent.Serve may also call in: Config.OnCall gets an Incoming,
// which is answered or rejected, and an answered one is a Call like any other.
// During a call Reinvite offers a changed session and Refer hands the other side
// to somebody else.
//
// # One owner
//
// One goroutine owns a call from INVITE to the last retransmission. Everyone
// else — the reader of the socket, in-dialog requests, Hangup — sends it messages. Ended is
// delivered the moment the call is over for people, while the goroutine lingers
// for 64·T1 to acknowledge late answers, so a caller never waits for a carrier:
//
//	calling ──1xx──▶ proceeding ──2xx──▶ answered ──BYE either way──▶ lingering
//	   │                 │ hang up, ring timeout: CANCEL                  ▲
//	   └─ hang up: CANCEL waits for the first 1xx (RFC 3261 9.1) ─────────┤
//	   └─ 3xx–6xx, no reply at all ───────────────────────────────────────┘
//
// # No ghost calls
//
// An answer nobody waits for is still a phone in somebody's hand and a bill.
// Every 2xx is acknowledged: a 2xx that crosses our CANCEL, a 2xx of another
// fork, and a 2xx that comes when its call is forgotten (even by a process that
// has died since) get ACK and BYE; a repeated 2xx of a live call gets its own
// ACK again. The From tag carries a keyed MAC, so a stranger cannot make us
// send requests by inventing answers.
//
// # Who may speak to us
//
// Packets from addresses that belong to no trunk in use are dropped before they
// are parsed, and so is what a trunk's address sends outside calls beyond 200
// packets a second. In-dialog requests must come from the call's own trunk with both
// tags. An INVITE outside any call is refused unless its trunk may call in. A
// REFER of theirs is never followed. Credentials are given only to the trunk they
// belong to, for its realm. We send only to the trunk's own addresses: a Contact or Record-Route naming
// another address keeps its place in the request, but the packet goes to where
// the answer came from.
//
// # Datagrams and streams
//
// A trunk is reached by UDP, TCP or TLS. All datagrams go through one socket, the
// one we listen on, because carriers know us by it. For each target by TCP or TLS
// there is one connection of our making, with the trunk's own certificates, kept
// alive and made again when it breaks; see flow.
//
// # Routes
//
// A trunk has one or more targets, a Route one or more trunks. Serve keeps trunks:
// registered, asked for their health, let in. Dial takes the best target (health,
// priority, load; breakers and Retry-After close one for a while) and the call
// moves to the next when a target fails for its own sake before anybody's phone
// may ring. All that happens inside one Call: its hops are further INVITE
// transactions with the same Call-ID, From tag and X-Attempt and the next CSeq
// (RFC 3263 4.3), so whoever holds the Call need not know, and an answer that
// comes late from a target left behind is still the call's to hang up.
//
// Parsing, streams and the transactions of requests that come to us are sipgo's.
// The transactions of our own requests are ours, kept by the owner of the call:
// a cancelled, forked or repeated answer must not be lost, and a goroutine and
// three timers for each request were most of what a call cost.
package sip
