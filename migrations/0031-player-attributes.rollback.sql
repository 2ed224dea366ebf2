DROP TABLE player_attribute;
