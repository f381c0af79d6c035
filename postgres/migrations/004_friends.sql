-- Friends: members of the shop in WeCom (企业微信), the invitations they make or
-- send, and what came of them.

CREATE TABLE members (
	userid      text PRIMARY KEY,
	name        text NOT NULL,
	brand       text NOT NULL DEFAULT '', -- '' serves every brand
	daily       integer NOT NULL CHECK (daily >= 0),
	link_id     text NOT NULL DEFAULT '',
	link_url    text NOT NULL DEFAULT '',
	paused_until timestamptz,
	active      boolean NOT NULL DEFAULT true,
	updated_at  timestamptz NOT NULL
);

-- One invitation of one person. The states are those of wecom.State; the moves
-- are checked by wecom.State.Next under the row's lock.
CREATE TABLE invitations (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	campaign   uuid NOT NULL REFERENCES campaigns,
	contact    bigint NOT NULL REFERENCES contacts ON DELETE CASCADE,
	attempt    uuid NOT NULL REFERENCES attempts,
	member     text NOT NULL REFERENCES members,
	channel    text NOT NULL DEFAULT '' CHECK (channel IN ('', 'link', 'task')),
	state      text NOT NULL CHECK (state IN ('consented', 'offered', 'clicked', 'half', 'awaiting_acceptance', 'not_found',
		'throttled', 'added', 'chatting', 'transferred', 'lost_by_customer', 'lost_by_member', 'expired', 'refused',
		'unreachable', 'duplicate', 'opted_out')),
	token      text UNIQUE CHECK (length(token) <= 28),
	url        text NOT NULL DEFAULT '',
	reserved_at timestamptz NOT NULL,
	offered_at timestamptz,
	added_at   timestamptz,
	changed_at timestamptz NOT NULL,
	CHECK (state IN ('consented', 'duplicate', 'expired', 'refused', 'unreachable', 'opted_out', 'added', 'half') OR offered_at IS NOT NULL),
	CHECK (state NOT IN ('added', 'chatting', 'transferred') OR added_at IS NOT NULL)
);
CREATE UNIQUE INDEX invitations_one_open ON invitations (contact)
	WHERE state IN ('consented', 'offered', 'clicked', 'half', 'awaiting_acceptance', 'not_found', 'throttled');
CREATE UNIQUE INDEX invitations_attempt ON invitations (attempt);
CREATE INDEX invitations_member ON invitations (member, reserved_at);
CREATE INDEX invitations_contact ON invitations (contact);
CREATE INDEX invitations_campaign ON invitations (campaign);

-- Every move of an invitation, for ever.
CREATE TABLE invitation_moves (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	invitation bigint NOT NULL REFERENCES invitations ON DELETE CASCADE,
	was        text NOT NULL,
	event      text NOT NULL,
	next       text NOT NULL,
	at         timestamptz NOT NULL
);
CREATE INDEX invitation_moves_invitation ON invitation_moves (invitation);

-- Who is whose friend. The contact is known only where the evidence names it.
CREATE TABLE friendships (
	external_userid text NOT NULL,
	member          text NOT NULL,
	contact         bigint REFERENCES contacts ON DELETE SET NULL,
	invitation      bigint REFERENCES invitations ON DELETE SET NULL,
	state           text NOT NULL DEFAULT '', -- the token as WeCom gave it back
	add_way         integer NOT NULL DEFAULT 0,
	evidence        text NOT NULL CHECK (evidence IN ('state', 'campaign_phone', 'task_phone', 'forwarded', 'none')),
	added_at        timestamptz NOT NULL,
	lost_at         timestamptz,
	lost_by         text NOT NULL DEFAULT '' CHECK (lost_by IN ('', 'customer', 'member', 'transfer')),
	PRIMARY KEY (external_userid, member),
	CHECK ((lost_at IS NULL) = (lost_by = ''))
);
CREATE INDEX friendships_contact ON friendships (contact);

-- WeCom pushes an event up to four times; the key makes it one.
CREATE TABLE wecom_events (
	dedupe   text PRIMARY KEY,
	kind     text NOT NULL,
	payload  jsonb NOT NULL,
	seen_at  timestamptz NOT NULL
);

---- create above / drop below ----
DROP TABLE wecom_events, friendships, invitation_moves, invitations, members;
