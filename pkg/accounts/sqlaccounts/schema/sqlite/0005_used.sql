-- When the account was added, and when its user last signed in: Unix seconds; 0: not known.
ALTER TABLE coatcheck_users ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE coatcheck_users ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;

-- While the user gets another name: the key of the new one, and that of the old one.
ALTER TABLE coatcheck_users ADD COLUMN renamed_to TEXT NOT NULL DEFAULT '';
ALTER TABLE coatcheck_users ADD COLUMN renamed_from TEXT NOT NULL DEFAULT '';

-- Negative: a program that knows only version 4 may still be started.
INSERT INTO coatcheck_accounts_schema (version) VALUES (-5);
