// Package wecomtest is a small WeCom with people behind it: a real HTTP server
// that speaks the server API, pushes encrypted and signed callbacks, and knows
// who became whose friend.
//
// It keeps WeCom's rules: tokens that expire, quotas, page sizes, names that are
// too long, welcome codes that live 20 s and work once, messages that vanish
// when a member gets more than 30 a minute. API-made changes call nobody back.
// [Server.Inject] adds what goes wrong on bad days.
//
// People behave by rule ([Options.People], [Habit] when unset): they are told
// that a link reached them by [Server.OfferSeen], open it after a while, become
// friends, and some delete the friend again. Everything a method can do, POST
// requests below /control/ can do too, so the server can be its own process:
//
//	POST /control/open      {"url","phone"}            a link reached a person
//	POST /control/task      {"member","phone","remark"} a member got a number to add
//	POST /control/add       {"member","phone","remark"} the member adds, the person accepts
//	POST /control/delete    {"phone"}                  the person deletes the member
//	POST /control/press     {"member","task","key"}    a member presses a card's button
//	POST /control/callback  {"url"}                    where callbacks go
//	POST /control/fault     {"api","kind","code","times"}
//	POST /control/revoke                               all tokens end now
//	GET  /control/truth
//
// The control API asks for no password: keep the server on loopback. Nothing
// here is shared with the room it imitates, so it is an independent witness; the
// people are invented, which is why its log may name their numbers.
package wecomtest
