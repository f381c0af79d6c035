-- The house itself: who dials, how fast, what was done and what changed.

-- Dialers alive. Wall time of the database.
CREATE TABLE dialers (
	id        text PRIMARY KEY CHECK (id <> ''),
	addr      text NOT NULL,
	heartbeat timestamptz NOT NULL,
	draining  boolean NOT NULL DEFAULT false
);

-- The pace of a trunk and caller ID: one timestamp (scheduler.GCRA). Wall time
-- of the database.
CREATE TABLE pace (
	trunk     text NOT NULL,
	caller_id text NOT NULL,
	tat       timestamptz NOT NULL,
	PRIMARY KEY (trunk, caller_id)
);

-- Who did what to what: appended, never changed.
CREATE TABLE audit (
	id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at     timestamptz NOT NULL,
	actor  text NOT NULL,
	action text NOT NULL,
	ref    text NOT NULL,
	detail jsonb
);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_evidence();

-- What the console follows by cursor. Rows are read in the order of their
-- transactions and only once every older transaction is over, so that a cursor
-- never passes a row that is still to appear.
CREATE TABLE changes (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tx      xid8 NOT NULL DEFAULT pg_current_xact_id(),
	at      timestamptz NOT NULL,
	kind    text NOT NULL,
	ref     text NOT NULL,
	payload jsonb
);
CREATE INDEX changes_order ON changes (tx, id);

---- create above / drop below ----
DROP TABLE changes, audit, pace, dialers;
