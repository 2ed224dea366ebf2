CREATE OR REPLACE FUNCTION erase_player(player text, pseudonym text, act_time timestamptz, operator text, reason text)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    counts jsonb := '{}';
    touched bigint;
    stored name;
BEGIN
    FOR stored IN SELECT player_tables() LOOP
        IF stored = 'reward_outbox' THEN
            PERFORM FROM reward_outbox WHERE user_id = player FOR UPDATE;
            IF EXISTS (SELECT FROM reward_outbox WHERE user_id = player AND state IN ('PENDING', 'DELIVERING')) THEN
                RAISE EXCEPTION USING ERRCODE = '22C01', MESSAGE = 'a grant may still be delivered';
            END IF;
            UPDATE reward_audit AS audit
            SET reason = replace(audit.reason, player, pseudonym)
            FROM reward_outbox AS outbox
            WHERE outbox.user_id = player AND audit.grant_id = outbox.grant_id;
        END IF;
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', stored) USING player;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched > 0 THEN
            counts := counts || jsonb_build_object(stored, touched);
        END IF;
    END LOOP;
    UPDATE leaderboard_final AS final
    SET user_id = pseudonym
    FROM leaderboard_period AS period
    WHERE period.final_time IS NOT NULL
        AND final.board_id = period.board_id
        AND final.period_start = period.period_start
        AND final.user_id = player;
    GET DIAGNOSTICS touched = ROW_COUNT;
    counts := counts || jsonb_build_object('leaderboard_final', touched);
    UPDATE leaderboard_journal SET user_ids = array_remove(user_ids, player) WHERE player = ANY (user_ids);
    UPDATE operator_audit AS audit
    SET
        user_id = pseudonym,
        reason = replace(audit.reason, player, pseudonym),
        details = replace(audit.details::text, to_json(player)::text, to_json(pseudonym)::text)::jsonb
    WHERE audit.user_id = player;
    GET DIAGNOSTICS touched = ROW_COUNT;
    counts := counts || jsonb_build_object('operator_audit', touched);
    INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
    VALUES (act_time, operator, 'player erase', pseudonym, replace(reason, player, pseudonym), counts);
    RETURN counts;
END
$$;

CREATE OR REPLACE FUNCTION delete_old_audits(before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_kept timestamptz := least(before, database_time() - interval '400 days');
    deleted bigint;
    further bigint;
BEGIN
    DELETE FROM operator_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id FROM operator_audit WHERE act_time < last_kept ORDER BY audit_id LIMIT 1000
    ));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    DELETE FROM reward_audit
    WHERE audit_id = ANY (ARRAY (
        SELECT audit_id FROM reward_audit WHERE act_time < last_kept ORDER BY audit_id LIMIT 1000
    ));
    GET DIAGNOSTICS further = ROW_COUNT;
    RETURN deleted + further;
END
$$;

CREATE OR REPLACE FUNCTION copy_points_adjustment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operator_audit (act_time, operator, kind, user_id, reason, details)
    VALUES (
        NEW.adjust_time, NEW.operator, 'points adjust', NEW.user_id, NEW.reason,
        jsonb_build_object('adjustment_id', NEW.adjustment_id, 'points', NEW.points)
    );
    RETURN NULL;
END
$$;

-- A function that is replaced keeps its owner and who may execute it, and loses the rest.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'delete_old_audits(timestamptz)', 'erase_player(text, text, timestamptz, text, text)'
    ]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', signature, current_schema());
    END LOOP;
END
$$;

DROP TRIGGER operator_audit_is_stamped ON operator_audit;
DROP TRIGGER reward_audit_is_stamped ON reward_audit;
DROP FUNCTION stamp_audit();
DROP FUNCTION store_import_rows(name);
DROP FUNCTION stage_import_rows(name);
DROP FUNCTION player_columns();
DROP TABLE erased_import;
ALTER TABLE operator_audit DROP COLUMN record_time;
ALTER TABLE reward_audit DROP COLUMN record_time;
ALTER TABLE points_adjustment DROP COLUMN imported_by;
