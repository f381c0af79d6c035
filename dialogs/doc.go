// Package dialogs holds conversation trees: what a marketing person writes in YAML and
// can read aloud, checked when it is loaded and run without I/O, clock or chance.
//
// Parse reads a tree and refuses, with file, line and column, what must not be spoken.
// [Tree.Start] begins a conversation, [Session.Step] is told what happened on the line and
// answers with what to do, [Session.Outcome] says what it came to. The same version, facts
// and events give the same actions, so a journal can be stepped again with [Replay].
// Dialling, voicing, hearing and keeping are left to others.
//
// # The language
//
//	dialog: winter-care            # its name
//	language: zh-CN
//	brand: 苏小糖                   # who is calling; {{ brand }}
//	purpose: marketing             # may not be weaker than what the tree does
//	limits: {turns: 8, talk: 75s, asks: 1, refusals: 1}
//	voice: {name: xiaonuan, rate: 1.0}
//	facts:                         # what it leans on beyond contact and brand
//	  weather: {fresh: 6h}         # older facts are as good as none
//	  order: {signed_for: 3d}      # younger orders are not spoken of
//	words:                         # answers only this tree understands
//	  agreed_sms: [发短信]
//	everywhere: …                  # what may be said at any node
//	silence: {after: 4s, say: 喂，您好，听得到我说话吗？, times: 1, then: bad_line}
//	farewell: take_care            # where a call goes when a limit is reached
//	include: [common.yaml]         # nodes and handlers another file shares
//	start: hello
//	nodes: …
//
// A node does, in this order, what it has of: note (outcome, tags, slots), opt_out or
// invite (each waits for the house to answer), send, callback, say; and then goes on in
// exactly one way: heard, slot, go, branch, transfer or end.
//
//	offer:
//	  ask: true                    # counts as the one ask of the call
//	  protected: true              # not cut off by a cough, a 嗯 or a 喂
//	  plain: true                  # its lines may be heard again in a later call
//	  say:
//	    - when: weather.drop_48h >= 8 && weather.tomorrow.low < 10
//	      text: "明天最低{{ weather.tomorrow.low | temperature }}，多穿点儿。"
//	      hook: cold_snap          # not twice within the cool-down
//	    - split: {a: 第一种说法。, b: 第二种说法。}   # an experiment, sticky per person
//	    - 最近天凉，您多保重。        # a line that can always be spoken closes the list
//	  again: [请问是您吗？]          # the short form when it is asked once more
//	  listen: {silence: {…}}       # instead of the tree's
//	  keys: {"3": ask_human}       # else 1 yes, 2 no, 9 opt_out, 0 ask_human, * repeat
//	  heard:
//	    "yes": {to: care, identity: confirmed}
//	    price: {say: 不花钱的。, then: back}
//	    repeat: again
//	    else: thanks
//
// A slot wants to know something and keeps it; lines and conditions behind it may
// name it. Kinds: digits, number, date, time, phone, yes_no, choice, text. Digits may
// be keyed, # closes and * starts over; where 9 may be a digit of the answer, refusing is
// spoken.
//
//	size:
//	  say: [请问您穿多大码？]
//	  slot: {name: size, is: number, from: 35, to: 46, tries: 1, again: [请再说一遍尺码好吗？], then: sized, else: thanks}
//	sized:
//	  say: ["好的，{{ slot.size }}码。", 好的。]
//	  branch: [{when: slot.size >= 41, to: big}, {else: thanks}]
//
// A say speaks the first alternative whose facts are there, whose condition holds and
// which this person has not heard lately. Hooks, variants and asks are kept from repeating
// by the [Ledger]; plain lines are exempt. With every offer heard an ask is passed over.
//
// A condition compares facts with == != < <= > >= and joins with && || !. It is checked
// against the declared facts at load. A comparison with a missing fact is neither true nor
// false, and only what is certainly true holds: neither birthday.lunar nor !birthday.lunar
// holds for a person whose birthday is unknown. A text with a missing or empty fact is not
// spoken. Filters: temperature (−12 is 零下十二度, in a tree of language en minus twelve
// degrees), date, money (in yuan), phone (幺三八), count (两, not 二), spoken (明天下午三点).
//
// An end names an outcome, or completed: the call ends with what was noted. A callback is
// heard.time, +30m, or {at: heard.time, else: +2h}.
//
// # Facts and privacy
//
// public (brand, weather, event) may be said at once; personal (contact, place) once AI,
// brand, purpose, recording and a way to refuse were said; order and birthday only behind identity:
// confirmed; amounts, addresses and health never. A path speaks of two personal facts and
// one hook at most. With the fact care_only: true, ask, invite and send are unreachable.
//
// # What was heard
//
// [Understand] sorts a sentence into a closed list of intents by the rules of lexicon/zh.yaml
// and en.yaml, which an operator can read. A wish to be left alone wins over everything it
// is mixed with, a refusal over a yes; the question just asked decides 嗯 and 不; what fits
// nothing is tried as it sounds. Behind identity: confirmed 好 does not confirm who
// somebody is, and liking what was bought is no yes to an ask. Over our own words an intent
// marked ! under everywhere, and opt_out always, is acted on at once; a protected line
// yields to nothing else; a yes given over the last line is kept until it ends.
//
// What the rules leave open an [Understander] may be asked, where there is one: not by the
// session but by who holds it, with [Session.Doubt]. The answer comes with the sentence
// (Event.Understood), so the journal has it and a replay asks nobody. It is believed only
// where the rules found nothing, never against a refusal, and as a yes to the ask or to
// identity only when it is sure. It names an intent; a word of its own is never spoken.
//
// # How a session runs
//
//	Start       → say… listen
//	said        → nothing; the listening window opens (or, after hangup, the session is Done)
//	heard, key  → note, opt_out | invite | transfer, or send, callback, say… listen | hangup
//	silence     → say, listen; then the silence's node
//	barge       → nothing; it keeps how much was heard
//	committed, pending, invited, no_room, transferred, not_transferred → what the node says next
//	bye, timeout → the end
//
// A line counts as heard once it played past half.
package dialogs
