DROP TRIGGER completion_restores_claims ON completion;
DROP FUNCTION restore_claims();
DROP TABLE reopened_completion;
