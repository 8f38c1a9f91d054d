//! Dead letters.

use std::sync::{Arc, LazyLock};

use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    super::{
        super::{DeadLetters, Duty},
        error::Sql,
        row::{ACCEPTED, AGELESS, list},
    },
    Times, owned,
};

const BURY: &str = "
    INSERT INTO letters (duty, lane, idx, name, id, version, flags, plan, why, at, sum, deed)
    SELECT ?2, lane, idx, name, id, version, flags, plan, ?3, ?4, sum, deed FROM entries JOIN bodies USING (seq)
    WHERE seq = ?1";

const CHOSEN: &str = "(?1 IS NULL OR duty = ?1) AND (?2 IS NULL OR seq IN (SELECT value FROM json_each(?2)))";

pub(in crate::journal::sqlite) async fn bury(
    conn: &mut SqliteConnection,
    seq: i64,
    duty: Duty,
    why: &str,
    at: i64,
) -> Sql<()> {
    let query = sqlx::query(BURY).bind(seq).bind(i64::from(duty.bit())).bind(why.as_bytes().to_vec()).bind(at);
    query.execute(conn).await.map(|_| ())
}

pub(in crate::journal::sqlite) async fn letters(
    conn: &mut SqliteConnection,
    after: i64,
    limit: i64,
) -> Sql<Vec<SqliteRow>> {
    const LETTERS: &str = "SELECT seq, duty, flags, why, at, name, id, version, deed, sum FROM letters
        WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    sqlx::query(LETTERS).bind(after).bind(limit).fetch_all(conn).await
}

fn choice(which: &DeadLetters) -> (Option<i64>, Option<String>) {
    match which {
        DeadLetters::All => (None, None),
        DeadLetters::Of(duty) => (Some(i64::from(duty.bit())), None),
        DeadLetters::These(seqs) => (None, Some(list(seqs.iter().map(|seq| seq.0)))),
    }
}

/// Makes entries of letters, from the place after `last` on.
pub(in crate::journal::sqlite) async fn redrive(
    conn: &mut SqliteConnection,
    which: &DeadLetters,
    last: i64,
    times: Times,
) -> Sql<()> {
    static ENTRIES: LazyLock<Arc<str>> = LazyLock::new(|| {
        format!(
            "INSERT INTO entries SELECT ?3 + row_number() OVER (ORDER BY seq), lane, idx, name, id, version,
                (flags | {AGELESS}) & ~16, {ACCEPTED}, NULL, duty, plan, ?4, 0, ?5 FROM letters WHERE {CHOSEN}"
        )
        .into()
    });
    static BODIES: LazyLock<Arc<str>> = LazyLock::new(|| {
        format!(
            "INSERT INTO bodies SELECT ?3 + row_number() OVER (ORDER BY seq), sum, deed FROM letters WHERE {CHOSEN}"
        )
        .into()
    });
    let (duty, seqs) = choice(which);
    let entries = owned(&ENTRIES).bind(duty).bind(seqs.clone()).bind(last).bind(times.began).bind(times.at);
    entries.execute(&mut *conn).await?;
    owned(&BODIES).bind(duty).bind(seqs).bind(last).execute(conn).await.map(|_| ())
}

/// How many letters there are of a choice, by duty.
pub(in crate::journal::sqlite) async fn count_letters(
    conn: &mut SqliteConnection,
    which: &DeadLetters,
) -> Sql<Vec<(i64, i64)>> {
    static COUNT: LazyLock<Arc<str>> =
        LazyLock::new(|| format!("SELECT duty, count(*) FROM letters WHERE {CHOSEN} GROUP BY duty").into());
    let (duty, seqs) = choice(which);
    let rows = owned(&COUNT).bind(duty).bind(seqs).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

pub(in crate::journal::sqlite) async fn drop_letters(conn: &mut SqliteConnection, which: &DeadLetters) -> Sql<()> {
    static DROP: LazyLock<Arc<str>> = LazyLock::new(|| format!("DELETE FROM letters WHERE {CHOSEN}").into());
    let (duty, seqs) = choice(which);
    owned(&DROP).bind(duty).bind(seqs).execute(conn).await.map(|_| ())
}
