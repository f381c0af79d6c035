// Package dialer places one call and holds its conversation. It is the only
// owner of a live call: it joins the signalling of package sip, the sound of
// package media, the ears and voice of package speech and the decisions of
// package dialogs, and gives back one [Result].
//
//	             ┌ sip.Call   ringing, early, answered, info, ended ┐
//	one select  ◀┼ media.Leg  digit, played, timeout                ├ nobody else
//	one goroutine│ speech     speech, quiet, final                  │ touches the call
//	             └ workers    clips ready, opt-out kept, invited    ┘
//	      │ dialogs.Step(event) → actions
//	      ▼
//	  play, listen, ask the house, hang up
//
// # A call's life
//
// [Dialer.Place] prepares the first words before it dials, because a person who
// picks up must hear a voice at once, and prepares the rest while the phone
// rings; nothing is synthesised on the way of the sound. [Door.Dial] is the last
// look at everything that forbids the call, committed directly before the INVITE:
// when more than two seconds pass in between the call is not made. A call that
// failing trunks move on asks [Door.Again] before each further INVITE.
//
// Sound before the answer is listened to for the network's announcements; a
// person's answer is only a 2xx. Then the tree speaks and listens by turns. Speech
// of a quarter second stops an unprotected line where it is; a protected line
// goes on, but what was said over it still reaches the tree, which decides. How
// much of each line was played is measured in frames that left.
//
// # What it owes the called person
//
// A refusal is kept before it is confirmed: [Door.OptOut] has 800 ms, and the
// tree is told whether it was committed. It is heard also over a closing line,
// after the tree has ended. A machine is recognised by its own words only; who
// says nothing clear is treated as a person. A voice or ears that break end in a
// call by keys or a hang-up, never in a guessed consent.
//
// What the rules leave open an [Dialer.Understander] is asked by a worker, for as long
// as a pause is natural, [Dialer.Patience]. The tree is told the sentence once, with
// the answer if there was one; meanwhile everything else goes on, what is said next
// joins it, and a late answer is dropped. The answer is the name of an intent: what is
// spoken are lines of the tree and nothing else.
//
// # Handing over to a person
//
// A tree's transfer asks the agents of a [Queue] in turn. Attended, a second leg
// rings, the agent hears who it is and why, and takes the call by a key or a word;
// until then the customer hears a hold and may still refuse or hang up, which ends
// the agent's call too. Then [media.Bridge] joins the two, the ears close, and the
// hang-up of either ends both. Blind, the carrier is asked to connect them (REFER).
// Nobody, a no and a timeout give the call back to the tree.
//
// # What an end means
//
// [Verdict] turns the cause of an end and the words heard before an answer into a
// disposition; it is pure and its table is its test.
package dialer
