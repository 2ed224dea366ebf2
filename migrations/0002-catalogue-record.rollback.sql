DROP TABLE goal_identity;
DROP TABLE catalogue_version;
