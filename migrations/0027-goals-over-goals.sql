-- depends: 0019-pools
-- transactional: false
--
-- Tallies and goals of sources that no event names: completions of other goals, and their points. Checked by constraints that
-- are added without a look at the rows that are there, and validated beside calls. A validation that was interrupted is
-- repeated with the rest. The release before reads no tallies of these sources, so catalogues use them once all processes
-- run this release.
ALTER TABLE tally
    DROP CONSTRAINT IF EXISTS tally_source_known,
    ADD CONSTRAINT tally_source_known CHECK (source IN ('login', 'stat', 'derived', 'goal', 'points')) NOT VALID;

ALTER TABLE tally VALIDATE CONSTRAINT tally_source_known;

ALTER TABLE goal_identity
    DROP CONSTRAINT IF EXISTS goal_identity_source_known,
    ADD CONSTRAINT goal_identity_source_known CHECK (source IN ('login', 'stat', 'derived', 'goal', 'points')) NOT VALID;

ALTER TABLE goal_identity VALIDATE CONSTRAINT goal_identity_source_known;
