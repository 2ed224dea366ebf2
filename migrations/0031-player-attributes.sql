-- depends: 0030-several-rewards
--
-- Attributes of players that rewards can require, such as having bought the premium track.
CREATE TABLE player_attribute (
    user_id   text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    set_time  timestamptz NOT NULL,
    CONSTRAINT player_attribute_pkey PRIMARY KEY (user_id, attribute),
    CONSTRAINT player_attribute_user_id_length CHECK (char_length(user_id) BETWEEN 1 AND 128),
    CONSTRAINT player_attribute_attribute_length CHECK (char_length(attribute) BETWEEN 1 AND 128)
);

COMMENT ON TABLE player_attribute IS 'The attributes that each player has; set and removed by the game.';
