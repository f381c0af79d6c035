-- People: where they come from, what they bought, what they allowed and refused.

-- One row per file taken in. The same file for the same brand and source twice
-- is one batch.
CREATE TABLE import_batches (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	file        text NOT NULL,
	sha256      text NOT NULL,
	brand       text NOT NULL,
	source      text NOT NULL,
	rows        integer NOT NULL DEFAULT 0,
	people      integer NOT NULL DEFAULT 0,
	folded      integer NOT NULL DEFAULT 0,
	refused     integer NOT NULL DEFAULT 0,
	imported_at timestamptz NOT NULL,
	UNIQUE (sha256, brand, source)
);

-- What a file's owner has to correct.
CREATE TABLE import_rejects (
	batch  bigint NOT NULL REFERENCES import_batches ON DELETE CASCADE,
	line   integer NOT NULL,
	col    integer NOT NULL,
	field  text NOT NULL,
	reason text NOT NULL,
	value  text NOT NULL,
	cells  text[] NOT NULL
);
CREATE INDEX import_rejects_batch ON import_rejects (batch, line);

-- One row per person, which is one number.
CREATE TABLE contacts (
	id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	phone           text NOT NULL UNIQUE CHECK (phone ~ '^\+[1-9][0-9]{5,14}$'),
	name            text NOT NULL DEFAULT '',
	surname         text NOT NULL DEFAULT '',
	gender          text NOT NULL DEFAULT '' CHECK (gender IN ('', 'f', 'm')),
	gender_declared boolean NOT NULL DEFAULT false,
	role            text NOT NULL DEFAULT 'buyer' CHECK (role IN ('buyer', 'consignee', 'member')),
	province        text NOT NULL DEFAULT '',
	city            text NOT NULL DEFAULT '',
	district        text NOT NULL DEFAULT '',
	birthday_month  smallint NOT NULL DEFAULT 0 CHECK (birthday_month BETWEEN 0 AND 12),
	birthday_day    smallint NOT NULL DEFAULT 0 CHECK (birthday_day BETWEEN 0 AND 31),
	birthday_lunar  boolean NOT NULL DEFAULT false,
	birthday_leap   boolean NOT NULL DEFAULT false,
	frequency       integer NOT NULL DEFAULT 0 CHECK (frequency >= 0),
	amount_fen      bigint NOT NULL DEFAULT 0,
	last_order_at   timestamptz,
	last_signed_at  timestamptz,
	tags            text[] NOT NULL DEFAULT '{}',
	risks           text[] NOT NULL DEFAULT '{}',
	zone            text NOT NULL DEFAULT 'Asia/Shanghai',
	wrong_person_at timestamptz, -- somebody said the number is not theirs
	complained_at   timestamptz,
	created_at      timestamptz NOT NULL,
	updated_at      timestamptz NOT NULL
);

-- Order lines. The key names an item of an order within its source, so a file exported again
-- next month updates what it repeats.
CREATE TABLE orders (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact    bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	batch      bigint NOT NULL REFERENCES import_batches,
	brand      text NOT NULL,
	source     text NOT NULL,
	key        text NOT NULL,
	number     text NOT NULL,
	line       integer NOT NULL,
	role       text NOT NULL,
	buyer      text NOT NULL,
	receiver   text NOT NULL,
	item       text NOT NULL,
	sku        text NOT NULL,
	quantity   integer NOT NULL,
	amount_fen bigint NOT NULL,
	shop       text NOT NULL,
	province   text NOT NULL,
	city       text NOT NULL,
	district   text NOT NULL,
	paid_at    timestamptz,
	signed_at  timestamptz,
	refunded   boolean NOT NULL,
	level      text NOT NULL,
	UNIQUE (contact, source, key)
);

-- Who allowed what, in which words. An order creates no consent.
CREATE TABLE consents (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	contact      bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	brand        text NOT NULL CHECK (brand <> ''),
	purpose      text NOT NULL CHECK (purpose IN ('service', 'marketing')),
	channels     text[] NOT NULL CHECK (channels <@ ARRAY['voice', 'sms', 'wecom'] AND channels <> '{}'),
	text_version text NOT NULL,
	source       text NOT NULL,
	given_at     timestamptz NOT NULL,
	expires_at   timestamptz,
	proof        text NOT NULL,
	withdrawn_at timestamptz,
	UNIQUE (contact, brand, purpose, given_at, source),
	CHECK (expires_at IS NULL OR expires_at > given_at)
);

-- The do-not-contact list (免打扰名单). It holds no number, only a keyed hash, so
-- it outlives the erasure of the person. No import touches it, and nothing in
-- the product deletes from it.
CREATE TABLE suppressions (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	hash    bytea NOT NULL,
	key_id  text NOT NULL CHECK (key_id <> ''),
	channel text NOT NULL CHECK (channel IN ('all', 'voice', 'sms', 'wecom')),
	brand   text NOT NULL DEFAULT '', -- '' is every brand
	source  text NOT NULL,
	attempt uuid,
	at      timestamptz NOT NULL,
	UNIQUE (hash, key_id, channel, brand)
);

-- Rows that are evidence are neither changed nor removed.
CREATE FUNCTION keep_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% rows are evidence: % is refused', TG_TABLE_NAME, lower(TG_OP) USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON suppressions
	FOR EACH ROW EXECUTE FUNCTION keep_evidence();

---- create above / drop below ----
DROP TABLE suppressions, consents, orders, contacts, import_rejects, import_batches;
DROP FUNCTION keep_evidence();
