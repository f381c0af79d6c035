package dialer

import (
	"sync"
	"time"

	"warmline/media"
	"warmline/sip"
)

// Queue is who takes over the calls that a tree transfers to its name. Its
// fields are set before the first call and not changed.
type Queue struct {
	Name    string
	Mode    string        // Attended, which is also "", or Blind
	Agents  []Agent       // asked in turn, each call beginning behind the last one asked
	Timeout time.Duration // how long one agent's phone rings; 20 s when zero
	Brief   string        // said to the agent first; "" is 转接来电, or its English
	Accept  string        // the key that takes the call; "1" when empty. Decline is any of 2, 0, * and #
	Hold    string        // recording that the customer hears meanwhile; "" is a soft chime

	mu      sync.Mutex
	next    int
	talking map[int]bool
	freed   chan struct{} // closed and renewed when an agent is free again
}

// Agent is one person of a queue.
type Agent struct {
	Name     string // as noted; not a number
	To       string // what the trunk is asked for; never logged
	Trunk    sip.Trunk
	Codecs   []media.Codec            // offered; media's default when empty
	PTime    int                      // as Job.PTime
	Security media.Security           // as Job.Security
	CallerID string                   // shown to them; the trunk's when empty
	Open     func(now time.Time) bool // whether they work now; nil is always
}

// take chooses the next agent who works now, is not in a call of ours and was
// not asked for this one. When all who are left are in calls, wait is closed as
// soon as one of them is free; with nobody left it is nil.
func (q *Queue) take(now time.Time, asked map[int]bool) (i int, wait <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.talking == nil {
		q.talking, q.freed = map[int]bool{}, make(chan struct{})
	}
	for n := range q.Agents {
		i := (q.next + n) % len(q.Agents)
		switch a := q.Agents[i]; {
		case asked[i], a.Open != nil && !a.Open(now):
		case q.talking[i]:
			wait = q.freed
		default:
			q.next = i + 1
			q.talking[i] = true
			return i, nil, true
		}
	}
	return 0, wait, false
}

// give ends an agent's call.
func (q *Queue) give(i int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.talking, i)
	close(q.freed)
	q.freed = make(chan struct{})
}

func (q *Queue) ring() time.Duration {
	if q.Timeout > 0 {
		return q.Timeout
	}
	return 20 * time.Second
}

func (q *Queue) mode() string {
	if q.Mode == "" {
		return Attended
	}
	return q.Mode
}

// decides says what a key of an agent means.
func (q *Queue) decides(key string) (accept, decline bool) {
	want := q.Accept
	if want == "" {
		want = "1"
	}
	switch key {
	case want:
		return true, false
	case "2", "0", "*", "#":
		return false, true
	}
	return false, false
}
