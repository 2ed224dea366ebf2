-- name: read_histories
-- Return everything that players' standings are computed from, and the standings, in one statement and so as of one
-- instant. Arrays are null where there are no rows.
-- $1 user_ids
SELECT completions.*, adjustments.*, standings.*, carried.*, reopened.*
FROM (
    SELECT
        array_agg(user_id),
        array_agg(microseconds(complete_time)),
        array_agg(challenge_id), array_agg(to_json(tags)::text), array_agg(points),
        array_agg(microseconds(active_since)),
        array_agg(microseconds(claim_time))
    FROM every_completion
    WHERE user_id = ANY ($1::text[])
) AS completions,
(
    SELECT
        array_agg(user_id), array_agg(points), array_agg(microseconds(adjust_time))
    FROM points_adjustment
    WHERE user_id = ANY ($1::text[])
) AS adjustments,
(
    SELECT
        array_agg(user_id), array_agg(schedule),
        array_agg(microseconds(period_start)),
        array_agg(scope), array_agg(scope_id),
        array_agg(completed), array_agg(claimed), array_agg(points),
        array_agg(microseconds(points_time)),
        array_agg(fastest), array_agg(version)
    FROM standing
    WHERE user_id = ANY ($1::text[])
) AS standings,
(
    SELECT
        array_agg(user_id), array_agg(challenge_id), array_agg(to_json(tags)::text),
        array_agg(microseconds(closed_before)),
        array_agg(completed), array_agg(claimed), array_agg(points),
        array_agg(microseconds(points_time)),
        array_agg(fastest)
    FROM carried_completion
    WHERE user_id = ANY ($1::text[])
) AS carried,
(
    SELECT
        array_agg(user_id), array_agg(challenge_id), array_agg(to_json(tags)::text), array_agg(microseconds(claim_time))
    FROM reopened_completion
    WHERE user_id = ANY ($1::text[]) AND claim_time IS NOT NULL
) AS reopened;

-- name: players_with_history
-- Return a page of the players who have completions, adjusted points or standings, after the last player of the
-- previous page. Completions that were carried forward have left standings.
-- $1 after_user_id, $2 count_max
SELECT user_id
FROM (
    (SELECT DISTINCT user_id FROM completion WHERE user_id > $1 ORDER BY user_id LIMIT $2::integer)
    UNION
    (SELECT DISTINCT user_id FROM settled_completion WHERE user_id > $1 ORDER BY user_id LIMIT $2::integer)
    UNION
    (SELECT DISTINCT user_id FROM points_adjustment WHERE user_id > $1 ORDER BY user_id LIMIT $2::integer)
    UNION
    (SELECT DISTINCT user_id FROM standing WHERE user_id > $1 ORDER BY user_id LIMIT $2::integer)
) AS player
ORDER BY user_id
LIMIT $2::integer;

-- name: count_players_with_standings
-- Return the number of players with standings: about as many as have a history.
SELECT count(*) FROM standing WHERE scope = 'all' AND scope_id = '' AND schedule = 'lifetime';
