package sip

import (
	"testing"
	"time"
)

func TestBreakerOpensHalfOpensAndCloses(t *testing.T) {
	now := time.Unix(1000, 0)
	var b breaker
	for i := range breakAfter - 1 {
		b.start(now)
		b.fail(now, 0)
		if !b.allows(now) {
			t.Fatalf("open after %d failures", i+1)
		}
	}
	b.succeed()
	for range breakAfter - 1 {
		b.fail(now, 0)
	}
	if !b.allows(now) {
		t.Fatal("a success in between did not count")
	}
	b.fail(now, 0)
	if b.allows(now) || b.state(now) != "open" {
		t.Fatalf("%d failures in a row and still %s", breakAfter, b.state(now))
	}
	if b.allows(now.Add(firstBreak - 1)) {
		t.Error("open for less than it should be")
	}
	now = now.Add(firstBreak)
	if b.state(now) != "half-open" || !b.allows(now) {
		t.Fatal("no probe after its time")
	}
	b.start(now)
	if b.allows(now) {
		t.Error("a second probe while one is out")
	}
	b.fail(now, 0)
	if b.allows(now.Add(2*firstBreak - 1)) {
		t.Error("a failed probe did not double the wait")
	}
	now = now.Add(2 * firstBreak)
	b.start(now)
	b.succeed()
	if b.state(now) != "closed" || !b.allows(now) {
		t.Error("a good probe did not close it")
	}
}

func TestBreakerHonoursRetryAfterAndBoundsItsOwnWait(t *testing.T) {
	now := time.Unix(1000, 0)
	var b breaker
	b.fail(now, 2*time.Minute) // RFC 3261 21.5.4, RFC 3263 4.3
	if b.allows(now.Add(2*time.Minute-1)) || !b.allows(now.Add(2*time.Minute)) {
		t.Errorf("Retry-After 120: open until %v", b.until)
	}
	for range 30 {
		now = b.until.Add(time.Second)
		b.start(now)
		b.fail(now, 0)
	}
	if wait := b.until.Sub(now); wait != lastBreak {
		t.Errorf("wait %v after many failures, want %v", wait, lastBreak)
	}
	// A later 503 without Retry-After does not shorten what was asked.
	b = breaker{}
	b.fail(now, time.Hour)
	b.failures = 2 * breakAfter
	b.fail(now, 0)
	if b.allows(now.Add(time.Minute)) {
		t.Error("Retry-After was shortened")
	}
}

func TestTenRefusalsInARowOpenTheBreakerAndFewerDoNot(t *testing.T) { // F10: 403 to all calls
	now := time.Unix(1000, 0)
	var b breaker
	for range 2*breakAfter - 1 {
		b.doubt(now)
	}
	if !b.allows(now) {
		t.Error("open too early")
	}
	if b.doubt(now); b.allows(now) {
		t.Error("ten refusals in a row and not open")
	}
}

func TestAProbeThatTellsNothingFreesTheNext(t *testing.T) {
	now := time.Unix(1000, 0)
	var b breaker
	b.fail(now, time.Second)
	now = now.Add(time.Second)
	b.start(now)
	b.forgo()
	if !b.allows(now) {
		t.Error("a call we gave up ourselves holds the probe")
	}
	b.start(now)
	if b.allows(now.Add(probeLimit-1)) || !b.allows(now.Add(probeLimit)) {
		t.Error("a probe that is never heard of again is not given up after its limit")
	}
}

func TestHealthHasHysteresis(t *testing.T) {
	var h health
	for i, step := range []struct{ alive, changed, down bool }{
		{false, false, false}, {false, false, false}, {true, false, false}, // two lost and one answered
		{false, false, false}, {false, false, false}, {false, true, true},
		{true, false, true}, {false, false, true}, {true, false, true}, {true, true, false},
	} {
		if changed := h.observe(step.alive); changed != step.changed || h.down != step.down {
			t.Errorf("step %d: changed %v, down %v", i, changed, h.down)
		}
	}
}

func TestAnyAnswerToOPTIONSIsLifeBut503And408(t *testing.T) { // telephony checklist, "Trunk"
	for status, want := range map[int]bool{200: true, 404: true, 405: true, 501: true, 401: true, 483: true, 503: false, 408: false, 0: false} {
		if alive(status) != want {
			t.Errorf("%d: alive %v", status, !want)
		}
	}
}

func TestPaceSpacesCalls(t *testing.T) {
	now := time.Unix(1000, 0)
	var p pace
	if !p.take(now, 5) || p.take(now.Add(199*time.Millisecond), 5) || !p.take(now.Add(200*time.Millisecond), 5) {
		t.Error("five calls a second are not 200 ms apart")
	}
	if !p.take(now, 0) {
		t.Error("a trunk without a rate is paced")
	}
}
