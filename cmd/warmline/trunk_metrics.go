package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"warmline/sip"
)

// trunkMetrics shows Prometheus what the agent knows of its trunks.
type trunkMetrics struct{ agent *sip.Agent }

var (
	trunkRegistered = prometheus.NewDesc("warmline_trunk_registered", "1 while a trunk that wants registration has it.", []string{"trunk"}, nil)
	trunkCalls      = prometheus.NewDesc("warmline_trunk_calls", "Calls on a trunk from this process.", []string{"trunk"}, nil)
	targetUp        = prometheus.NewDesc("warmline_trunk_target_up", "1 while a target answers OPTIONS, with hysteresis.", []string{"trunk", "target"}, nil)
	targetOpen      = prometheus.NewDesc("warmline_trunk_target_breaker_open", "1 while a target gets no calls after failures or Retry-After.", []string{"trunk", "target"}, nil)
	targetRTT       = prometheus.NewDesc("warmline_trunk_target_rtt_seconds", "Time of the last OPTIONS answered.", []string{"trunk", "target"}, nil)
	targetInvites   = prometheus.NewDesc("warmline_trunk_target_invites_total", "Calls sent to a target.", []string{"trunk", "target"}, nil)
)

// Describe names the metrics.
func (trunkMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{trunkRegistered, trunkCalls, targetUp, targetOpen, targetRTT, targetInvites} {
		out <- d
	}
}

// Collect reads them.
func (m trunkMetrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for _, t := range m.agent.Trunks() {
		if t.Registers {
			gauge(trunkRegistered, flag(t.Registered), t.Name)
		}
		gauge(trunkCalls, float64(t.Live), t.Name)
		for _, g := range t.Targets {
			gauge(targetUp, flag(g.Up), t.Name, g.Addr)
			gauge(targetOpen, flag(g.Breaker == "open"), t.Name, g.Addr)
			gauge(targetRTT, g.RTT.Seconds(), t.Name, g.Addr)
			out <- prometheus.MustNewConstMetric(targetInvites, prometheus.CounterValue, float64(g.Placed), t.Name, g.Addr)
		}
	}
}
