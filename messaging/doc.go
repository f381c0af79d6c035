// Package messaging sends text messages (SMS) and listens to what comes back.
//
// Three things can come back: the provider's verdict on the request ([Receipt]
// or [*Error]), the network's delivery report ([Delivery]), and a reply by the
// person ([Reply]), whose most important word is the one that says stop
// ([OptOutWord]).
//
// The room promises:
//
//   - No message is sent twice by guessing. Providers have no idempotency key, so
//     a request whose answer did not come is [ErrUnknown]: the delivery report,
//     which carries the message's own ID, tells later. Nothing here resends.
//   - [Rules.Check] refuses what the provider or the law would refuse, before it
//     costs money: promotion ends with 拒收请回复R, and no web address travels in
//     a template's variable.
//   - A reply counts as opt-out only when the whole message is the word. Nobody
//     is answered automatically.
//
// [Tencent] is the one provider here. Who may be texted, and when, is decided
// elsewhere; keeping an opt-out is the store's work.
package messaging
