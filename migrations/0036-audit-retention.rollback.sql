DROP FUNCTION delete_old_audits(timestamptz);
