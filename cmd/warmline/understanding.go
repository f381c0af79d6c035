package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"warmline/dialogs"
	"warmline/speech/openai"
)

// grace is how much longer a call waits than the model may take, so that it is the
// model's own deadline that ends the waiting, and is counted.
const grace = 50 * time.Millisecond

// check refuses what cannot work.
func (c UnderstandingConfig) check() error {
	if c.URL == "" {
		if c.Model != "" || c.APIKey != "" {
			return fmt.Errorf("config: understanding has a model or key and no url")
		}
		return nil
	}
	if c.Deadline < 100*time.Millisecond || c.Deadline > 3*time.Second {
		return fmt.Errorf("config: understanding.deadline %v is not between 100ms and 3s: a person waits", c.Deadline)
	}
	_, err := c.client()
	return err
}

// client makes the client of the endpoint.
func (c UnderstandingConfig) client() (*openai.Client, error) {
	m, err := openai.New(openai.Config{
		URL: c.URL, Model: c.Model, APIKey: c.APIKey, Deadline: c.Deadline, PriceIn: c.PriceIn, PriceOut: c.PriceOut,
	})
	if err != nil {
		return nil, fmt.Errorf("config: understanding: %w", err)
	}
	return m, nil
}

// examineWithin is how long an endpoint may take to show itself to the doctor.
const examineWithin = 10 * time.Second

// examine asks the endpoint one question as a call would and says how it went.
func (c UnderstandingConfig) examine(ctx context.Context) (string, error) {
	if c.URL == "" {
		return "off: the rules understand alone", nil
	}
	asked := c
	asked.Deadline = examineWithin
	m, err := asked.client()
	if err != nil {
		return "", err
	}
	defer m.Close()
	began := time.Now()
	r, err := m.Understand(ctx, dialogs.Doubt{
		Asked: "请问现在方便吗？", Text: "行啊你说吧", Lang: "zh-CN", Intents: []string{"busy", "opt_out", "other", "yes"},
	})
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	if took > c.Deadline {
		return "", fmt.Errorf("%s took %v to answer, over the deadline of %v: calls would never have its answer", c.Model, took.Round(time.Millisecond), c.Deadline)
	}
	host := c.URL
	if u, err := url.Parse(c.URL); err == nil {
		host = cmp.Or(u.Host, host)
	}
	s := m.Stats()
	return fmt.Sprintf("%s at %s answers in %v (%s, %d tokens)", c.Model, host, took.Round(time.Millisecond), r.Intent, s.TokensIn+s.TokensOut), nil
}

// understandingMetrics shows Prometheus what the model was asked and what it cost.
type understandingMetrics struct{ model *openai.Client }

var (
	understandingAsked  = prometheus.NewDesc("warmline_understanding_questions_total", "Sentences the rules left open, by what came of asking the model: cached, late, failed, refused (endpoint left alone) or answered.", []string{"came"}, nil)
	understandingTokens = prometheus.NewDesc("warmline_understanding_tokens_total", "Tokens the model read (in) and wrote (out).", []string{"way"}, nil)
	understandingCost   = prometheus.NewDesc("warmline_understanding_cost_total", "What the tokens cost, at understanding.price_in and price_out.", nil, nil)
	understandingOpen   = prometheus.NewDesc("warmline_understanding_breaker_open", "1 while the model's endpoint is left alone after failures or Retry-After.", nil, nil)
)

// Describe names the metrics.
func (understandingMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{understandingAsked, understandingTokens, understandingCost, understandingOpen} {
		out <- d
	}
}

// Collect reads them.
func (m understandingMetrics) Collect(out chan<- prometheus.Metric) {
	s := m.model.Stats()
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for came, n := range map[string]int64{
		"cached": s.Cached, "late": s.Late, "failed": s.Failed - s.Late, "refused": s.Refused, "answered": s.Answered,
	} {
		count(understandingAsked, float64(n), came)
	}
	count(understandingTokens, float64(s.TokensIn), "in")
	count(understandingTokens, float64(s.TokensOut), "out")
	count(understandingCost, s.Cost)
	open := 0.0
	if s.Open {
		open = 1
	}
	out <- prometheus.MustNewConstMetric(understandingOpen, prometheus.GaugeValue, open)
}
