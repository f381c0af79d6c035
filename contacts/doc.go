// Package contacts turns a shop's order rows into people.
//
// An order export is dirty: one person bought six times under two spellings, a
// spreadsheet wrote 1.38E+10 where a number was, the platform hid the number
// behind an extension, the parcel went to a grandmother. This room reads such a
// file row by row, says of every refused row which cell was wrong and why, and
// folds what is left into one [Contact] per telephone number.
//
//	orders := contacts.ReadOrders(file, contacts.Mapping{})
//	for order, err := range orders { … }         // a *RowError refuses one row; go on
//	people := contacts.Fold(kept)                // one per number, sorted by number
//	segment, err := contacts.ParseSegment(`frequency >= 2 && city in ["哈尔滨", "北京"]`)
//
// What it promises:
//
//   - A telephone number masks itself. [Phone] prints and logs as 138****8000;
//     only E164 and National give the digits, so a leak has to be written on purpose.
//   - An order is not a permission. Nothing here creates a [Consent]; consents are
//     read from their own file with [ReadConsents] and judged in compliance.
//   - A number has a [Role]. Whoever only received somebody else's gift is a
//     consignee, and stays one until an order of their own turns up.
//   - Refunded orders are kept and marked, so that nobody is asked how they like
//     what they sent back.
//   - Reading streams: memory does not grow with the file.
//
// The package is pure: no network, no database, no clock of its own. It leaves to
// others who may be called (compliance), why today (occasions) and keeping (postgres).
package contacts
