// Package smstest is a small text-message provider with people behind it: a real
// HTTP server shaped like Tencent Cloud SMS.
//
// It verifies the TC3 signature of every request with its own code, keeps the
// provider's limits (one equal text per number in 30 seconds, so many a day, no
// web address in a variable), pushes delivery reports and replies, and counts
// what should never happen: a text to somebody who had said stop.
//
// People read what they get. A text with a link is told to [Options.OnLink] or
// posted to [Options.OnLinkURL], so that the person can open it; some reply R.
// Everything works by POST below /control/ too, so the server can be its own
// process:
//
//	POST /control/template  {"id","text"}           an approved text, {1} {2} are variables
//	POST /control/reply     {"phone","text"}        a person writes back
//	POST /control/stop      {"phone"}               a person said stop elsewhere, on a call
//	POST /control/push      {"receipts","replies"}  where pushes go
//	POST /control/fault     {"kind","code","times"}
//	GET  /control/truth
//
// The control API asks for no password: keep the server on loopback. The people
// are invented, which is why its log may name their numbers.
package smstest
