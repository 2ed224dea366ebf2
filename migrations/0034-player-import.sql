-- depends: 0033-baselines
--
-- Stores lines of an import in a table of players. They lie in the temporary table import_line, with the columns of the target
-- as JSON. Columns that a line lacks get the default that is passed, or that of the table. Rows that are there already stay.
-- Returns how many were stored.
CREATE FUNCTION import_player_rows(target name, defaults jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    expressions text;
    base jsonb;
    stored bigint;
BEGIN
    SELECT string_agg(format('%L, %s', attribute.attname, pg_get_expr(adbin, adrelid)), ', ')
    INTO expressions
    FROM pg_attribute AS attribute
    JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = to_regclass(quote_ident(target)) AND NOT attisdropped;
    EXECUTE format('SELECT jsonb_build_object(%s)', expressions) INTO base;
    EXECUTE format(
        'WITH base AS MATERIALIZED (SELECT jsonb_populate_record(NULL::%1$I, $1) AS filled)'
        ' INSERT INTO %1$I SELECT line.*'
        ' FROM base, import_line, LATERAL json_populate_record(base.filled, content) AS line'
        ' WHERE import_line.kind = %1$L ON CONFLICT DO NOTHING',
        target
    ) USING base || defaults;
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;
