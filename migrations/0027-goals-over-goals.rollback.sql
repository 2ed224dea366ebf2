DELETE FROM tally WHERE source IN ('derived', 'goal', 'points');
DELETE FROM goal_identity WHERE source IN ('derived', 'goal', 'points');
ALTER TABLE tally
    DROP CONSTRAINT tally_source_known,
    ADD CONSTRAINT tally_source_known CHECK (source IN ('login', 'stat'));
ALTER TABLE goal_identity
    DROP CONSTRAINT goal_identity_source_known,
    ADD CONSTRAINT goal_identity_source_known CHECK (source IN ('login', 'stat'));
