package openai

import "sync/atomic"

// Stats are the client's counters since it was made.
type Stats struct {
	Asked    int64 // questions of calls
	Cached   int64 // of them answered from memory
	Answered int64 // of them answered by the model
	Failed   int64 // answers that were none, drafts too
	Late     int64 // of them over the deadline
	Refused  int64 // not asked: the endpoint is left alone

	TokensIn, TokensOut int64
	Cost                float64 // of the tokens, at the configured prices
	Open                bool    // the endpoint is being left alone now
}

// meter counts.
type meter struct {
	asked, cached, answered, failed, late, refused atomic.Int64

	in, out atomic.Int64
}

// count adds what an answer was charged; a hostile endpoint cannot charge less than
// nothing, nor more than its context could hold.
func (m *meter) count(u usage) {
	const most = 1 << 20
	m.in.Add(min(max(u.In, 0), most))
	m.out.Add(min(max(u.Out, 0), most))
}

// Stats reads the counters.
func (c *Client) Stats() Stats {
	m := &c.meter
	in, out := m.in.Load(), m.out.Load()
	return Stats{
		Asked: m.asked.Load(), Cached: m.cached.Load(), Answered: m.answered.Load(), Failed: m.failed.Load(), Late: m.late.Load(), Refused: m.refused.Load(),
		TokensIn: in, TokensOut: out, Cost: (float64(in)*c.config.PriceIn + float64(out)*c.config.PriceOut) / 1e6, Open: c.breaker.open(c.config.Now()),
	}
}
