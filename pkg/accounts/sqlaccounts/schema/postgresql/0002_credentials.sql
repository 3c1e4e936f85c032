-- COLLATE "C" compares keys byte by byte, whatever the database's locale is and
-- however the operating system's idea of it changes.
ALTER TABLE coatcheck_users ALTER COLUMN name TYPE text COLLATE "C";
ALTER TABLE coatcheck_attempts ALTER COLUMN key TYPE text COLLATE "C";

-- It grows when the password is changed and when the user is disabled.
ALTER TABLE coatcheck_users ADD COLUMN credential_version bigint NOT NULL DEFAULT 0;

-- The ID of the last attempt that was counted, and last_at before it: 0 if it was the first.
ALTER TABLE coatcheck_attempts ADD COLUMN attempt text NOT NULL DEFAULT '';
ALTER TABLE coatcheck_attempts ADD COLUMN previous_at bigint NOT NULL DEFAULT 0;

INSERT INTO coatcheck_accounts_schema (version) VALUES (2);
