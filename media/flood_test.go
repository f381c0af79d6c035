package media

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"warmline/media/mediatest"
)

// A flood is a socket into which a stranger throws 20,000 datagrams a second, of
// every kind that is not the call's. Like the kernel's, its buffer is bounded.
type flood struct {
	Packets
	friend, stranger netip.AddrPort
	from, upTo       time.Time
	thrown, given    int // into the buffer, out of it
	visit            time.Time
	run, longest     int // datagrams given at one moment
}

const (
	floodRate = 20_000
	floodRoom = 80
)

func (f *flood) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	now := time.Now()
	if now.Before(f.from) || !now.Before(f.upTo) && f.thrown <= f.given {
		return f.Packets.Receive(b)
	}
	if now.Before(f.upTo) {
		f.thrown = min(int(now.Sub(f.from)*floodRate/time.Second), f.given+floodRoom)
	}
	if f.thrown <= f.given {
		return f.Packets.Receive(b)
	}
	if !now.Equal(f.visit) {
		f.visit, f.run = now, 0
	}
	f.run++
	f.longest = max(f.longest, f.run)
	f.given++
	packet := make([]byte, rtpHeaderSize+160)
	header{pt: 8, seq: uint16(f.given), ts: uint32(f.given) * 160, ssrc: 77}.put(packet)
	source := f.friend
	switch f.given % 4 {
	case 0:
		source = f.stranger
	case 1:
		packet[1] = 3 // GSM
	case 2:
		packet[0] = 0
	case 3: // an SSRC that shows no two packets in a row
		header{pt: 8, seq: uint16(f.given), ssrc: uint32(f.given)}.put(packet)
	}
	return copy(b, packet), source, now, true
}

// TestAFloodAtOnePortIsDroppedCountedAndLeavesOtherCallsAlone: 20,000 packets a
// second of wrong source, SSRC and type at one call's port.
func TestAFloodAtOnePortIsDroppedCountedAndLeavesOtherCallsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n mediatest.Network
		f := &flood{friend: at("127.0.0.1:9000"), stranger: at("127.0.0.9:666")}
		e := engine(t, Config{Shards: 1, Listen: func(a netip.AddrPort) (Packets, error) {
			s, err := n.Listen(a)
			if err == nil && f.Packets == nil {
				f.Packets = s
				return f, nil
			}
			return s, err
		}})
		defer e.Close()
		friend, _ := farEnd(t, &n)
		other, err := n.Listen(at("127.0.0.1:9100"))
		if err != nil {
			t.Fatal(err)
		}
		victim, bystander := open(t, e, LegConfig{}), open(t, e, LegConfig{})
		if err := victim.Accept(mediatest.Answer(friend.Addr())); err != nil {
			t.Fatal(err)
		}
		if err := bystander.Accept(mediatest.Answer(other.Addr())); err != nil {
			t.Fatal(err)
		}
		source := mediatest.Source{Type: 8, SSRC: 5}
		home := at(fmt.Sprintf("127.0.0.1:%d", victim.port))
		speak := func(packets int) {
			for range packets {
				if err := friend.Send(source.Audio(make([]byte, 160)).Bytes(), home); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		speak(10)
		discard(other)
		victim.shard.do(func() { f.from, f.upTo = time.Now(), time.Now().Add(2*time.Second) })
		last := time.Now()
		for i := range 95 {
			hear(t, other)
			if gap := time.Since(last); i > 0 && gap > 22*time.Millisecond {
				t.Errorf("another call's packet %d came %v after the one before", i, gap)
			}
			last = time.Now()
		}
		time.Sleep(300 * time.Millisecond)
		discard(friend)
		before := victim.Stats()
		speak(50)
		time.Sleep(400 * time.Millisecond) // the last may wait for the next look around
		after := victim.Stats()
		d := after.Drops
		if f.given < 1000 || d.Foreign == 0 || d.Type == 0 || d.Malformed == 0 || d.SSRC == 0 || after.Dropped != uint64(f.given) {
			t.Errorf("%d flooded, %d dropped: %+v", f.given, after.Dropped, d)
		}
		if f.longest > drain {
			t.Errorf("%d datagrams in one visit, want at most %d", f.longest, drain)
		}
		if got := after.Received - before.Received; got != 50 || after.SSRC != 5 {
			t.Errorf("after the flood %d of 50 packets were taken, of SSRC %d", got, after.SSRC)
		}
	})
}
