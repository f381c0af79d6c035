package dialer

import (
	"errors"
	"testing"

	"warmline/sip"
	"warmline/sip/siptest"
)

func TestACallDoesNotMoveWhenThePersonHasRefusedMeanwhile(t *testing.T) {
	w := newWorld(t)
	broken, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broken.Close() })
	j, h := w.job("refused", "002"), &house{refuseAgain: errors.New("opted out")}
	j.Trunk = sip.Trunk{Name: "broken", Addr: broken.Addr(), From: "02160000000"}
	backup := w.trunk
	backup.Priority = 1
	j.Failover = []sip.Trunk{backup}
	go func() {
		if m, err := broken.Wait(t.Context(), "INVITE"); err == nil {
			broken.Reply(m, 503, "Service Unavailable", "x")
		}
	}()
	r := w.dialer.Place(t.Context(), j, h)
	if !r.TrunkFault || len(r.Hops) != 1 || h.list() != "dial again" {
		t.Errorf("disposition %s, trunk fault %v, hops %+v, asked %s", r.Disposition, r.TrunkFault, r.Hops, h.list())
	}
	if n := len(w.gateway.Truth().Calls); n != 0 {
		t.Errorf("%d calls reached the second trunk", n)
	}
}

func TestACallMovesToTheNextTrunkAndThePersonIsTriedOnce(t *testing.T) { // F10
	w := newWorld(t)
	broken, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broken.Close() })
	go func() {
		for {
			m, err := broken.Wait(t.Context(), "INVITE")
			if err != nil {
				return
			}
			broken.Reply(m, 503, "Service Unavailable", "x", siptest.Field{Name: "Retry-After", Value: "120"})
		}
	}()
	j := w.job("moves", "002") // busy
	j.Trunk = sip.Trunk{Name: "broken", Addr: broken.Addr(), From: "02160000000"}
	backup := w.trunk
	backup.Priority = 1
	j.Failover = []sip.Trunk{backup}

	r := w.dialer.Place(t.Context(), j, nil)
	if r.TrunkFault || len(r.Hops) != 2 || r.Hops[0].Cause.Status != 503 || r.Hops[1].Trunk != "test" {
		t.Errorf("disposition %s, trunk fault %v, hops %+v", r.Disposition, r.TrunkFault, r.Hops)
	}
	if w.record(t, "moves").Attempt != "moves" {
		t.Error("the second trunk did not get the attempt's ID")
	}

	// The broken one asked to be left alone: nothing is sent, and that is its fault.
	j.Attempt, j.Failover = "closed", nil
	r = w.dialer.Place(t.Context(), j, nil)
	if r.Disposition != NotDialed || !r.TrunkFault || !errors.Is(r.Err, sip.ErrNoTrunk) {
		t.Errorf("disposition %s, trunk fault %v, %v", r.Disposition, r.TrunkFault, r.Err)
	}
	if w.dialer.SIP.Takes(sip.Route{j.Trunk}) || !w.dialer.SIP.Takes(sip.Route{j.Trunk, backup}) {
		t.Error("Takes does not say which trunks are closed")
	}
}
