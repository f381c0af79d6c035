// Package web answers on one port: health, metrics, the JSON API with its
// OpenAPI description, a stream of what changes, the page on a member's phone,
// and the callbacks of WeCom and the SMS provider.
//
//	GET  /healthz                     200 when the store answers
//	GET  /metrics                     Prometheus
//	GET  /docs, /openapi.json         the API, described
//	GET  /api/v1/campaigns …          campaigns, people, attempts, live calls, funnel
//	GET  /api/v1/events               server-sent events; Last-Event-ID resumes
//	GET  /m/{task}                    what a member needs to add one customer
//	GET  /f                           where a text message's code becomes a link
//	     /callbacks/wecom, /callbacks/sms/…
//
// The API wants the bearer token of the config; without one it answers
// loopback only. Errors are problem details (RFC 9457). Numbers are masked
// everywhere but in the one answer a member's tap reveals, and that is audited.
package web
