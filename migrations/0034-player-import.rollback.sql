DROP FUNCTION import_player_rows(name, jsonb);
