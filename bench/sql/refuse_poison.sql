-- Makes the database refuse a player that passes all checks before it.
ALTER TABLE tally ADD CONSTRAINT no_poison CHECK (user_id <> 'poison');
