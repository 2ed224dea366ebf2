DROP FUNCTION erase_player(text, text, timestamptz, text, text);
DROP FUNCTION player_ids(text, integer);
DROP FUNCTION player_rows(text);
DROP FUNCTION player_tables();
DROP TABLE player_import;
DROP TABLE player_tombstone;
