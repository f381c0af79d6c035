// Package reports says what a campaign came to, from the imported row to the
// friend who is still one, with honest denominators.
//
// A [Funnel] counts each step twice: people, each once however often they were
// called, and attempts. [Funnel.Rates] are fractions that carry both numbers and
// print both; where there is nothing to divide by they say so instead of 0 %.
//
//	step         what it takes
//	imported     the person is in the campaign (of all campaigns: is known at all)
//	eligible     the door has looked and has not closed for good
//	admitted     an attempt was planned
//	dialed       an INVITE was committed to and not given up before it was sent
//	answered     somebody or something picked up
//	human        … and it was a person
//	disclosed    … who heard who calls, and that it is a machine
//	right_party  … who spoke, and did not say that the number is somebody else's
//	pitched      … who heard a reason to call or answered the question
//	agreed       … who said yes to a friend or to a text
//	link_sent    an invitation or a text has gone out
//	added        the person is a friend, laid to this campaign by evidence
//	retained_7d  … and still was one seven days later
//
// The steps of a call are judged attempt by attempt, what comes after it person
// by person. Who was added less than seven days ago is not in retained_7d and
// not in its denominator (matured).
//
// The package is pure. The store rolls the same counts up in SQL; [Fold] makes
// them of single events, and a test of the store compares the two.
package reports
