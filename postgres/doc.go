// Package postgres keeps the truth: who the people are, what they allowed and
// refused, who was called when, with which result, and what has to happen next.
//
// The other rooms decide and this one remembers. Each function of [DB] is one
// step of a person's way and one transaction:
//
//	SaveContacts  orders become people; an import never lifts an opt-out
//	Enrol         a campaign's segment becomes tasks, one per person
//	Due           who is to be looked at now, with all that the door asks about
//	SavePlan      the decision, the attempt and its wake-up in the outbox
//	Relay         what a worker has to be told about
//	Claim         the right to prepare a call
//	Dial          the right to send the first INVITE byte
//	Finish        the result, what was heard, and what follows
//	OptOut        the end of all of it, from any channel, at any time
//
// # Two clocks
//
// Business time is the now argument: due moments, windows, every timestamp a
// person may ask about. It may be ahead of the wall (a demo adds a day), so SQL
// never asks the database for it. Leases, heartbeats and pace are wall time of
// the database, clock_timestamp(), the one clock all processes share.
//
// # Fencing
//
// A claim raises the attempt's epoch and takes a lease which the owner's
// [DB.Heartbeat] renews. [DB.Dial] commits only with that epoch, inside the lease
// and after the door has said yes again; whoever slept too long gets [ErrLost].
// [DB.Sweep] gives a dead owner's claimed attempts back to the queue and calls
// its dialed ones unknown: they count as contacts, are never dialed again by
// themselves, and may still be finished by an owner that comes back.
//
// One advisory lock per person orders dialing, messaging and opting out, so that
// a contact committed after an opt-out cannot exist.
//
// The schema under migrations refuses what must not happen: the moves of
// campaigns and attempts, two open attempts of one person, a deleted
// suppression. Numbers are suppressed by keyed hash; see compliance.HashPhone.
package postgres
