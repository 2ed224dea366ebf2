DROP TABLE pool_version;
DROP TABLE draw_secret;
