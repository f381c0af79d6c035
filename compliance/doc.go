// Package compliance is the one door: may we contact this person, by this channel,
// now; if not, why, and until when.
//
//	verdict := compliance.Decide(now, policy, subject)
//	if !verdict.Allowed { hold(verdict.Reason, verdict.Until) }
//
// [Decide] is pure. It is asked when a plan is made and asked again, with fresh
// facts, in the transaction directly before a call, a text or an invitation. What
// is not known denies: no consent row, no zone, no holiday table, a stale register.
//
// # Law to rule
//
//	the law or notice                                    → the rule here
//	消费者权益保护法 29, 广告法 43, 民法典 1033,            → gate 4: a consent for this brand, purpose and
//	  通信短信息服务管理规定 18 (MIIT order 31):              channel, not expired, with proof; none = no_consent
//	  no commercial contact without consent
//	the same: stop after a refusal                       → gate 3: suppression by the hash of the number, any
//	                                                        channel's opt-out closes all; terminal
//	个人信息保护法 14, 15: consent is for a purpose, can   → purposes match exactly; a service consent never
//	  be withdrawn as easily as given                       carries marketing; withdrawal is a suppression
//	个人信息保护法 47: erasure                             → gate 2: a tombstone; only the hash stays, so that an
//	                                                        erased person is not imported back into a campaign
//	个人信息保护法 28–31: who did not agree is not asked    → gate 4: consignee_not_buyer
//	MIIT notice on call centres (2020-06): no calls in   → gate 6: 10:00–12:00 and 14:00–19:30 on workdays and
//	  rest hours                                            make-up days, 10:30–12:00 and 14:30–18:30 on
//	                                                        weekends, nothing on public holidays when selling
//	国务院办公厅 holiday notices, one a year                → a year without its table denies: holiday_table_missing
//	MIIT draft on voice and text services (2020-08),     → gate 7: one contact a day, two in seven days, three in
//	  carriers' practice: no harassment by frequency        a campaign, all channels and calls in flight counted
//	47 CFR 64.1200, 16 CFR 310.4, Ofcom: abandoned calls → gates 8 and 10: 72 h rest after an abandoned call,
//	                                                        the campaign stops at 3 %
//	人工智能生成合成内容标识办法 (2025-09), EU AI Act 50    → gate 11: no contact without the AI disclosure in its text
//	电信 caller number rules: no changed or hidden number → gate 12: a registered caller ID
//
// These presets are a careful reading, not legal advice. A campaign or a trunk may
// only be stricter: [Strictest] merges policies so that whatever the merged one
// permits each of them permits.
package compliance
