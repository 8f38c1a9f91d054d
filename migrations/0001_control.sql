-- The control tables: flags with their rules and history, backfill jobs and checkpoints.
-- Unqualified: the search_path of the session that migrates names the schema, and pg_temp last, lest a temporary table
-- stand for one of ours. Functions keep that path, and run with the rights of their owner: who changes a flag needs
-- rights on runtime_flags only.

-- The tables with fixed names may be there already, with rows: they are completed.
CREATE TABLE IF NOT EXISTS runtime_flags (
    flag_name  TEXT PRIMARY KEY,
    flag_value TEXT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    updated_by TEXT NOT NULL
);
-- The reason of the change being made; it is moved into the history, so that it never stands for a later one.
ALTER TABLE runtime_flags ADD COLUMN IF NOT EXISTS why TEXT NOT NULL DEFAULT '';

CREATE TABLE IF NOT EXISTS backfill_jobs (
    job_id             TEXT PRIMARY KEY,
    target             TEXT NOT NULL,
    status             TEXT NOT NULL,
    high_watermark_seq BIGINT NULL,
    processed_rows     BIGINT NOT NULL DEFAULT 0,
    error_message      TEXT NULL,
    started_at         TIMESTAMPTZ NULL,
    completed_at       TIMESTAMPTZ NULL,
    updated_at         TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS backfill_checkpoints (
    job_id      TEXT NOT NULL,
    shard_key   TEXT NOT NULL,
    last_cursor TEXT NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    PRIMARY KEY (job_id, shard_key)
);

-- Every change of a flag, of the stale mark under the name `target_stale`, and of the latch as `rollback_latch`.
CREATE TABLE flag_history (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flag_name  TEXT NOT NULL,
    old_value  TEXT NOT NULL,
    new_value  TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    why        TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- Who was logged in: `changed_by` is whatever was given, and at psql often nothing new.
    db_user    TEXT NOT NULL DEFAULT session_user
);

-- One row: what the flags stand at. Every statement that changes flags updates it first, which puts concurrent changes
-- in a row: each is judged against what the one before it committed (and fails to serialise under REPEATABLE READ).
CREATE TABLE flag_state (
    only_row     BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    revision     BIGINT NOT NULL DEFAULT 0,
    write_mode   TEXT NOT NULL DEFAULT 'meili_only',
    -- The last transaction that changed the mode, and the mode before it.
    mode_xact    XID8,
    mode_before  TEXT,
    target_stale BOOLEAN NOT NULL DEFAULT FALSE,
    -- The latch of a rollback: who set it, why and when; cleared, these say who cleared it last.
    latched      BOOLEAN NOT NULL DEFAULT FALSE,
    latched_by   TEXT NOT NULL DEFAULT '',
    latched_why  TEXT NOT NULL DEFAULT '',
    latched_at   TIMESTAMPTZ NULL
);
INSERT INTO flag_state (write_mode)
SELECT coalesce(max(flag_value), 'meili_only') FROM runtime_flags WHERE flag_name = 'search_write_mode';

-- Rules and messages are those of src/plan/rules.rs; a test compares the two over every combination.

CREATE FUNCTION flag_default(flag TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE flag
        WHEN 'search_write_mode' THEN 'meili_only'
        WHEN 'search_read_backend' THEN 'meili'
        WHEN 'search_read_pg_percent' THEN '100'
        WHEN 'shadow_sample_rate' THEN '0'
    END
$$;

CREATE FUNCTION flag_refuse(rule TEXT, message TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = rule || ': ' || message, ERRCODE = 'check_violation', CONSTRAINT = rule;
END
$$;

CREATE FUNCTION flags_lock() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'runtime_flags cannot be truncated: it would leave no history; delete the rows instead';
    END IF;
    UPDATE flag_state SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE FUNCTION flag_check_row() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    given TEXT := NEW.flag_value;
    ok BOOLEAN;
    allowed TEXT;
BEGIN
    IF flag_default(NEW.flag_name) IS NULL THEN
        PERFORM flag_refuse('unknown_flag', format(
            '`%s` is no flag; the flags are search_write_mode, search_read_backend, search_read_pg_percent, shadow_sample_rate',
            NEW.flag_name));
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.flag_name <> OLD.flag_name THEN
        RAISE EXCEPTION 'a flag cannot be renamed; delete its row and insert the other';
    END IF;
    CASE NEW.flag_name
        WHEN 'search_write_mode' THEN
            ok := given IN ('meili_only', 'dual', 'pg_only');
            allowed := 'meili_only, dual or pg_only';
        WHEN 'search_read_backend' THEN
            ok := given IN ('meili', 'pg');
            allowed := 'meili or pg';
        ELSE
            -- CASE, not AND: the cast must not be tried on what is no number.
            ok := CASE WHEN given ~ '^[0-9]{1,3}(\.[0-9]{0,4})?$' THEN given::NUMERIC <= 100 ELSE FALSE END;
            allowed := 'a number from 0 to 100 with at most four decimals';
    END CASE;
    IF NOT ok THEN
        PERFORM flag_refuse('bad_value', format('`%s` is no value of %s; give %s', given, NEW.flag_name, allowed));
    END IF;
    NEW.updated_at := NOW();
    RETURN NEW;
END
$$;

CREATE FUNCTION flag_keep_history() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.flag_value <> flag_default(OLD.flag_name) THEN
            INSERT INTO flag_history (flag_name, old_value, new_value, changed_by, why)
            VALUES (OLD.flag_name, OLD.flag_value, flag_default(OLD.flag_name), session_user, 'row deleted');
        END IF;
        RETURN NULL;
    END IF;
    INSERT INTO flag_history (flag_name, old_value, new_value, changed_by, why)
    SELECT NEW.flag_name, old_value, NEW.flag_value, NEW.updated_by, NEW.why
    FROM (SELECT CASE TG_OP WHEN 'UPDATE' THEN OLD.flag_value ELSE flag_default(NEW.flag_name) END) AS before (old_value)
    WHERE old_value <> NEW.flag_value;
    IF NEW.why <> '' THEN
        UPDATE runtime_flags SET why = '' WHERE flag_name = NEW.flag_name;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION flags_check() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    state flag_state%ROWTYPE;
    cause flag_history%ROWTYPE;
    began TEXT;
    before TEXT;
    mode TEXT;
    backend TEXT;
    percent NUMERIC;
BEGIN
    SELECT * INTO STRICT state FROM flag_state;
    SELECT coalesce(max(flag_value) FILTER (WHERE flag_name = 'search_write_mode'), 'meili_only'),
           coalesce(max(flag_value) FILTER (WHERE flag_name = 'search_read_backend'), 'meili'),
           coalesce(max(flag_value) FILTER (WHERE flag_name = 'search_read_pg_percent'), '100')::NUMERIC
    INTO mode, backend, percent
    FROM runtime_flags;

    -- The steps of one transaction are seen as one by everybody else.
    began := CASE WHEN state.mode_xact = pg_current_xact_id() THEN state.mode_before ELSE state.write_mode END;
    FOREACH before IN ARRAY ARRAY[state.write_mode, began] LOOP
        IF (before, mode) IN (('meili_only', 'pg_only'), ('pg_only', 'meili_only')) THEN
            PERFORM flag_refuse('one_step', format(
                'search_write_mode cannot go from %s to %s at once; set search_write_mode=dual first', before, mode));
        END IF;
    END LOOP;
    IF state.write_mode <> mode THEN
        UPDATE flag_state SET write_mode = mode, mode_before = began, mode_xact = pg_current_xact_id();
    END IF;

    -- The emergency brake: always allowed, takes the reads along, marks the target stale.
    IF state.write_mode = 'dual' AND mode = 'meili_only' THEN
        SELECT * INTO cause FROM flag_history WHERE flag_name = 'search_write_mode' ORDER BY id DESC LIMIT 1;
        PERFORM set_target_stale(TRUE, cause.changed_by, cause.why);
        PERFORM pg_notify('crossfade_flags', TG_TABLE_SCHEMA);
        RETURN NULL;
    END IF;

    IF mode = 'meili_only' AND backend = 'pg' THEN
        PERFORM flag_refuse('pg_reads_need_pg_writes',
            'search_read_backend=pg needs search_write_mode=dual or pg_only; set search_write_mode=dual first');
    ELSIF mode = 'pg_only' AND backend = 'meili' THEN
        PERFORM flag_refuse('meili_reads_need_meili_writes',
            'search_write_mode=pg_only needs search_read_backend=pg, because Meilisearch is no longer written; '
            'to leave Meilisearch set search_read_backend=pg first, to return to it set search_write_mode=dual first '
            'and bring it up to date: it has missed the writes of the time on pg_only');
    ELSIF mode = 'pg_only' AND percent <> 100 THEN
        PERFORM flag_refuse('pg_only_needs_all_readers',
            'search_write_mode=pg_only needs search_read_pg_percent=100, because Meilisearch is no longer written; '
            'set search_read_pg_percent=100 first');
    ELSIF backend = 'pg' AND state.target_stale THEN
        PERFORM flag_refuse('target_stale',
            'search_read_backend=pg is refused while the target is stale: it has missed writes since dual -> '
            'meili_only; run a backfill or a drift repair, then `crossfade flags clear-stale`');
    ELSIF backend = 'pg' AND state.latched THEN
        PERFORM flag_refuse('latched',
            'search_read_backend=pg is refused while a rollback is latched; see why reads went back with `crossfade '
            'rollback status`, and when that is mended, `crossfade rollback clear --why ...`');
    END IF;
    PERFORM pg_notify('crossfade_flags', TG_TABLE_SCHEMA);
    RETURN NULL;
END
$$;

-- Sets or clears the stale mark. Marking also sends reads back to Meilisearch, as the rules want it.
CREATE FUNCTION set_target_stale(stale BOOLEAN, who TEXT, reason TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    was BOOLEAN;
BEGIN
    SELECT target_stale INTO STRICT was FROM flag_state FOR UPDATE;
    IF was <> stale THEN
        UPDATE flag_state SET target_stale = stale, revision = revision + 1;
        INSERT INTO flag_history (flag_name, old_value, new_value, changed_by, why)
        VALUES ('target_stale', was::TEXT, stale::TEXT, who, reason);
        PERFORM pg_notify('crossfade_flags', current_schema());
    END IF;
    IF stale THEN
        UPDATE runtime_flags SET flag_value = 'meili', updated_by = who, why = reason
        WHERE flag_name = 'search_read_backend' AND flag_value = 'pg';
    END IF;
END
$$;

-- Sets or clears the latch of a rollback. Setting it also sends reads back to Meilisearch; under pg_only the rules refuse
-- that, and so the latch. Who is second is not told from who was first.
CREATE FUNCTION set_rollback_latch(latch BOOLEAN, who TEXT, reason TEXT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT AS $$
DECLARE
    was BOOLEAN;
BEGIN
    SELECT latched INTO STRICT was FROM flag_state FOR UPDATE;
    IF was <> latch THEN
        UPDATE flag_state SET latched = latch, revision = revision + 1,
            latched_by = who, latched_why = reason, latched_at = clock_timestamp();
        INSERT INTO flag_history (flag_name, old_value, new_value, changed_by, why)
        VALUES ('rollback_latch', was::TEXT, latch::TEXT, who, reason);
        PERFORM pg_notify('crossfade_flags', current_schema());
    END IF;
    IF latch THEN
        UPDATE runtime_flags SET flag_value = 'meili', updated_by = who, why = reason
        WHERE flag_name = 'search_read_backend' AND flag_value = 'pg';
    END IF;
END
$$;

CREATE TRIGGER flags_lock BEFORE INSERT OR DELETE OR TRUNCATE OR UPDATE OF flag_name, flag_value ON runtime_flags
    FOR EACH STATEMENT EXECUTE FUNCTION flags_lock();
CREATE TRIGGER flag_check_row BEFORE INSERT OR UPDATE ON runtime_flags
    FOR EACH ROW EXECUTE FUNCTION flag_check_row();
CREATE TRIGGER flag_keep_history AFTER INSERT OR UPDATE OR DELETE ON runtime_flags
    FOR EACH ROW EXECUTE FUNCTION flag_keep_history();
CREATE TRIGGER flags_check AFTER INSERT OR DELETE OR UPDATE OF flag_name, flag_value ON runtime_flags
    FOR EACH STATEMENT EXECUTE FUNCTION flags_check();

-- Whoever may call a function that runs with its owner's rights may use it on a table of his own.
REVOKE EXECUTE ON FUNCTION flags_lock(), flag_check_row(), flag_keep_history(), flags_check(),
    set_target_stale(BOOLEAN, TEXT, TEXT), set_rollback_latch(BOOLEAN, TEXT, TEXT) FROM PUBLIC;
