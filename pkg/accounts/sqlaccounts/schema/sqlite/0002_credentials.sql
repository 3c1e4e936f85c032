-- It grows when the password is changed and when the user is disabled.
ALTER TABLE coatcheck_users ADD COLUMN credential_version BIGINT NOT NULL DEFAULT 0;

-- The ID of the last attempt that was counted, and last_at before it: 0 if it was the first.
ALTER TABLE coatcheck_attempts ADD COLUMN attempt TEXT NOT NULL DEFAULT '';
ALTER TABLE coatcheck_attempts ADD COLUMN previous_at BIGINT NOT NULL DEFAULT 0;

INSERT INTO coatcheck_accounts_schema (version) VALUES (2);
