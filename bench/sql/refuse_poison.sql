-- The database refuses this player, whom nothing before it would.
ALTER TABLE tally ADD CONSTRAINT no_poison CHECK (user_id <> 'poison');
