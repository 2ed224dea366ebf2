-- depends: 0009-database-identity
--
-- The release before stores rankings under keys of another format, and deletes entries of the journal once they are there.
-- While it runs beside this release, its deletions must not hide scores from rankings under the keys of this release. So
-- entries are deleted only by transactions that name the format, as soon as a process of this release uses Redis. What the
-- release before leaves is repaired from the journal like anything that was missed.
CREATE FUNCTION keep_journal_of_two_releases() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF current_setting('challenge.cache_format', true) = '2' OR NOT EXISTS (SELECT FROM redis_prefix) THEN
        RETURN OLD;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER leaderboard_journal_of_two_releases
BEFORE DELETE ON leaderboard_journal
FOR EACH ROW EXECUTE FUNCTION keep_journal_of_two_releases();
