//! All SQL of the intake. Statements about the outbox are put together once, from quoted names; values are bound.

use super::{OutboxColumns, OutboxContent, OutboxError, OutboxOptions, names::quoted};

/// See [`OutboxLookup`](super::OutboxLookup). `json`, not `jsonb`: it keeps the order of the fields.
pub(super) const DEFAULT_LOOKUP: &str = "
    SELECT k.n, json_build_object('event_id', e.event_id, 'topic_id', t.topic_id, 'pubkey', e.pubkey, 'kind', e.kind,
        'created_at', e.created_at, 'tags', e.tags, 'content', e.content)
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (event_id, topic_id, n)
    JOIN cn_relay.events e ON e.event_id = k.event_id
    JOIN cn_relay.event_topics t ON t.event_id = k.event_id AND t.topic_id = k.topic_id
    WHERE NOT e.is_deleted AND e.is_current AND e.kind = 1
        AND (e.expires_at IS NULL OR e.expires_at > extract(epoch FROM clock_timestamp()))";

/// The sequence that was named, that belongs to the column, or that the default of the column depends on.
pub(super) const SEQUENCE: &str = "
    SELECT s.seqrelid::bigint, s.seqmin, s.seqrelid::regclass::text, s.seqcache, s.seqincrement, s.seqcycle
    FROM pg_sequence s
    WHERE s.seqrelid = CASE WHEN $3::text IS NOT NULL THEN to_regclass($3)::oid ELSE coalesce(
        pg_get_serial_sequence($1, $2)::regclass::oid,
        (SELECT c.oid FROM pg_attribute a
         JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
         JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
             AND d.refclassid = 'pg_class'::regclass
         JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'
         WHERE a.attrelid = $1::regclass AND a.attname = $2)) END";

/// The transactions that have drawn a number and not ended. `nextval` locks the sequence before it draws, until the
/// transaction ends, a prepared one included; so this also finds those that have no transaction id yet, which a snapshot
/// does not show.
pub(super) const HOLDERS: &str = "
    SELECT l.virtualtransaction, l.pid, a.usename::text, a.application_name, a.state,
        extract(epoch FROM clock_timestamp() - a.xact_start)::float8
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'relation' AND l.relation::bigint = $1 AND l.mode = 'RowExclusiveLock' AND l.granted
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY a.xact_start NULLS FIRST";

/// Takes the lease if it is free. A new owner has a new epoch, by which the old one is locked out.
pub(super) const TAKE: &str = "
    INSERT INTO outbox_cursors AS c (outbox, side, epoch, owner, lease_until)
    VALUES ($1, $2, 1, $3, clock_timestamp() + make_interval(secs => $4))
    ON CONFLICT (outbox, side) DO UPDATE
    SET epoch = c.epoch + 1, owner = excluded.owner, lease_until = excluded.lease_until, updated_at = clock_timestamp()
    WHERE c.lease_until <= clock_timestamp()
    RETURNING epoch, seq";

pub(super) const LEASE_LEFT: &str = "
    SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM outbox_cursors WHERE outbox = $1 AND side = $2";

pub(super) const RENEW: &str = "
    UPDATE outbox_cursors SET lease_until = clock_timestamp() + make_interval(secs => $4)
    WHERE outbox = $1 AND side = $2 AND epoch = $3";

pub(super) const RELEASE: &str = "
    UPDATE outbox_cursors SET lease_until = clock_timestamp(), owner = NULL
    WHERE outbox = $1 AND side = $2 AND epoch = $3";

pub(super) const START: &str = "
    UPDATE outbox_cursors SET seq = $4, started_seq = $4, updated_at = clock_timestamp()
    WHERE outbox = $1 AND side = $2 AND epoch = $3 AND seq IS NULL";

/// Moves the cursor and keeps the dead letters of the rows it passes, both or neither.
pub(super) const ADVANCE: &str = "
    WITH moved AS (
        UPDATE outbox_cursors
        SET seq = $4, lease_until = clock_timestamp() + make_interval(secs => $5), updated_at = clock_timestamp()
        WHERE outbox = $1 AND side = $2 AND epoch = $3 AND seq <= $4
        RETURNING 1),
    dead AS (
        INSERT INTO outbox_dead_letters (outbox, side, seq, op, keys, document_id, reason, why)
        SELECT $1, $2, u.seq, u.op, u.keys::jsonb, u.document_id, u.reason, u.why
        FROM moved, unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
            AS u (seq, op, keys, document_id, reason, why)
        ON CONFLICT (outbox, side, seq) DO UPDATE
        SET op = excluded.op, keys = excluded.keys, document_id = excluded.document_id, reason = excluded.reason,
            why = excluded.why, died_at = clock_timestamp(), redrive_asked_at = NULL)
    SELECT count(*) FROM moved";

pub(super) const CURSOR: &str = "
    SELECT seq, started_seq, owner,
        (SELECT count(*) FROM outbox_dead_letters d WHERE d.outbox = $1 AND d.side = $2)
    FROM (SELECT 1) one LEFT JOIN outbox_cursors c ON c.outbox = $1 AND c.side = $2";

pub(super) const LETTERS: &str = "
    SELECT id, side, seq, op, keys, document_id, reason, why, (extract(epoch FROM died_at) * 1000000)::bigint,
        redrive_asked_at IS NOT NULL
    FROM outbox_dead_letters
    WHERE outbox = $1 AND ($2::text IS NULL OR side = $2) AND id > $3 ORDER BY id LIMIT $4";

pub(super) const ASK_REDRIVE: &str = "
    UPDATE outbox_dead_letters SET redrive_asked_at = clock_timestamp()
    WHERE outbox = $1 AND ($2::text IS NULL OR side = $2) AND ($3::bigint[] IS NULL OR id = ANY($3))";

pub(super) const DROP_LETTERS: &str = "
    DELETE FROM outbox_dead_letters
    WHERE outbox = $1 AND ($2::text IS NULL OR side = $2) AND ($3::bigint[] IS NULL OR id = ANY($3))";

pub(super) const ASKED_LETTERS: &str = "
    SELECT seq, op, keys FROM outbox_dead_letters
    WHERE outbox = $1 AND side = $2 AND redrive_asked_at IS NOT NULL ORDER BY seq LIMIT $3";

/// What became of letters that were tried again: `$4` stand now, the others are dead as before, for a reason of now.
pub(super) const END_REDRIVE: &str = "
    WITH mine AS (
        UPDATE outbox_cursors SET lease_until = clock_timestamp() + make_interval(secs => $5)
        WHERE outbox = $1 AND side = $2 AND epoch = $3 RETURNING 1),
    done AS (
        DELETE FROM outbox_dead_letters d USING mine WHERE d.outbox = $1 AND d.side = $2 AND d.seq = ANY($4)),
    dead AS (
        UPDATE outbox_dead_letters d SET redrive_asked_at = NULL, reason = u.reason, why = u.why
        FROM mine, unnest($6::bigint[], $7::text[], $8::text[]) AS u (seq, reason, why)
        WHERE d.outbox = $1 AND d.side = $2 AND d.seq = u.seq)
    SELECT count(*) FROM mine";

/// The statements about one outbox.
#[derive(Debug)]
pub(super) struct OutboxSql {
    /// Rows after `$1`, `$2` of them.
    pub(super) rows: String,
    /// The rows `$1`.
    pub(super) rows_by_seq: String,
    /// The numbers of rows after `$1`, `$2` of them.
    pub(super) seqs: String,
    /// Which of the rows `$1` have a later one of the same document, up to `$2`, with an op of `$3`.
    pub(super) superseded: String,
    /// The highest number to be seen; 0 if none.
    pub(super) highest: String,
    /// After `$1`: how many rows, the lowest number, the age of the oldest in seconds.
    pub(super) backlog: String,
    /// The present state of documents.
    pub(super) lookup: Option<String>,
    /// A trigger that notifies.
    pub(super) trigger: Option<String>,
    /// The table, as SQL names it.
    pub(super) table: String,
}

impl OutboxSql {
    pub(super) fn new(options: &OutboxOptions) -> Result<Self, OutboxError> {
        let OutboxColumns { schema, table, seq, op, keys, at } = &options.columns;
        if keys.is_empty() {
            return Err(OutboxError::InvalidOptions("name at least one key column"));
        }
        let relation = format!("{}.{}", quoted(schema)?, quoted(table)?);
        let (seq, op) = (quoted(seq)?, quoted(op)?);
        let keys = keys.iter().map(|key| quoted(key)).collect::<Result<Vec<_>, _>>()?;
        let (document, lookup) = match &options.content {
            OutboxContent::Column(column) => (format!("o.{}::text", quoted(column)?), None),
            OutboxContent::Lookup(lookup) => ("NULL::text".to_owned(), Some(of_text(&lookup.sql))),
        };
        let age = match at {
            Some(at) => format!("extract(epoch FROM clock_timestamp() - min(o.{}))::float8", quoted(at)?),
            None => "NULL::float8".to_owned(),
        };
        let texts: Vec<_> = keys.iter().map(|key| format!("o.{key}::text")).collect();
        let same: String = keys.iter().map(|key| format!(" AND n.{key} IS NOT DISTINCT FROM o.{key}")).collect();
        let select = format!(
            "SELECT o.{seq}::bigint, o.{op}::text, ARRAY[{}]::text[], {document} FROM {relation} o",
            texts.join(", ")
        );
        Ok(Self {
            rows: format!("{select} WHERE o.{seq} > $1 ORDER BY o.{seq} LIMIT $2"),
            rows_by_seq: format!("{select} WHERE o.{seq} = ANY($1) ORDER BY o.{seq}"),
            seqs: format!("SELECT o.{seq}::bigint FROM {relation} o WHERE o.{seq} > $1 ORDER BY o.{seq} LIMIT $2"),
            superseded: format!(
                "SELECT o.{seq}::bigint FROM {relation} o WHERE o.{seq} = ANY($1) AND EXISTS (SELECT FROM {relation} n \
                 WHERE n.{seq} > o.{seq} AND n.{seq} <= $2 AND n.{op}::text = ANY($3){same})"
            ),
            highest: format!("SELECT coalesce(max(o.{seq}), 0)::bigint FROM {relation} o"),
            backlog: format!("SELECT count(*), min(o.{seq})::bigint, {age} FROM {relation} o WHERE o.{seq} > $1"),
            lookup,
            trigger: options.channel.as_deref().map(|channel| trigger(&relation, schema, channel)).transpose()?,
            table: relation,
        })
    }
}

/// The document as text: read here, so that one that is no JSON object is a dead letter and no failure of the statement.
fn of_text(lookup: &str) -> String {
    format!("SELECT looked_up.n::bigint, looked_up.document::text FROM ({lookup}\n) looked_up (n, document)")
}

/// See [`OutboxIntake::trigger_sql`](super::OutboxIntake::trigger_sql).
fn trigger(relation: &str, schema: &str, channel: &str) -> Result<String, OutboxError> {
    // A channel is an identifier as well, though it is given as text.
    quoted(channel)?;
    let (schema, channel) = (quoted(schema)?, channel.replace('\\', "\\\\").replace('\'', "''"));
    Ok(format!(
        "CREATE FUNCTION {schema}.crossfade_outbox_notify() RETURNS TRIGGER LANGUAGE plpgsql AS $$\n\
         BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $$;\n\
         CREATE TRIGGER crossfade_outbox_notify AFTER INSERT ON {relation}\n    \
         FOR EACH STATEMENT EXECUTE FUNCTION {schema}.crossfade_outbox_notify(E'{channel}');\n"
    ))
}
