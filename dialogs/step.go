package dialogs

import "slices"

// Step tells the session what happened and returns what to do about it.
// It answers every event in every state; once the conversation is over it returns nil.
func (s *Session) Step(e Event) []Action {
	if s.phase == over {
		return nil
	}
	s.steps++
	if s.at = max(e.At, s.at); !e.Now.IsZero() {
		s.clock = e.Now
	} else if !s.now.IsZero() {
		s.clock = s.now.Add(s.at)
	}
	s.step(e)
	if s.steps >= maxSteps && s.phase != over {
		s.stop("no_match")
	}
	return s.record(e)
}

func (s *Session) step(e Event) {
	switch e.Kind {
	case Bye:
		if s.out.Name == "" {
			s.out.Name = "hung_up"
		}
		s.phase = over
	case Timeout:
		s.stop("no_match")
	case Barge:
		s.mark(e)
	case Said:
		s.played(e)
	case Committed, Pending:
		if s.waits(OptOut) {
			put(s.env, "optout.committed", e.Kind == Committed)
			s.resume()
		}
	case Invited, NoRoom:
		s.answered(e)
	case Transferred, NotTransferred:
		if !s.waits(Transfer) {
			return
		}
		if e.Kind == NotTransferred {
			s.run(s.n.transfer.orElse)
			return
		}
		s.out.Name, s.phase = "transferred", over
	case Silence, Unheard:
		if s.phase == listening || s.phase == speaking {
			s.quiet()
		}
	case Key:
		s.key(e.Key)
	case Heard:
		s.hear(e.Text, Reading{e.Understood, e.Confidence})
	}
}

// stop ends a call that ran out of time: no more words, unless they were the last ones.
func (s *Session) stop(outcome string) {
	s.hangUp(outcome)
	s.phase = over
}

func (s *Session) waits(answer ActionKind) bool { return s.phase == awaiting && s.waiting == answer }

// resume goes on with the node whose question to the house was answered.
func (s *Session) resume() {
	if next := s.body(s.n); next != "" {
		s.run(next)
	}
}

func (s *Session) answered(e Event) {
	if !s.waits(Invite) {
		return
	}
	if e.Kind == NoRoom {
		s.run(s.n.invite.noRoom)
		return
	}
	if e.Member != "" {
		put(s.env, "member.name", e.Member)
	}
	s.resume()
}

// mark keeps which lines were played past half: of the lines before the one that was
// cut everything, of that one its fraction.
func (s *Session) mark(e Event) (batch int) {
	last, all := len(s.said)-1, e.Heard >= 1
	if e.LineID != "" {
		for last >= 0 && s.said[last].ID != e.LineID {
			last--
		}
	}
	if last < 0 {
		return 0
	}
	batch = s.said[last].batch
	if e.LineID == "" && !all {
		for last > 0 && s.said[last-1].batch == batch && !s.said[last-1].heard {
			last--
		}
	}
	for i := range s.said[:last+1] {
		l := &s.said[i]
		if l.batch != batch || i == last && e.Heard <= 0.5 || l.heard {
			continue
		}
		l.heard = true
		s.disclosed |= s.t.disclosureOf(l.Text())
		s.out.Pitched = s.out.Pitched || l.ask
	}
	return batch
}

func (s *Session) played(e Event) {
	batch := s.mark(e)
	if batch != s.batch {
		return // the end of lines that were cut off for newer ones
	}
	switch s.phase {
	case closing:
		s.phase = over
	case speaking:
		s.phase = listening
		if text := s.unheeded; text != "" {
			s.unheeded = ""
			s.hear(text, Reading{})
		}
	}
}

// quiet climbs the silence ladder: ask whether anybody hears, then leave.
func (s *Session) quiet() {
	s.phase = listening
	if s.silences >= s.n.silence.times || s.late() {
		s.run(s.n.silence.then)
		return
	}
	s.silences++
	s.say(s.n.silence.lines, s.n)
	s.listen()
}

// late reports whether the talk limit passed.
func (s *Session) late() bool { return s.at >= s.t.limits.Talk }

// defaultKeys are what keys mean where the node says nothing else.
var defaultKeys = map[string]string{"1": "yes", "2": "no", "0": "ask_human", "9": "opt_out", "*": "repeat"}

func (s *Session) key(k string) {
	if s.keyInto(k) {
		return
	}
	name := defaultKeys[k]
	if own, ok := s.n.keys[k]; ok {
		name = own
	}
	if name == "" {
		if s.phase == listening {
			s.turn("other")
		}
		return
	}
	put(s.env, "heard.text", k)
	s.turn(name)
}

func (s *Session) hear(text string, r Reading) {
	in := s.weigh(s.t.understand(s.n, text, s.clock), text, r)
	if heard, ok := s.env["heard"].(map[string]any); ok {
		delete(heard, "time")
	}
	put(s.env, "heard.text", text)
	if !in.Time.IsZero() {
		put(s.env, "heard.time", in.Time)
	}
	if s.phase == speaking && !s.mayCut(in.Name) && !s.answersSlot(text, in) {
		if !slices.Contains([]string{"backchannel", "greeting", "other", "repeat"}, in.Name) {
			s.unheeded = text
		}
		return
	}
	if !s.fill(text, in) {
		s.turn(in.Name)
	}
}

// answersSlot tells whether what was said over an unprotected question is already
// its answer.
func (s *Session) answersSlot(text string, in Intent) bool {
	if s.n.slot == nil || s.n.protected || s.n.slot.kind == slotText {
		return false
	}
	_, ok := s.n.slot.read(text, in, s.t.lang, s.clock)
	return ok
}

// mayCut says whether an intent heard over our own words is acted on at once.
// A protected line yields only to what must never wait; another line yields to anything
// with meaning, and to a yes once the last question is half out.
func (s *Session) mayCut(intent string) bool {
	r := s.find(intent)
	if intent == "opt_out" || r != nil && r.cutsIn {
		return true
	}
	if s.n.protected {
		return false
	}
	switch intent {
	case "backchannel", "greeting", "other", "repeat":
		return false
	case "yes":
		return len(s.said) > 0 && s.said[len(s.said)-1].heard
	}
	return r != nil
}

// turn acts on an intent. While the house answers or the last words play,
// only a wish to be left alone still counts.
func (s *Session) turn(intent string) {
	switch {
	case intent == "opt_out" && s.out.OptOut:
		return
	case intent == "opt_out":
	case s.phase == awaiting || s.phase == closing:
		return
	}
	s.turns++
	if intent == "not_interested" || intent == "no" && s.n.ask {
		s.refusals++
	}
	r := s.find(intent)
	switch {
	case intent == "opt_out":
		r = s.t.everywhere["opt_out"]
	case intent == "backchannel" && !s.patience && s.n.heard["backchannel"] == nil && !s.spent():
		s.patience = true // 嗯…… is thinking: wait once
		s.listen()
		return
	case r == nil:
		r = s.n.heard["else"]
	}
	if s.spent() && !r.cutsIn {
		if to := s.t.nodes[r.to]; to == nil || to.listens() || to.next != "" {
			s.run(s.t.farewell)
			return
		}
	}
	s.follow(r)
}

// spent reports whether the person already gave this call all it may take.
func (s *Session) spent() bool { return s.turns > s.t.limits.Turns || s.late() }

// nearest is what an intent counts as where nothing answers it exactly.
var nearest = map[string]string{"not_interested": "no", "phone_is_wechat": "yes", "driving": "busy"}

func (s *Session) find(intent string) *reaction {
	for intent != "" {
		if r := s.n.heard[intent]; r != nil && intent != "opt_out" {
			return r
		}
		if r := s.t.everywhere[intent]; r != nil {
			return r
		}
		intent = nearest[intent]
	}
	return nil
}

func (s *Session) follow(r *reaction) {
	s.take(r.note)
	s.out.Identified = s.out.Identified || r.identity
	if r.again || r.back {
		s.repeats++
		if s.repeats > 3 {
			s.run(s.t.farewell)
			return
		}
		s.say(r.lines, s.n)
		lines := s.n.again
		if lines == nil {
			lines = s.n.lines
		}
		s.say(lines, s.n)
		s.listen()
		return
	}
	s.say(r.lines, s.n)
	s.run(r.to)
}
