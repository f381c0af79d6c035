-- Campaigns (外呼任务) and the people in them.

CREATE TABLE campaigns (
	id           uuid PRIMARY KEY,
	name         text NOT NULL UNIQUE CHECK (name <> ''),
	brand        text NOT NULL CHECK (brand <> ''),
	segment      text NOT NULL,
	dialog       text NOT NULL,
	tree_source  bytea NOT NULL,
	tree_version text NOT NULL,
	purpose      text NOT NULL CHECK (purpose IN ('service', 'marketing', 'care')),
	policy       text NOT NULL,
	trunk        text NOT NULL,
	caller_id    text NOT NULL,
	rate         double precision NOT NULL CHECK (rate > 0),
	channels     integer NOT NULL CHECK (channels > 0),
	ring_timeout interval NOT NULL,
	retry        jsonb NOT NULL,
	state        text NOT NULL CHECK (state IN ('draft', 'validating', 'awaiting_approval', 'ready', 'piloting',
		'running', 'pausing', 'paused', 'completing', 'completed', 'cancelled', 'failed')),
	why          text NOT NULL DEFAULT '',
	author       text NOT NULL,
	approved_by  text NOT NULL DEFAULT '',
	created_at   timestamptz NOT NULL,
	started_at   timestamptz,
	ended_at     timestamptz,
	CHECK (state NOT IN ('ready', 'piloting', 'running', 'pausing', 'paused', 'completing', 'completed') OR approved_by <> ''),
	CHECK (state NOT IN ('piloting', 'running', 'pausing', 'paused', 'completing', 'completed') OR started_at IS NOT NULL),
	CHECK ((state IN ('completed', 'cancelled', 'failed')) = (ended_at IS NOT NULL)),
	CHECK (state <> 'paused' OR why <> '')
);

-- The moves of scheduler.CampaignState, once more where nobody can forget them.
CREATE FUNCTION campaign_may(was text, next text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$
	SELECT (was, next) IN (VALUES
		('draft', 'validating'), ('draft', 'cancelled'),
		('validating', 'awaiting_approval'), ('validating', 'draft'), ('validating', 'failed'), ('validating', 'cancelled'),
		('awaiting_approval', 'ready'), ('awaiting_approval', 'draft'), ('awaiting_approval', 'cancelled'),
		('ready', 'piloting'), ('ready', 'running'), ('ready', 'draft'), ('ready', 'cancelled'),
		('piloting', 'pausing'), ('piloting', 'paused'), ('piloting', 'running'), ('piloting', 'completing'),
		('piloting', 'cancelled'), ('piloting', 'failed'),
		('running', 'pausing'), ('running', 'paused'), ('running', 'completing'), ('running', 'cancelled'), ('running', 'failed'),
		('pausing', 'paused'), ('pausing', 'running'), ('pausing', 'cancelled'),
		('paused', 'running'), ('paused', 'piloting'), ('paused', 'cancelled'), ('paused', 'completing'),
		('completing', 'completed'), ('completing', 'running'), ('completing', 'cancelled'))
$$;
CREATE FUNCTION campaign_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.state <> OLD.state AND NOT campaign_may(OLD.state, NEW.state) THEN
		RAISE EXCEPTION 'campaign %: % does not become %', OLD.name, OLD.state, NEW.state USING ERRCODE = 'check_violation';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER moves BEFORE UPDATE OF state ON campaigns FOR EACH ROW EXECUTE FUNCTION campaign_moves();

-- One row per person of a campaign: when they are looked at next and why not
-- sooner. Everyone is always due, held until a moment, being called, or done.
CREATE TABLE contact_tasks (
	campaign    uuid NOT NULL REFERENCES campaigns,
	contact     bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	state       text NOT NULL CHECK (state IN ('pending', 'waiting', 'attempting', 'done')),
	due_at      timestamptz,
	held_reason text NOT NULL DEFAULT '',
	held_until  timestamptz,
	done_reason text NOT NULL DEFAULT '',
	attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- spent on the person
	tries       integer NOT NULL DEFAULT 0 CHECK (tries >= attempts), -- rows in attempts
	eligible    boolean,                                          -- the door's last word
	verdict     jsonb,                                            -- and its evidence
	policy_hash text NOT NULL DEFAULT '',
	updated_at  timestamptz NOT NULL,
	PRIMARY KEY (campaign, contact),
	CHECK ((state IN ('pending', 'waiting')) = (due_at IS NOT NULL)),
	CHECK (state <> 'done' OR done_reason <> '')
);
CREATE INDEX contact_tasks_due ON contact_tasks (campaign, due_at, contact) WHERE state IN ('pending', 'waiting');
CREATE INDEX contact_tasks_contact ON contact_tasks (contact);

---- create above / drop below ----
DROP TABLE contact_tasks, campaigns;
DROP FUNCTION campaign_moves(), campaign_may(text, text);
