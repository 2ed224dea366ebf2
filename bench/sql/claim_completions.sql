-- Claims what these players have completed, an hour after it was.
UPDATE completion
SET claim_time = complete_time + interval '1 hour', claim_number = 1
WHERE user_id = ANY ($1::text[]) AND claim_time IS NULL;
