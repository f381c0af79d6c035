package sip_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warmline/sip"
	"warmline/sip/siptest"
)

// inbound is a stage whose trunk calls in.
type inbound struct {
	*stage
	calls chan *sip.Incoming
}

func newInbound(t *testing.T) *inbound {
	t.Helper()
	s := newStage(t)
	in := &inbound{stage: s, calls: make(chan *sip.Incoming, 8)}
	s.agent = s.listen(sip.Config{Addr: "127.0.0.1:0", OnCall: func(i *sip.Incoming) { in.calls <- i }})
	if err := s.agent.Serve(s.ctx, s.trunk); err != nil {
		t.Fatal(err)
	}
	return in
}

// call sends an INVITE and waits for OnCall.
func (in *inbound) call(parts ...siptest.Part) (*siptest.Message, *sip.Incoming) {
	in.Helper()
	invite := in.peer.Invite("sip:02150001234@"+in.agent.Addr(), "13800138000", parts...)
	in.send(invite)
	select {
	case i := <-in.calls:
		return invite, i
	case <-in.ctx.Done():
		in.Fatal("OnCall was not called")
		return nil, nil
	}
}

func (in *inbound) status(method string, status int) *siptest.Message {
	in.Helper()
	m, err := in.peer.WaitStatus(in.ctx, method, status)
	if err != nil {
		in.Fatal(err)
	}
	return m
}

// up answers a call and returns both ends.
func (in *inbound) up(parts ...siptest.Part) (*sip.Call, *siptest.Dialog) {
	in.Helper()
	invite, i := in.call(append(parts, sdp(30000))...)
	c, err := i.Answer([]byte(offer))
	if err != nil {
		in.Fatal(err)
	}
	ok := in.status("INVITE", 200)
	d := in.peer.Calling(invite, ok)
	if _, err := d.Send("ACK"); err != nil {
		in.Fatal(err)
	}
	in.event(c, sip.Answered)
	return c, d
}

func TestACallComesInRingsIsAnsweredAndHungUpByTheCaller(t *testing.T) {
	in := newInbound(t)
	route := siptest.RecordRoute(in.peer.Addr())
	invite, i := in.call(route, sdp(30000))
	if i.From != "13800138000" || i.To != "02150001234" || i.Trunk.Name != "test" || string(i.SDP) != string(sdp(30000)) {
		t.Errorf("incoming call from %q to %q by %q with %q", i.From, i.To, i.Trunk.Name, i.SDP)
	}
	if trying := in.status("INVITE", 100); trying.Get("Call-ID") != invite.Get("Call-ID") {
		t.Errorf("100 Trying:\n%s", trying.Bytes())
	}
	i.Ring()
	ringing := in.status("INVITE", 180)
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	ok := in.status("INVITE", 200)
	if diff := cmp.Diff(offer, string(ok.Body)); diff != "" {
		t.Errorf("answer SDP (-want +got):\n%s", diff)
	}
	for _, m := range []*siptest.Message{ringing, ok} { // RFC 3261 12.1.1
		if m.ToTag() == "" || m.ToTag() != ok.ToTag() || m.Get("Record-Route") != route.Value || m.Get("Contact") == "" || m.Get("Allow") == "" {
			t.Errorf("response makes no dialog:\n%s", m.Bytes())
		}
	}
	d := in.peer.Calling(invite, ok)
	if _, err := d.Send("ACK"); err != nil {
		t.Fatal(err)
	}
	if e := in.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("Answered with %q", e.SDP)
	}
	if bye, _ := d.Bye(); in.response(in.peer, bye).Status() != 200 {
		t.Error("BYE not answered 200")
	}
	if why := in.ended(c); why.By != sip.ByCallee || why.Q850 != 16 {
		t.Errorf("cause %+v", why)
	}
	if got := in.agent.Stats(); got.Incoming != 1 || got.Answered != 1 || got.Live != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestWeHangUpACallThatCameInAlongItsRoute(t *testing.T) {
	in := newInbound(t)
	c, _ := in.up(siptest.Field{Name: "Record-Route", Value: "<sip:" + in.peer.Addr() + ";lr;n=1>, <sip:edge.example;lr>"})
	c.Hangup("thank you")
	bye := in.request("BYE")
	want := []string{"<sip:" + in.peer.Addr() + ";lr;n=1>", "<sip:edge.example;lr>"}
	if diff := cmp.Diff(want, bye.All("Route")); diff != "" { // RFC 3261 12.1.1: in order, not reversed
		t.Errorf("Route (-want +got):\n%s", diff)
	}
	if bye.URI() != "sip:"+in.peer.Addr() || !strings.Contains(bye.Get("To"), "13800138000") {
		t.Errorf("BYE:\n%s", bye.Bytes())
	}
	in.reply(bye, 200, "OK", "")
	if why := in.ended(c); why.By != sip.ByUs {
		t.Errorf("cause %+v", why)
	}
}

func TestOurAnswerIsRepeatedUntilItsAck(t *testing.T) {
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	var ok *siptest.Message
	for range 3 { // RFC 3261 13.3.1.4
		ok = in.status("INVITE", 200)
	}
	c.Hangup("at once") // but no BYE before the ACK: RFC 3261 15
	in.ended(c)
	in.status("INVITE", 200)
	if n := in.peer.Count("BYE"); n != 0 {
		t.Fatal("BYE before the ACK")
	}
	in.peer.Calling(invite, ok).Send("ACK")
	in.reply(in.request("BYE"), 200, "OK", "")
}

func TestAnAnswerThatIsNeverAcknowledgedIsHungUp(t *testing.T) {
	in := newInbound(t)
	_, i := in.call(sdp(30000))
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	in.reply(in.request("BYE"), 200, "OK", "")
	if why := in.ended(c); why.By != sip.ByCarrier {
		t.Errorf("cause %+v", why)
	}
}

func TestAnAckWithTheBranchOfTheInviteIsAnAck(t *testing.T) { // RFC 2543 senders
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	in.send(invite.Within("ACK", in.status("INVITE", 200).Get("To")))
	in.event(c, sip.Answered)
}

func TestTheCallerHangsUpBeforeTheAnswer(t *testing.T) {
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	i.Ring()
	ringing := in.status("INVITE", 180)
	cancel := invite.Within("CANCEL", invite.Get("To"))
	in.send(cancel)
	in.status("CANCEL", 200)
	gone := in.status("INVITE", 487)
	if gone.ToTag() != ringing.ToTag() { // RFC 3261 9.2
		t.Errorf("487 has tag %q, 180 had %q", gone.ToTag(), ringing.ToTag())
	}
	in.send(invite.Within("ACK", gone.Get("To")))
	select {
	case <-i.Gone():
	case <-in.ctx.Done():
		t.Fatal("Gone is not closed")
	}
	if _, err := i.Answer([]byte(offer)); !errors.Is(err, sip.ErrGone) {
		t.Errorf("Answer after CANCEL: %v", err)
	}
	i.Ring()
	i.Reject(486, "Busy Here")
	in.ping()
	if live := in.agent.Stats().Live; live != 0 {
		t.Errorf("%d live calls", live)
	}
}

func TestCallsThatCameInAreRejected(t *testing.T) {
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	i.Reject(486, "Busy\r\nHere")
	busy := in.status("INVITE", 486)
	if busy.Start != "SIP/2.0 486 Busy??Here" {
		t.Errorf("refused with %q", busy.Start)
	}
	in.status("INVITE", 486) // until ACK
	in.send(invite.Within("ACK", busy.Get("To")))
	<-i.Gone()

	_, i = in.call(sdp(30000))
	i.Reject(200, "OK") // no refusal
	in.status("INVITE", 480)
	if _, err := i.Answer([]byte(offer)); !errors.Is(err, sip.ErrGone) {
		t.Errorf("Answer after Reject: %v", err)
	}
}

func TestACallNobodyAnswersIsRefusedAfterTheRingTimeout(t *testing.T) {
	in := newInbound(t)
	in.agent = in.listen(sip.Config{Addr: "127.0.0.1:0", OnCall: func(i *sip.Incoming) { in.calls <- i }})
	in.trunk.RingTimeout = 200 * time.Millisecond
	if err := in.agent.Serve(in.ctx, in.trunk); err != nil {
		t.Fatal(err)
	}
	_, i := in.call(sdp(30000))
	in.status("INVITE", 480)
	<-i.Gone()
}

func TestAnInviteWithoutAnOfferGetsOursAndTheAckBringsTheirs(t *testing.T) {
	in := newInbound(t)
	invite, i := in.call()
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	d := in.peer.Calling(invite, in.status("INVITE", 200))
	d.Send("ACK", sdp(30000))
	if e := in.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("Answered with %q", e.SDP)
	}
}

func TestTheSameCallByAnotherWayIsALoop(t *testing.T) { // RFC 3261 8.2.2.2
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	invite.Set("Via", strings.Replace(invite.Get("Via"), "branch=z9hG4bK", "branch=z9hG4bK-2", 1))
	in.send(invite)
	in.status("INVITE", 482)
	i.Reject(486, "Busy Here")
	in.status("INVITE", 486)
}

func TestNobodyElseMayCallIn(t *testing.T) {
	in := newInbound(t)
	other := in.newPeer("127.0.0.2:0") // a trunk we only dial through
	c, err := in.agent.Dial(in.ctx, sip.Trunk{Name: "other", Addr: other.Addr(), From: "1"}, sip.Invite{To: "1"})
	if err != nil {
		t.Fatal(err)
	}
	c.Hangup("")
	invite := other.Invite("sip:02150001234@"+in.agent.Addr(), "1")
	if err := other.Send(invite.Bytes(), in.agent.Addr()); err != nil {
		t.Fatal(err)
	}
	if res := in.response(other, invite); res.Status() != 403 {
		t.Errorf("a stranger's call answered %s", res.Start)
	}

	s := newStageOf(t) // served, but nobody takes calls
	if err := s.agent.Serve(s.ctx, s.trunk); err != nil {
		t.Fatal(err)
	}
	invite = s.peer.Invite("sip:1@"+s.agent.Addr(), "1")
	s.send(invite)
	if res := s.response(s.peer, invite); res.Status() != 403 {
		t.Errorf("a call nobody takes answered %s", res.Start)
	}
	if len(in.calls) != 0 {
		t.Error("OnCall was called")
	}
}

func TestTheCallersNumberIsTheOneTheTrunkAsserts(t *testing.T) {
	tests := []struct{ name, from, asserted, want string }{
		{"From alone", "<sip:13800138000@x>", "", "13800138000"},
		{"asserted (RFC 3325)", "<sip:1@x>", `"Ann, Bob" <sip:+8613800138000@x;user=phone>`, "+8613800138000"},
		{"a tel URI with parameters (RFC 3966)", "<sip:1@x>", "<tel:+86-138-0013-8000;phone-context=x>", "+86-138-0013-8000"},
		{"the second value has the number", "<sip:1@x>", "<sip:carrier.example>, <sip:13800138000@x>", "13800138000"},
		{"withheld (RFC 3323)", `"Anonymous" <sip:anonymous@anonymous.invalid>`, "", ""},
		{"escaped", "<sip:%2B8613800138000@x>", "", "+8613800138000"},
		{"a trick", "<sip:1%0D%0AX@x>", "", ""},
	}
	in := newInbound(t)
	for _, tt := range tests {
		invite := in.peer.Invite("sip:1@"+in.agent.Addr(), "1", sdp(30000))
		invite.Set("From", tt.from+";tag=f")
		if tt.asserted != "" {
			invite.Set("P-Asserted-Identity", tt.asserted)
		}
		in.send(invite)
		i := <-in.calls
		if i.From != tt.want {
			t.Errorf("%s: caller %q, want %q", tt.name, i.From, tt.want)
		}
		i.Reject(486, "Busy Here")
	}
}

func TestCloseRefusesCallsThatWait(t *testing.T) {
	in := newInbound(t)
	_, i := in.call(sdp(30000))
	closed := make(chan error, 1)
	go func() { closed <- in.agent.Close() }()
	in.status("INVITE", 480)
	<-i.Gone()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestAReinviteThatOvertakesTheACKIsASignOfIt(t *testing.T) {
	in := newInbound(t)
	invite, i := in.call(sdp(30000))
	i.OnOffer = func([]byte) ([]byte, error) { return []byte(offer), nil }
	c, err := i.Answer([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	d := in.peer.Calling(invite, in.status("INVITE", 200))
	again, err := d.Reinvite(sdp(30002))
	if err != nil {
		t.Fatal(err)
	}
	if res := in.response(in.peer, again); res.Status() != 200 {
		t.Fatalf("re-INVITE answered %s", res.Start)
	}
	if e := in.event(c, sip.Answered); string(e.SDP) != string(sdp(30000)) {
		t.Errorf("Answered with %q", e.SDP)
	}
	c.Hangup("")
	in.reply(in.request("BYE"), 200, "OK", "")
	in.ended(c)
}

func TestAClosingAgentHangsUpACallWhoseACKHasNotCome(t *testing.T) {
	for _, hungUp := range []bool{false, true} {
		in := &inbound{stage: newStageOf(t), calls: make(chan *sip.Incoming, 8)}
		in.agent = in.listen(sip.Config{Addr: "127.0.0.1:0", OnCall: func(i *sip.Incoming) { in.calls <- i }})
		if err := in.agent.Serve(in.ctx, in.trunk); err != nil {
			t.Fatal(err)
		}
		_, i := in.call(sdp(30000))
		c, err := i.Answer([]byte(offer))
		if err != nil {
			t.Fatal(err)
		}
		in.status("INVITE", 200)
		if hungUp {
			c.Hangup("at once")
			in.ended(c)
		}
		closed := make(chan error, 1)
		go func() { closed <- in.agent.Close() }()
		in.reply(in.request("BYE"), 200, "OK", "")
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
}

func TestANumberCalledCannotBecomeAHeader(t *testing.T) {
	in := newInbound(t)
	invite := in.peer.Invite("sip:0215%3E,%3Csip@"+in.agent.Addr(), "13800138000", sdp(30000))
	in.send(invite)
	i := <-in.calls
	if _, err := i.Answer([]byte(offer)); err != nil {
		t.Fatal(err)
	}
	if got, want := in.status("INVITE", 200).Get("Contact"), "<sip:0215%3E%2C%3Csip@"+in.agent.Addr()+">"; got != want {
		t.Errorf("Contact %q, want %q", got, want)
	}
}
