//! All SQL of the journal in PostgreSQL. Text is put together from constants only; whatever comes from outside is bound.
//!
//! Every statement is a transaction of its own: none holds a lock while anybody waits for something else.

use std::sync::{Arc, LazyLock};

use super::super::Duty;

/// Whether the tables are there.
pub(super) const CHECK: &str = "SELECT count(*) FROM journal_shards";

/// $1 process, $2 seconds it counts as alive.
pub(super) const TOUCH: &str = "
    INSERT INTO journal_processes AS p (process, alive_until)
    VALUES ($1, clock_timestamp() + make_interval(secs => $2))
    ON CONFLICT (process) DO UPDATE SET alive_until = excluded.alive_until";

/// The same for a process that works; its shards stay its own as long.
pub(super) const RENEW: &str = "
    INSERT INTO journal_processes AS p (process, alive_until, works_until)
    VALUES ($1, clock_timestamp() + make_interval(secs => $2), clock_timestamp() + make_interval(secs => $2))
    ON CONFLICT (process) DO UPDATE SET alive_until = excluded.alive_until, works_until = excluded.works_until";

pub(super) const RETIRE: &str = "
    WITH idle AS (UPDATE journal_shards SET holder = NULL WHERE holder = $1)
    UPDATE journal_processes SET alive_until = '-infinity', works_until = '-infinity' WHERE process = $1";

/// $1 process, $2 shards.
pub(super) const RELEASE: &str = "UPDATE journal_shards SET holder = NULL WHERE holder = $1 AND shard = ANY ($2)";

/// Takes shards that nobody holds, up to a fair share. Those that somebody else is just taking are skipped. What a holder
/// that has died was sending may still arrive: that is noted of the shard, since it may hold a million entries. $1 process,
/// $2 seconds of limbo.
pub(super) const TAKE: &str = "
    WITH workers AS MATERIALIZED (SELECT process FROM journal_processes WHERE works_until >= clock_timestamp()),
    free AS MATERIALIZED (
        SELECT s.shard, s.holder IS NOT NULL AS orphaned,
            (SELECT works_until FROM journal_processes WHERE process = s.holder) AS since
        FROM journal_shards s
        WHERE s.holder IS NULL OR s.holder NOT IN (SELECT process FROM workers)
        ORDER BY random()
        LIMIT greatest(0, (SELECT ceil(65.0 / greatest(1, count(*))) FROM workers)::bigint
            - (SELECT count(*) FROM journal_shards WHERE holder = $1))
        FOR UPDATE OF s SKIP LOCKED)
    UPDATE journal_shards s SET holder = $1, epoch = s.epoch + 1,
        orphaned_at = CASE WHEN free.orphaned THEN coalesce(free.since, clock_timestamp()) ELSE s.orphaned_at END,
        limbo_until = CASE WHEN free.orphaned THEN clock_timestamp() + make_interval(secs => $2) ELSE s.limbo_until END
    FROM free WHERE s.shard = free.shard";

/// The fair share, shards, and their epochs.
pub(super) const HELD: &str = "
    SELECT (SELECT ceil(65.0 / greatest(1, count(*)))::bigint FROM journal_processes
            WHERE works_until >= clock_timestamp()),
        coalesce(array_agg(shard), '{}'), coalesce(array_agg(epoch), '{}')
    FROM journal_shards WHERE holder = $1";

/// What processes were asking that are gone is given up. $1 seconds of limbo.
pub(super) const GIVE_UP_OF_THE_DEAD: &str = "
    WITH lost AS MATERIALIZED (
        SELECT e.seq FROM journal_entries e
        WHERE e.outcome = 'asked' AND NOT EXISTS (
            SELECT FROM journal_processes p WHERE p.process = e.process AND p.alive_until >= clock_timestamp())
        ORDER BY e.seq LIMIT 10000 FOR UPDATE OF e SKIP LOCKED)
    UPDATE journal_entries e SET outcome = 'unknown', duties = e.if_unknown,
        meili_due = clock_timestamp() + make_interval(secs => $1),
        pg_due = clock_timestamp() + make_interval(secs => $1),
        reconcile_due = clock_timestamp() + make_interval(secs => $1)
    FROM lost WHERE e.seq = lost.seq AND e.outcome = 'asked'";

/// Entries that this process is asking for longer than $2 seconds. $1 process.
pub(super) const LONG_ASKED: &str = "
    SELECT seq FROM journal_entries
    WHERE outcome = 'asked' AND process = $1 AND appended_at < clock_timestamp() - make_interval(secs => $2)";

/// $1 entries, $2 process, $3 seconds of limbo.
pub(super) const GIVE_UP: &str = "
    UPDATE journal_entries e SET outcome = 'unknown', duties = e.if_unknown,
        meili_due = clock_timestamp() + make_interval(secs => $3),
        pg_due = clock_timestamp() + make_interval(secs => $3),
        reconcile_due = clock_timestamp() + make_interval(secs => $3)
    WHERE e.seq = ANY ($1) AND e.process = $2 AND e.outcome = 'asked'";

/// Rows of sessions whose process is gone become one.
pub(super) const FOLD_VERSIONS: &str = "
    WITH old AS (
        DELETE FROM journal_versions v WHERE v.process <> 0 AND NOT EXISTS (
            SELECT FROM journal_processes p
            WHERE p.process = v.process AND p.alive_until > clock_timestamp() - interval '10 minutes')
        RETURNING v.highest)
    INSERT INTO journal_versions AS v (process, session, highest)
    SELECT 0, 0, max(highest) FROM old HAVING count(*) > 0
    ON CONFLICT (process, session) DO UPDATE SET highest = greatest(v.highest, excluded.highest)";

/// Their rows go when nothing refers to them any more.
pub(super) const FORGET_PROCESSES: &str = "
    DELETE FROM journal_processes p
    WHERE p.alive_until < clock_timestamp() - interval '10 minutes'
        AND NOT EXISTS (SELECT FROM journal_entries e WHERE e.outcome = 'asked' AND e.process = p.process)
        AND NOT EXISTS (SELECT FROM journal_shards s WHERE s.holder = p.process)";

/// $1 process, $2 the highest version of the batch, $3 seconds of limbo; then the columns of its rows.
pub(super) const APPEND: &str = "
    WITH highest AS (
        INSERT INTO journal_versions AS v (process, session, highest) VALUES ($1, pg_backend_pid(), $2)
        ON CONFLICT (process, session) DO UPDATE SET highest = greatest(v.highest, excluded.highest))
    INSERT INTO journal_entries (lane, shard, index_uid, id, version, explicit, authority, deed, outcome, task, process,
        if_accepted, if_unknown, duties, pg_due, reconcile_due)
    SELECT lane, shard, index_uid, id, version, explicit, authority, deed, outcome, task, $1,
        if_accepted, if_unknown, duties,
        CASE outcome WHEN 'unknown' THEN clock_timestamp() + make_interval(secs => $3) END,
        CASE outcome WHEN 'unknown' THEN clock_timestamp() + make_interval(secs => $3) END
    FROM unnest($4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::bigint[], $9::bool[], $10::text[],
        $11::text[], $12::text[], $13::bigint[], $14::smallint[], $15::smallint[], $16::smallint[]) WITH ORDINALITY
        AS batch (lane, shard, index_uid, id, version, explicit, authority, deed, outcome, task, if_accepted, if_unknown,
            duties, place)
    ORDER BY place
    RETURNING seq";

/// $1 seconds of limbo, $2 and $3 the duties of a put that Meilisearch or PostgreSQL has accepted; then the columns of the
/// marks. Says which were still asked.
pub(super) const RESOLVE: &str = "
    WITH mark AS MATERIALIZED (
        SELECT * FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::text[]) AS m (seq, outcome, task, deed)),
    gone AS (
        DELETE FROM journal_entries e USING mark m
        WHERE e.seq = m.seq AND e.outcome = 'asked' AND m.outcome = 'refused' RETURNING e.seq),
    kept AS (
        UPDATE journal_entries e SET outcome = m.outcome, task = m.task,
            deed = coalesce(m.deed, e.deed),
            if_accepted = CASE WHEN m.deed IS NULL THEN e.if_accepted
                WHEN e.authority = 'meili' THEN $2::smallint ELSE $3::smallint END,
            duties = CASE WHEN m.outcome = 'unknown' THEN e.if_unknown WHEN m.deed IS NULL THEN e.if_accepted
                WHEN e.authority = 'meili' THEN $2::smallint ELSE $3::smallint END,
            pg_due = CASE m.outcome WHEN 'unknown' THEN clock_timestamp() + make_interval(secs => $1) END,
            reconcile_due = CASE m.outcome WHEN 'unknown' THEN clock_timestamp() + make_interval(secs => $1) END
        FROM mark m
        WHERE e.seq = m.seq AND e.outcome = 'asked' AND m.outcome <> 'refused' RETURNING e.seq)
    SELECT seq FROM gone UNION ALL SELECT seq FROM kept";

/// $1 duty bit, $2 index; then lane, id and the entry after which, by document; $6 entries that do not count.
pub(super) const OPEN_AFTER: &str = "
    SELECT EXISTS (
        SELECT FROM journal_entries e
        WHERE e.lane = d.lane AND e.index_uid = $2 AND e.id = d.id AND e.seq > d.after
            AND (e.outcome = 'asked' OR (e.duties & $1::int) <> 0) AND NOT ($1::int = 1 AND e.authority = 'pg')
            AND e.seq NOT IN (SELECT unnest($6::bigint[])))
    FROM unnest($3::bigint[], $4::text[], $5::bigint[]) WITH ORDINALITY AS d (lane, id, after, place)
    ORDER BY place";

/// $1 duties that carry, $2 index; then lane and id, by document; $5 the side that decided. What `Carried::of` reads. Sweeps are
/// in a shard of their own, and what is only to be reconciled has no other duty from the beginning.
pub(super) const CARRIED: &str = "
    SELECT (
        SELECT max(CASE WHEN e.outcome = 'accepted' AND (e.duties & $1::int) <> 0 THEN 2 ELSE 1 END)::bigint
        FROM journal_entries e
        WHERE e.lane = d.lane AND e.index_uid = $2 AND e.id = d.id AND e.authority = $5
            AND (e.outcome <> 'accepted' OR (e.duties & $1::int) <> 0 OR e.shard = 64 OR e.if_accepted = 4))
    FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS d (lane, id, place)
    ORDER BY place";

/// The same for an index: each half ends with the first that is found. $1 duties that carry, $2 index, $3 the side that decided.
pub(super) const INDEX_CARRIED: &str = "
    SELECT CASE
        WHEN EXISTS (SELECT FROM journal_entries
            WHERE index_uid = $2 AND authority = $3 AND outcome = 'accepted' AND (duties & $1::int) <> 0) THEN 2
        WHEN EXISTS (SELECT FROM journal_entries
            WHERE index_uid = $2 AND authority = $3
                AND (outcome <> 'accepted' OR shard = 64 OR if_accepted = 4)) THEN 1 END::bigint";

pub(super) const HIGHEST_VERSION: &str = "SELECT coalesce(max(highest), 0) FROM journal_versions";

pub(super) const STATUS: &str = "
    SELECT count(*) AS pending,
        count(*) FILTER (WHERE outcome = 'asked') AS asked,
        count(*) FILTER (WHERE (duties & 1) <> 0) AS meili,
        count(*) FILTER (WHERE (duties & 2) <> 0) AS pg,
        count(*) FILTER (WHERE (duties & 4) <> 0) AS reconcile,
        (SELECT extract(epoch FROM clock_timestamp() - appended_at)::float8 FROM journal_entries ORDER BY seq LIMIT 1)
            AS oldest,
        (SELECT count(*) FROM journal_dead_letters) AS dead_letters,
        count(*) FILTER (WHERE meili_why IS NOT NULL) AS meili_failing,
        count(*) FILTER (WHERE pg_why IS NOT NULL) AS pg_failing,
        count(*) FILTER (WHERE reconcile_why IS NOT NULL) AS reconcile_failing,
        (SELECT meili_why FROM journal_entries WHERE meili_why IS NOT NULL ORDER BY failed_at DESC LIMIT 1)
            AS meili_why,
        (SELECT pg_why FROM journal_entries WHERE pg_why IS NOT NULL ORDER BY failed_at DESC LIMIT 1)
            AS pg_why,
        (SELECT reconcile_why FROM journal_entries WHERE reconcile_why IS NOT NULL ORDER BY failed_at DESC LIMIT 1)
            AS reconcile_why
    FROM journal_entries";

pub(super) const INDEXES: &str = "SELECT DISTINCT index_uid FROM journal_entries";

/// $1 after which, $2 how many.
pub(super) const DEAD_LETTERS: &str = "
    SELECT seq, duty, why, (extract(epoch FROM at) * 1000000)::bigint AS at, index_uid, id, version, explicit,
        authority, deed
    FROM journal_dead_letters WHERE seq > $1 ORDER BY seq LIMIT $2";

pub(super) const LAST_DEAD_LETTER: &str = "SELECT coalesce(max(seq), 0) FROM journal_dead_letters";

/// $1 up to which, $2 of which duty, $3 which, $4 how many at once, $5 whether they are tried again.
pub(super) const DISPOSE: &str = "
    WITH chosen AS MATERIALIZED (
        SELECT seq FROM journal_dead_letters
        WHERE seq <= $1 AND ($2::text IS NULL OR duty = $2) AND ($3::bigint[] IS NULL OR seq = ANY ($3))
        ORDER BY seq LIMIT $4 FOR UPDATE),
    gone AS (DELETE FROM journal_dead_letters d USING chosen c WHERE d.seq = c.seq RETURNING d.*),
    again AS (
        INSERT INTO journal_entries (lane, shard, index_uid, id, version, explicit, authority, deed, outcome,
            if_accepted, if_unknown, duties)
        SELECT lane, shard, index_uid, id, version, explicit, authority, deed, 'accepted', if_accepted, if_unknown,
            CASE duty WHEN 'meili' THEN 1 WHEN 'pg' THEN 2 ELSE 4 END
        FROM gone WHERE $5 ORDER BY seq)
    SELECT count(*) FROM gone";

/// $1 process, $2 limit, $3 lanes of which entries are claimed already, $4 shards that are to be given back.
///
/// `ripe` comes by itself, lest the planner look for it along all that is ready, in the order of the places.
///
/// A sweep has to wait for older entries of its index, in whatever shard; later ones for a sweep with this duty, if it is
/// `pg`. What is to be reconciled waits for what the holder who has died over it was sending.
const CLAIM: &str = "
    WITH held AS MATERIALIZED (
        SELECT shard, epoch, orphaned_at, limbo_until FROM journal_shards
        WHERE holder = $1 AND shard <> ALL ($4::smallint[])),
    swept AS MATERIALIZED (
        SELECT index_uid, min(seq) AS seq FROM journal_entries
        WHERE shard = 64 AND (duties & 2) <> 0 AND {bit} = 2 GROUP BY index_uid),
    ripe AS MATERIALIZED (
        SELECT e.seq, e.lane, e.shard, e.index_uid, e.appended_at FROM journal_entries e
        WHERE {ready} AND e.{duty}_due IS NOT NULL AND e.{duty}_due <= now()),
    {found}
    SELECT e.seq, e.lane, e.shard, h.epoch, e.index_uid, e.id, e.version, e.explicit, e.authority, e.deed, e.outcome,
        e.task, e.redo, e.{duty}_tries AS tries,
        CASE WHEN e.appended_at > h.orphaned_at
                AND e.process IN (SELECT process FROM journal_processes WHERE alive_until >= now())
            THEN (extract(epoch FROM clock_timestamp() - e.appended_at) * 1000000)::bigint END AS age
    FROM found JOIN journal_entries e USING (seq) JOIN held h USING (shard) ORDER BY e.seq {limit}";

const FOUND: &str = "
    found AS MATERIALIZED (
        (SELECT e.seq FROM journal_entries e
        WHERE {ready} AND e.{duty}_due IS NULL AND {open} ORDER BY e.seq LIMIT $2)
        UNION ALL
        (SELECT e.seq FROM ripe e WHERE {open} ORDER BY e.seq LIMIT $2))";

/// What is to be reconciled comes by documents: of which all is due, and all of which is found, one document after another
/// until the limit is reached.
///
/// `ripe` is put in order before the documents are looked at, so that no more of them are than it takes.
const FOUND_TOGETHER: &str = "
    due AS MATERIALIZED (
        (SELECT e.seq, e.lane, e.shard, e.index_uid, e.id FROM journal_entries e
        WHERE {ready} AND e.{duty}_due IS NULL AND {open} AND {whole} ORDER BY e.seq LIMIT $2)
        UNION ALL
        (SELECT e.* FROM (SELECT e.seq FROM ripe e WHERE {open} ORDER BY e.seq OFFSET 0) r CROSS JOIN LATERAL (
            SELECT e.seq, e.lane, e.shard, e.index_uid, e.id FROM journal_entries e WHERE e.seq = r.seq OFFSET 0) e
        WHERE {whole} ORDER BY r.seq LIMIT $2)),
    document AS MATERIALIZED (
        SELECT lane, shard, index_uid, id, min(seq) AS first FROM due GROUP BY lane, shard, index_uid, id),
    found AS MATERIALIZED (
        SELECT seq FROM (
            SELECT o.seq, count(*) OVER (ORDER BY d.first GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM document d CROSS JOIN LATERAL (
                SELECT o.seq FROM journal_entries o
                WHERE o.lane = d.lane AND o.index_uid = d.index_uid AND o.id = d.id AND (o.duties & 7) = 4
                    AND o.shard = d.shard AND (o.shard <> 64 OR o.seq = d.first) OFFSET 0) o) o
        WHERE before < $2)";

/// Whether nothing that is to be reconciled of the document has to wait. Asked entry by entry, by an index of its own: a
/// million others may wait, or a thousand of the document be due.
const WHOLE: &str = "
    (SELECT o.seq FROM journal_entries o WHERE o.lane = e.lane AND o.index_uid = e.index_uid AND o.id = e.id
        AND (o.duties & 7) = 4 AND o.reconcile_due > now() AND o.shard <> 64 LIMIT 1) IS NULL
    AND (NOT EXISTS (SELECT FROM held WHERE limbo_until > now()) OR
        (SELECT o.seq FROM journal_entries o WHERE o.lane = e.lane AND o.index_uid = e.index_uid AND o.id = e.id
            AND (o.duties & 7) = 4 AND o.shard = ANY (ARRAY(SELECT shard FROM held WHERE limbo_until > now()))
            AND o.appended_at <= (SELECT max(orphaned_at) FROM held WHERE limbo_until > now()) LIMIT 1) IS NULL)";

const OPEN: &str = "
    e.shard = ANY (ARRAY(SELECT shard FROM held))
    AND e.lane NOT IN (SELECT unnest($3::bigint[]))
    AND ({bit} <> 4
        OR e.shard <> ALL (ARRAY(SELECT shard FROM held WHERE limbo_until > now()))
        OR e.appended_at > (SELECT max(orphaned_at) FROM held WHERE limbo_until > now()))
    AND NOT EXISTS (SELECT FROM swept w WHERE w.index_uid = e.index_uid AND w.seq < e.seq)
    AND (e.shard <> 64 OR (
        coalesce((SELECT o.seq FROM journal_entries o WHERE o.index_uid = e.index_uid
            AND (o.duties & {bit}) <> 0 AND o.{duty}_due IS NULL ORDER BY o.seq LIMIT 1) >= e.seq, TRUE)
        AND NOT EXISTS (SELECT FROM journal_entries o WHERE o.index_uid = e.index_uid AND o.seq < e.seq
            AND (o.duties & {bit}) <> 0 AND o.{duty}_due IS NOT NULL)
        AND NOT EXISTS (SELECT FROM journal_entries o WHERE o.index_uid = e.index_uid AND o.seq < e.seq
            AND o.outcome = 'asked')))";

/// In how many microseconds the next entry comes due that waits. $1 process.
const NEXT: &str = "
    SELECT (extract(epoch FROM least(
        (SELECT min(e.{duty}_due) FROM journal_entries e
        WHERE {ready} AND e.{duty}_due IS NOT NULL AND e.{duty}_due > now()),
        (SELECT min(s.limbo_until) FROM journal_shards s
        WHERE {bit} = 4 AND s.holder = $1 AND s.limbo_until > now() AND EXISTS (
            SELECT FROM journal_entries e WHERE {ready} AND e.shard = s.shard AND e.appended_at <= s.orphaned_at))
    ) - clock_timestamp()) * 1000000)::bigint";

/// $1 process, $2 and $3 shards and the epochs of the claims, $4 to $10 the columns of the ends, $11 entries that are
/// claimed, which are not superseded unless they have ended before in the same call. Says how many shards are still held under their epoch: entries of others stay as they are.
///
/// The share lock keeps a shard from being taken over between the check and the commit. Entries are locked first, in order,
/// since two duties of one entry may end at once: what is left of them decides whether the entry goes.
const SETTLE: &str = "
    WITH fence AS MATERIALIZED (
        SELECT s.shard FROM journal_shards s
        JOIN unnest($2::smallint[], $3::bigint[]) AS f (shard, epoch) ON s.shard = f.shard AND s.epoch = f.epoch
        WHERE s.holder = $1 FOR SHARE OF s),
    ended AS MATERIALIZED (
        SELECT * FROM unnest($4::bigint[], $5::text[], $6::smallint[], $7::bool[], $8::float8[], $9::text[],
            $10::bool[]) WITH ORDINALITY AS d (seq, how, follow, redo, after, why, counts, place)),
    mine AS MATERIALIZED (
        SELECT e.seq, e.lane, e.index_uid, e.id, e.version FROM ended d JOIN journal_entries e ON e.seq = d.seq
        WHERE (e.duties & {bit}) <> 0 AND e.shard IN (SELECT shard FROM fence)),
    older AS MATERIALIZED (
        SELECT o.seq FROM mine m JOIN ended d ON d.seq = m.seq AND d.how = 'supersedes'
        JOIN journal_entries o ON o.lane = m.lane AND o.seq < m.seq
        WHERE o.index_uid = m.index_uid AND o.id = m.id AND o.shard <> 64 AND o.outcome = 'accepted'
            AND o.version <= m.version
            AND (o.duties & {bit}) <> 0 AND (o.seq NOT IN (SELECT unnest($11::bigint[]))
                OR EXISTS (SELECT FROM ended p WHERE p.seq = o.seq AND p.place < d.place))),
    overtaken AS MATERIALIZED (
        SELECT m.seq FROM mine m JOIN ended d ON d.seq = m.seq AND d.how = 'supersedes'
        WHERE {bit} = 2 AND EXISTS (
            SELECT FROM journal_entries o
            WHERE o.lane = m.lane AND o.seq < m.seq AND o.index_uid = m.index_uid AND o.id = m.id
                AND o.version > m.version AND (o.outcome = 'asked' OR (o.duties & 2) <> 0))),
    locked AS MATERIALIZED (
        SELECT e.seq, e.duties FROM journal_entries e
        WHERE e.seq = ANY (ARRAY(SELECT seq FROM mine UNION SELECT seq FROM older)) AND (e.duties & {bit}) <> 0
        ORDER BY e.seq FOR UPDATE OF e),
    ending AS MATERIALIZED (
        SELECT l.seq, d.redo, d.after, d.why, d.counts, l.duties AS had,
            CASE WHEN d.how IS NULL OR d.how = 'retry' AND l.seq IN (SELECT seq FROM older) THEN 'done'
                ELSE d.how END AS how,
            CASE WHEN l.seq IN (SELECT seq FROM older) THEN coalesce(d.follow, 0) & ~{bit}
                WHEN l.seq IN (SELECT seq FROM overtaken) THEN 4
                ELSE coalesce(d.follow, 0) END AS follow
        FROM locked l LEFT JOIN ended d ON d.seq = l.seq),
    outcome AS MATERIALIZED (
        SELECT seq, how, redo, after, why, counts,
            CASE how WHEN 'retry' THEN had ELSE (had & ~{bit}) | follow END::smallint AS duties,
            CASE how WHEN 'retry' THEN 0 ELSE follow & ~(had & ~{bit}) END AS fresh
        FROM ending),
    gone AS (DELETE FROM journal_entries e USING outcome o WHERE e.seq = o.seq AND o.duties = 0),
    kept AS (
        UPDATE journal_entries e SET duties = o.duties, redo = e.redo OR coalesce(o.redo, FALSE),
            meili_due = CASE WHEN (o.fresh & 1) <> 0 THEN NULL WHEN o.how = 'retry' AND {bit} = 1
                THEN clock_timestamp() + make_interval(secs => o.after) ELSE e.meili_due END,
            meili_tries = CASE WHEN (o.fresh & 1) <> 0 THEN 0 WHEN o.how = 'retry' AND {bit} = 1
                THEN e.meili_tries + o.counts::int ELSE e.meili_tries END,
            meili_why = CASE WHEN (o.fresh & 1) <> 0 THEN NULL WHEN {bit} = 1 THEN CASE o.how WHEN 'retry' THEN o.why END
                WHEN (o.duties & 1) <> 0 THEN e.meili_why END,
            pg_due = CASE WHEN (o.fresh & 2) <> 0 THEN NULL WHEN o.how = 'retry' AND {bit} = 2
                THEN clock_timestamp() + make_interval(secs => o.after) ELSE e.pg_due END,
            pg_tries = CASE WHEN (o.fresh & 2) <> 0 THEN 0 WHEN o.how = 'retry' AND {bit} = 2
                THEN e.pg_tries + o.counts::int ELSE e.pg_tries END,
            pg_why = CASE WHEN (o.fresh & 2) <> 0 THEN NULL WHEN {bit} = 2 THEN CASE o.how WHEN 'retry' THEN o.why END
                WHEN (o.duties & 2) <> 0 THEN e.pg_why END,
            reconcile_due = CASE WHEN (o.fresh & 4) <> 0 THEN NULL WHEN o.how = 'retry' AND {bit} = 4
                THEN clock_timestamp() + make_interval(secs => o.after) ELSE e.reconcile_due END,
            reconcile_tries = CASE WHEN (o.fresh & 4) <> 0 THEN 0 WHEN o.how = 'retry' AND {bit} = 4
                THEN e.reconcile_tries + o.counts::int ELSE e.reconcile_tries END,
            reconcile_why = CASE WHEN (o.fresh & 4) <> 0 THEN NULL WHEN {bit} = 4 THEN CASE o.how WHEN 'retry' THEN o.why END
                WHEN (o.duties & 4) <> 0 THEN e.reconcile_why END,
            failed_at = CASE WHEN o.how = 'retry' AND o.why IS NOT NULL THEN clock_timestamp() ELSE e.failed_at END
        FROM outcome o WHERE e.seq = o.seq AND o.duties <> 0),
    letters AS (
        INSERT INTO journal_dead_letters (duty, why, lane, shard, index_uid, id, version, explicit, authority, deed,
            if_accepted, if_unknown)
        SELECT '{duty}', o.why, e.lane, e.shard, e.index_uid, e.id, e.version, e.explicit, e.authority, e.deed,
            e.if_accepted, e.if_unknown
        FROM outcome o JOIN journal_entries e USING (seq) WHERE o.how = 'dead' ORDER BY o.seq)
    SELECT count(*) FROM fence";

/// The statements that name the columns of a duty.
pub(super) struct OfDuty {
    pub(super) claim: Arc<str>,
    pub(super) next: Arc<str>,
    pub(super) settle: Arc<str>,
}

pub(super) fn of_duty(duty: Duty) -> &'static OfDuty {
    static ALL: LazyLock<[OfDuty; 3]> = LazyLock::new(|| Duty::ALL.map(OfDuty::new));
    match duty {
        Duty::Meili => &ALL[0],
        Duty::Pg => &ALL[1],
        Duty::Reconcile => &ALL[2],
    }
}

impl OfDuty {
    fn new(duty: Duty) -> Self {
        // As the partial indexes have it, by which they are found.
        let ready = match duty {
            Duty::Meili => "(e.duties & 1) <> 0",
            Duty::Pg => "(e.duties & 2) <> 0",
            Duty::Reconcile => "e.duties = 4",
        };
        let (found, limit) = if duty == Duty::Reconcile { (FOUND_TOGETHER, "") } else { (FOUND, "LIMIT $2") };
        let bit = duty.bit().to_string();
        let of = |sql: &str| {
            let sql = sql.replace("{found}", found).replace("{limit}", limit);
            let sql = sql.replace("{whole}", WHOLE).replace("{open}", OPEN).replace("{ready}", ready);
            sql.replace("{duty}", duty.as_str()).replace("{bit}", &bit).into()
        };
        Self { claim: of(CLAIM), next: of(NEXT), settle: of(SETTLE) }
    }
}
