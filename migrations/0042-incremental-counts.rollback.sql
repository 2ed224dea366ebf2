DROP TABLE counted_player;
DROP FUNCTION uncount_player();
DROP TABLE challenge_total;
DROP TABLE player_sweep;
DROP TABLE changed_player;
