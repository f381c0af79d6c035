// Package scheduler decides who is called, when, and what follows each result.
//
// It is pure: every function is told the time and what the store knows, and
// returns what should be written. [Next] turns due people into a [Plan] in
// which everyone is either called or held with a reason and an until; [After]
// turns the result of a call into follow-ups (call again, invite, message,
// done); [GCRA] is the pace of a trunk. Carrying this over a task queue is the
// business of scheduler/tasks, keeping it that of postgres.
//
// Two state machines live here and nowhere else in Go: [CampaignState] and
// [AttemptState].
package scheduler
