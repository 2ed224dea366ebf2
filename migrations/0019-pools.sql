-- depends: 0018-selections
--
-- Data that draws depend on beside the catalogue in use: a secret, and what pools were at the start of each period.

-- Whoever knows the secret can predict what players will get, so reports have no right to read it. A restored or cloned
-- database keeps it, and with it all selections.
CREATE TABLE draw_secret (
    only_row boolean NOT NULL DEFAULT true,
    secret   bytea NOT NULL,
    CONSTRAINT draw_secret_pkey PRIMARY KEY (only_row),
    CONSTRAINT draw_secret_is_one_row CHECK (only_row),
    CONSTRAINT draw_secret_length CHECK (octet_length(secret) = 32)
);

INSERT INTO draw_secret (secret)
SELECT sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8'));

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'challenge_readonly') THEN
        REVOKE ALL ON draw_secret FROM challenge_readonly;
    END IF;
END
$$;

-- Every definition that a pool had, as long as a period that began under it matters. The goals of a period are drawn by the
-- one that was in use at its start, so changing a catalogue changes no selection of a running period.
CREATE TABLE pool_version (
    challenge_id text COLLATE "C" NOT NULL,
    since        timestamptz NOT NULL,
    definition   text NOT NULL,
    CONSTRAINT pool_version_pkey PRIMARY KEY (challenge_id, since)
);

COMMENT ON COLUMN pool_version.definition IS 'JSON: select, no_repeat, and the goals with their weights and join times.';
