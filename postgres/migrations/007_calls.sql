-- The line of every call, handing over to a person, recordings, and the calls
-- that people make to us.

ALTER TABLE attempts
	ADD pdd_ms         integer NOT NULL DEFAULT 0, -- INVITE to the first ring, early media or final answer
	ADD codec          text NOT NULL DEFAULT '',
	ADD mos            real NOT NULL DEFAULT 0, -- ITU-T G.107, what we heard; 0: not known
	ADD r_factor       real NOT NULL DEFAULT 0,
	ADD rtt_us         bigint NOT NULL DEFAULT 0,
	ADD rtp_skipped    bigint NOT NULL DEFAULT 0, -- frames we were too late for
	ADD remote_lost    bigint NOT NULL DEFAULT 0, -- packets of ours they missed
	ADD late_p99_us    bigint NOT NULL DEFAULT 0, -- of the engine, when the call ended
	ADD hops           jsonb, -- targets tried, with what each said
	ADD handovers      jsonb, -- to whom the call was handed over, and what came of it
	ADD recording      text, -- file under the recordings' folder
	ADD recording_sum  text, -- SHA-256
	ADD recording_ms   integer,
	ADD recording_at   integer; -- ms after the answer, at which it begins
CREATE INDEX attempts_recording ON attempts (recording) WHERE recording IS NOT NULL;

CREATE TABLE inbound_calls (
	id            uuid PRIMARY KEY,
	trunk         text NOT NULL,
	caller        text NOT NULL DEFAULT '', -- E.164; '' when withheld or no number
	called        text NOT NULL DEFAULT '', -- the caller ID that was dialled
	contact       bigint REFERENCES contacts ON DELETE CASCADE,
	campaign      uuid REFERENCES campaigns, -- of the last call we made to them
	attempt       uuid REFERENCES attempts ON DELETE CASCADE,
	dialog        text NOT NULL,
	tree_version  text NOT NULL,
	came_at       timestamptz NOT NULL,
	answered_at   timestamptz,
	ended_at      timestamptz NOT NULL,
	disposition   text NOT NULL CHECK (disposition IN ('answered', 'assistant', 'voicemail', 'no_media', 'abandoned', 'cancelled', 'line_fault', 'busy', 'not_dialed')),
	outcome       text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'agreed_add', 'agreed_sms', 'already_friend', 'callback',
		'not_interested', 'wrong_person', 'opt_out', 'complaint', 'transferred', 'no_interaction', 'no_match', 'hung_up', 'system_error')),
	ended_by      text NOT NULL DEFAULT '' CHECK (ended_by IN ('', 'callee', 'us', 'carrier', 'timeout')),
	sip_status    integer NOT NULL DEFAULT 0,
	q850          integer NOT NULL DEFAULT 0,
	reason        text NOT NULL DEFAULT '',
	tags          text[] NOT NULL DEFAULT '{}',
	transcript    jsonb,
	journal       jsonb,
	ladder        jsonb,
	handovers     jsonb,
	codec         text NOT NULL DEFAULT '',
	mos           real NOT NULL DEFAULT 0,
	r_factor      real NOT NULL DEFAULT 0,
	rtt_us        bigint NOT NULL DEFAULT 0,
	rtp_sent      bigint NOT NULL DEFAULT 0,
	rtp_received  bigint NOT NULL DEFAULT 0,
	rtp_lost      bigint NOT NULL DEFAULT 0,
	jitter_us     bigint NOT NULL DEFAULT 0,
	recording     text,
	recording_sum text,
	recording_ms  integer,
	recording_at  integer,
	CHECK (disposition <> 'answered' OR answered_at IS NOT NULL)
);
CREATE INDEX inbound_calls_contact ON inbound_calls (contact, came_at DESC);
CREATE INDEX inbound_calls_came ON inbound_calls (came_at DESC);
CREATE INDEX inbound_calls_recording ON inbound_calls (recording) WHERE recording IS NOT NULL;

---- create above / drop below ----
DROP TABLE inbound_calls;
DROP INDEX attempts_recording;
ALTER TABLE attempts
	DROP pdd_ms, DROP codec, DROP mos, DROP r_factor, DROP rtt_us, DROP rtp_skipped, DROP remote_lost, DROP late_p99_us,
	DROP hops, DROP handovers, DROP recording, DROP recording_sum, DROP recording_ms, DROP recording_at;
