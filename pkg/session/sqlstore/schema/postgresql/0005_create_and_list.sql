-- Creates a session, and then returns the others of its owner, for a login in one round
-- trip. It returns NULL if the key is taken, and at most 501 sessions, as a JSON array of
-- objects with the columns' names. The list is a transaction of its own, after the COMMIT: in
-- the same one, two logins at once would each not see the session of the other.
--
-- It runs with the rights of its caller. It is called outside of a transaction. A program of
-- the release before does not call it.
CREATE PROCEDURE coatcheck_sessions_create(
	new_owner text, new_id text, new_secret bytea, new_previous_secret bytea, new_user_id text, new_roles text, new_values text,
	new_created_at bigint, new_authenticated_at bigint, new_last_seen_at bigint, new_expires_at bigint, new_version bigint,
	new_ip text, new_user_agent text, new_last_ip text, new_last_user_agent text, new_persistent boolean, new_ends_at bigint,
	INOUT others text)
LANGUAGE plpgsql AS $$
BEGIN
	others := NULL;
	INSERT INTO coatcheck_sessions (owner, id, secret, previous_secret, user_id, roles, "values",
		created_at, authenticated_at, last_seen_at, expires_at, version, ip, user_agent, last_ip, last_user_agent, persistent, ends_at)
	VALUES (new_owner, new_id, new_secret, new_previous_secret, new_user_id, new_roles, new_values,
		new_created_at, new_authenticated_at, new_last_seen_at, new_expires_at, new_version,
		new_ip, new_user_agent, new_last_ip, new_last_user_agent, new_persistent, new_ends_at)
	ON CONFLICT (owner, id) DO NOTHING;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	COMMIT;
	SELECT COALESCE(json_agg(s)::text, '[]') INTO others FROM (
		SELECT id, encode(secret, 'hex') AS secret, encode(previous_secret, 'hex') AS previous_secret, user_id, roles, "values",
			created_at, authenticated_at, last_seen_at, expires_at, version, ip, user_agent, last_ip, last_user_agent, persistent, ends_at
		FROM coatcheck_sessions WHERE owner = new_owner AND id <> new_id LIMIT 501) s;
END
$$;

INSERT INTO coatcheck_sessions_schema (version) VALUES (-5);
