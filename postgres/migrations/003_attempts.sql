-- Attempts: one try to reach one person, from the plan to the result.

CREATE TABLE attempts (
	id           uuid PRIMARY KEY,
	campaign     uuid NOT NULL REFERENCES campaigns,
	contact      bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	seq          integer NOT NULL, -- nth row of this campaign and person
	number       integer NOT NULL, -- nth attempt spent on the person; trunk faults are not counted
	state        text NOT NULL CHECK (state IN ('planned', 'queued', 'claimed', 'dialing', 'ringing', 'early_media',
		'in_dialog', 'transferring', 'ended', 'refused', 'unknown')),
	epoch        integer NOT NULL DEFAULT 0,
	owner        text NOT NULL DEFAULT '',
	lease_until  timestamptz, -- database wall time
	trunk        text NOT NULL,
	caller_id    text NOT NULL,
	tree_version text NOT NULL,
	planned_at   timestamptz NOT NULL,
	queued_at    timestamptz,
	claimed_at   timestamptz,
	dialed_at    timestamptz, -- the commit before the first INVITE byte
	invite_at    timestamptz,
	ring_at      timestamptz,
	answered_at  timestamptz,
	ended_at     timestamptz,
	disposition  text CHECK (disposition IN ('answered', 'voicemail', 'assistant', 'announcement', 'fax', 'no_answer', 'busy',
		'rejected', 'powered_off', 'unreachable', 'suspended', 'invalid_number', 'invalid_format', 'number_changed',
		'call_barred', 'carrier_blocked', 'forward_failed', 'network_busy', 'line_fault', 'trunk_unavailable', 'no_media',
		'false_answer', 'abandoned', 'cancelled', 'not_dialed', 'unknown')),
	answered_by  text NOT NULL DEFAULT '' CHECK (answered_by IN ('', 'person', 'machine', 'assistant', 'announcement', 'fax', 'unsure')),
	outcome      text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'agreed_add', 'agreed_sms', 'already_friend', 'callback',
		'not_interested', 'wrong_person', 'opt_out', 'complaint', 'transferred', 'no_interaction', 'no_match', 'hung_up', 'system_error')),
	grade        text NOT NULL DEFAULT '',
	ended_by     text NOT NULL DEFAULT '' CHECK (ended_by IN ('', 'callee', 'us', 'carrier', 'timeout')),
	sip_status   integer NOT NULL DEFAULT 0,
	q850         integer NOT NULL DEFAULT 0,
	reason       text NOT NULL DEFAULT '',
	identified   boolean NOT NULL DEFAULT false, -- the right person said so
	disclosed    boolean NOT NULL DEFAULT false, -- heard who calls, and that it is a machine
	pitched      boolean NOT NULL DEFAULT false, -- heard the question
	callback_at  timestamptz,
	tags         text[] NOT NULL DEFAULT '{}',
	variants     jsonb,
	transcript   jsonb,
	journal      jsonb,
	ladder       jsonb,
	verdict      jsonb,
	policy_hash  text NOT NULL DEFAULT '',
	rtp_sent     bigint NOT NULL DEFAULT 0,
	rtp_received bigint NOT NULL DEFAULT 0,
	rtp_lost     bigint NOT NULL DEFAULT 0,
	rtp_late     bigint NOT NULL DEFAULT 0,
	jitter_us    bigint NOT NULL DEFAULT 0,
	UNIQUE (campaign, contact, seq),
	CHECK (state NOT IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')
		OR owner <> '' AND lease_until IS NOT NULL AND epoch > 0),
	CHECK (state NOT IN ('dialing', 'ringing', 'early_media', 'in_dialog', 'transferring', 'unknown') OR dialed_at IS NOT NULL),
	CHECK (state NOT IN ('planned', 'queued', 'claimed', 'refused') OR dialed_at IS NULL),
	CHECK ((state IN ('ended', 'unknown')) = (disposition IS NOT NULL)),
	CHECK (state <> 'unknown' OR disposition = 'unknown'),
	CHECK ((state IN ('ended', 'refused')) = (ended_at IS NOT NULL)),
	CHECK (state <> 'refused' OR reason <> ''),
	CHECK (disposition IS DISTINCT FROM 'answered' OR answered_at IS NOT NULL),
	CHECK (dialed_at IS NOT NULL OR disposition IS NULL OR disposition IN ('not_dialed', 'cancelled', 'trunk_unavailable'))
);

-- Nobody is in two attempts at once, whatever the campaigns.
CREATE UNIQUE INDEX attempts_one_open ON attempts (contact)
	WHERE state IN ('planned', 'queued', 'claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring');
CREATE INDEX attempts_owner ON attempts (owner)
	WHERE state IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring');
CREATE INDEX attempts_open ON attempts (campaign, state)
	WHERE state IN ('planned', 'queued', 'claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring');
CREATE INDEX attempts_contact ON attempts (contact, dialed_at);
CREATE INDEX attempts_abandoned ON attempts (campaign, ended_at) WHERE disposition = 'abandoned';
CREATE INDEX attempts_dead_lines ON attempts (contact) WHERE disposition IN ('invalid_number', 'number_changed', 'suspended');
CREATE INDEX attempts_already_friend ON attempts (contact) WHERE outcome = 'already_friend';
CREATE INDEX attempts_campaign ON attempts (campaign, planned_at DESC);

-- The moves of scheduler.AttemptState: nothing that was dialed goes back.
CREATE FUNCTION attempt_may(was text, next text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
	SELECT (was, next) IN (VALUES
		('planned', 'queued'), ('planned', 'refused'),
		('queued', 'claimed'), ('queued', 'refused'),
		('claimed', 'dialing'), ('claimed', 'queued'), ('claimed', 'refused'), ('claimed', 'ended'),
		('dialing', 'ringing'), ('dialing', 'early_media'), ('dialing', 'in_dialog'), ('dialing', 'ended'), ('dialing', 'unknown'),
		('ringing', 'early_media'), ('ringing', 'in_dialog'), ('ringing', 'ended'), ('ringing', 'unknown'),
		('early_media', 'ringing'), ('early_media', 'in_dialog'), ('early_media', 'ended'), ('early_media', 'unknown'),
		('in_dialog', 'transferring'), ('in_dialog', 'ended'), ('in_dialog', 'unknown'),
		('transferring', 'in_dialog'), ('transferring', 'ended'), ('transferring', 'unknown'),
		('unknown', 'ended'))
$$;
CREATE FUNCTION attempt_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.state <> OLD.state AND NOT attempt_may(OLD.state, NEW.state) THEN
		RAISE EXCEPTION 'attempt %: % does not become %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER moves BEFORE UPDATE OF state ON attempts FOR EACH ROW EXECUTE FUNCTION attempt_moves();

-- What a person has heard past half, so nobody hears the same warm line twice.
CREATE TABLE lines_heard (
	contact  bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	attempt  uuid NOT NULL REFERENCES attempts ON DELETE CASCADE,
	line     text NOT NULL,
	hook     text NOT NULL DEFAULT '',
	heard_at timestamptz NOT NULL,
	PRIMARY KEY (attempt, line)
);
CREATE INDEX lines_heard_contact ON lines_heard (contact, heard_at);

-- Work to be announced to a worker. The row is the work's right to be done; the
-- announcement may be lost or come twice.
CREATE TABLE outbox (
	id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind          text NOT NULL CHECK (kind IN ('attempt', 'invite', 'message')),
	key           text NOT NULL,
	payload       jsonb,
	not_before    timestamptz NOT NULL, -- business time
	dispatch      integer NOT NULL DEFAULT 0,
	dispatched_at timestamptz,          -- database wall time
	done_at       timestamptz,
	UNIQUE (kind, key)
);
CREATE INDEX outbox_open ON outbox (not_before, id) WHERE done_at IS NULL;

-- Short messages, before, during and after the provider had them.
CREATE TABLE messages (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	campaign    uuid NOT NULL REFERENCES campaigns,
	contact     bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	attempt     uuid NOT NULL REFERENCES attempts,
	template    text NOT NULL,
	text        text NOT NULL DEFAULT '',
	token       text NOT NULL DEFAULT '',
	state       text NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'cancelled')),
	provider_id text,
	error       text NOT NULL DEFAULT '',
	due_at      timestamptz NOT NULL,
	queued_at   timestamptz NOT NULL,
	sending_at  timestamptz,
	sent_at     timestamptz,
	ended_at    timestamptz,
	UNIQUE (attempt, template),
	CHECK (state NOT IN ('sending', 'sent', 'delivered', 'unknown') OR sending_at IS NOT NULL),
	CHECK (state NOT IN ('sent', 'delivered') OR provider_id IS NOT NULL AND sent_at IS NOT NULL)
);
CREATE UNIQUE INDEX messages_provider ON messages (provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX messages_sending ON messages (sending_at) WHERE state = 'sending';
CREATE INDEX messages_contact ON messages (contact);
CREATE INDEX messages_campaign ON messages (campaign);

---- create above / drop below ----
DROP TABLE messages, outbox, lines_heard, attempts;
DROP FUNCTION attempt_moves(), attempt_may(text, text);
