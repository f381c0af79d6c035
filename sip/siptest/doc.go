// Package siptest is the other end of the line: a SIP and RTP witness that
// shares no code with what it watches.
//
// It holds two things. [Peer] is a scripted endpoint by UDP, TCP or TLS: a test reads
// every message in order and answers exactly what it likes, twelve provisionals, a
// late 200, two forked 200s, nothing at all. [Gateway] is a carrier trunk with
// people behind it: they ring, refuse, listen until the caller has finished a
// sentence, answer in words or keys, and hang up. Which person answers is
// decided by the last three digits of the number ([Cases]), or by the whole
// number for those a call is handed over to ([Staff]). People also call back
// ([Gateway.Call]).
//
// The package parses its own SIP and frames its own RTP with the standard
// library only. It therefore cannot repeat a mistake of the signalling or media
// rooms, and what [Gateway.Truth] counted is evidence: invitations, answers,
// packets, and every call that reached a person after they had said "stop".
//
// It leaves to others: what a word sounds like ([Options].Voice is injected)
// and any opinion on how a conversation should go.
package siptest
