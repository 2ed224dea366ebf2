-- Players who were initialized with a time zone.
UPDATE player SET time_zone = $2, zone_times = '{0}', zone_names = ARRAY[$2] WHERE user_id = ANY ($1::text[]);
