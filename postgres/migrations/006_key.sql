-- The one key suppressions of this house are hashed with, by its ID. Two hosts
-- with different keys would not see each other's opt-outs.
CREATE TABLE suppression_key (
	one    boolean PRIMARY KEY DEFAULT true CHECK (one),
	key_id text NOT NULL
);

---- create above / drop below ----
DROP TABLE suppression_key;
