DROP FUNCTION player_traces(text);
