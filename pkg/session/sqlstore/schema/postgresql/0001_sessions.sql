-- The versions that are applied: one row for each of these files.
CREATE TABLE coatcheck_sessions_schema (
	version integer PRIMARY KEY
);

-- COLLATE "C" compares keys byte by byte, whatever the database's locale is and
-- however the operating system's idea of it changes.
CREATE TABLE coatcheck_sessions (
	owner            text COLLATE "C" NOT NULL,
	id               text COLLATE "C" NOT NULL,
	secret           bytea  NOT NULL, -- SHA-256 of a token's secret: 32 bytes
	previous_secret  bytea  NOT NULL,
	user_id          text   NOT NULL,
	roles            text   NOT NULL, -- JSON: ["admin"]
	"values"         text   NOT NULL, -- JSON: {"theme": "dark"}
	created_at       bigint NOT NULL, -- Unix milliseconds
	authenticated_at bigint NOT NULL, -- Unix seconds, like the next two
	last_seen_at     bigint NOT NULL,
	expires_at       bigint NOT NULL, -- from then on the session is dead
	version          bigint NOT NULL, -- random, new on every Update
	ip               text   NOT NULL,
	user_agent       text   NOT NULL,
	PRIMARY KEY (owner, id)
);

CREATE INDEX coatcheck_sessions_expires_at ON coatcheck_sessions (expires_at);

INSERT INTO coatcheck_sessions_schema (version) VALUES (1);
