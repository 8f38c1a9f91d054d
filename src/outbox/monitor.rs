//! What can be seen and done from outside: the backlog, the watermark, dead letters.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, types::Json};
use tokio::time::{Instant, sleep};

use super::{
    Holder, OutboxError, OutboxOptions,
    gaps::Waiting,
    sql,
    tables::{Tables, attempt},
};
use crate::error::Side;

/// Looks at an intake, from any process: it need not run in this one. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct OutboxMonitor {
    pub(super) tables: Arc<Tables>,
}

/// What a side has not taken from the outbox yet.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxBacklog {
    /// Which side.
    pub side: Side,
    /// The number up to which everything stands on the side, or is a dead letter. `None`: the side has never begun.
    pub cursor: Option<i64>,
    /// The number after which the side began to read; a backfill has to bring what was before, and may begin once this is
    /// there.
    pub started: Option<i64>,
    /// Rows after the cursor, or all rows if the side has never begun.
    pub rows: u64,
    /// The age of the oldest of them, if there are any and their time is known.
    pub oldest: Option<Duration>,
    /// The transactions that the next row waits for: they have drawn a number below it, perhaps, and not ended. Until
    /// they do, nothing is taken.
    pub held_by: Vec<Holder>,
    /// The process that reads, by a random name; `None` while nobody does.
    pub owner: Option<String>,
    /// Why the outbox is not fit to be read, or what last went wrong in this process, until it goes right.
    pub failing: Option<String>,
    /// Dead letters.
    pub dead_letters: u64,
}

/// A row of the outbox that could not be applied to a side.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxDeadLetter {
    /// The letter's own number.
    pub id: i64,
    /// The side that does not have it.
    pub side: Side,
    /// The number of the row.
    pub seq: i64,
    /// Its operation.
    pub op: Option<String>,
    /// Its keys.
    pub keys: Vec<Option<String>>,
    /// The id of its document, if one could be made.
    pub document_id: Option<String>,
    /// Why: `unknown_op`, `unreadable`, `invalid_id`, `lookup`, `rejected` (by the side), `task_failed` or `failed`
    /// (again and again, while others did not).
    pub reason: String,
    /// The same in more words.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// Whether somebody has asked for it to be tried again.
    pub redriving: bool,
}

/// A choice of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxLetters {
    /// All of them.
    All,
    /// Those of a side.
    Of(Side),
    /// These, by their own numbers.
    These(Vec<i64>),
}

type CursorColumns = (Option<i64>, Option<i64>, Option<String>, i64);
type LetterColumns =
    (i64, String, i64, Option<String>, Json<Vec<Option<String>>>, Option<String>, String, String, i64, bool);

impl OutboxMonitor {
    /// Looks at the intake of these options, which need not run in this process. Nothing connects before the first call. Fails on names that
    /// cannot be right.
    pub fn new(options: OutboxOptions) -> Result<Self, OutboxError> {
        Ok(Self { tables: Arc::new(Tables::new(options)?) })
    }

    /// Whether the outbox, its sequence, the lookup and the control tables are there and fit to be read.
    pub async fn check(&self) -> Result<(), OutboxError> {
        self.tables.check().await?;
        self.cursor(Side::Meili).await?;
        Ok(())
    }

    /// What a side has not taken yet, and why.
    pub async fn backlog(&self, side: Side) -> Result<OutboxBacklog, OutboxError> {
        let tables = &self.tables;
        let (cursor, started, owner, dead_letters) = self.cursor(side).await?;
        let query = sqlx::query_as(AssertSqlSafe(&*tables.sql.backlog)).bind(cursor.unwrap_or(i64::MIN));
        let counted = attempt(query.fetch_one(tables.outbox())).await;
        let (rows, lowest, oldest): (i64, Option<i64>, Option<f64>) =
            counted.map_err(OutboxError::of("counting the rows of the outbox"))?;
        let (mut held_by, mut failing) = (Vec::new(), tables.noted(side));
        if cursor.is_none_or(|cursor| lowest.is_some_and(|lowest| cursor.checked_add(1) != Some(lowest))) {
            match tables.sequence().await {
                Ok(sequence) => {
                    let holders = tables.holders(sequence).await?;
                    held_by = holders.into_iter().map(|(_, holder)| holder).collect();
                }
                Err(unfit) if unfit.is_lasting() => failing = Some(unfit.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(OutboxBacklog {
            side,
            cursor,
            started,
            rows: rows.unsigned_abs(),
            oldest: oldest.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            held_by,
            owner,
            failing,
            dead_letters: dead_letters.unsigned_abs(),
        })
    }

    /// The highest number up to which nothing can appear any more: every row up to it can be seen from now on, or was
    /// rolled back. 0 if there is no row.
    ///
    /// It is the highest that can be seen at the call; then the transactions are waited for that had drawn a number by that
    /// time. Fails with [`OutboxError::Held`], naming them, if they have not ended after `patience`.
    pub async fn high_watermark(&self, patience: Duration) -> Result<i64, OutboxError> {
        let tables = &self.tables;
        let sequence = tables.sequence().await?;
        let asked = Instant::now();
        let highest = tables.highest().await?;
        let mut holders = tables.holders(sequence).await?;
        let transactions = |holders: &[(_, Holder)]| holders.iter().map(|(one, _)| Clone::clone(one)).collect();
        let mut waiting = Waiting::new(highest, transactions(&holders));
        loop {
            if let Some(settled) = waiting.over() {
                return Ok(settled);
            }
            if asked.elapsed() >= patience {
                let by = holders.into_iter().filter(|(one, _)| waiting.is_on(one)).map(|(_, holder)| holder);
                return Err(OutboxError::Held { waited: patience, by: by.collect() });
            }
            sleep(tables.options.pace.recheck.min(patience)).await;
            holders = tables.holders(sequence).await?;
            let now: Vec<_> = transactions(&holders);
            waiting.look(&now);
        }
    }

    /// Dead letters of one side or of both, oldest first, after the one given.
    pub async fn dead_letters(
        &self,
        side: Option<Side>,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<OutboxDeadLetter>, OutboxError> {
        let query = sqlx::query_as(sql::LETTERS)
            .bind(&self.tables.name)
            .bind(side.map(Side::as_str))
            .bind(after.unwrap_or(0))
            .bind(i64::from(limit))
            .fetch_all(self.tables.control());
        let letters: Vec<LetterColumns> =
            attempt(query).await.map_err(self.tables.control_error("reading the dead letters of the outbox"))?;
        Ok(letters.into_iter().map(letter).collect())
    }

    /// Asks for dead letters to be tried again, by the process that reads for their side; how many. A letter is gone once its
    /// row stands, or a later row of its document does; otherwise it says what went wrong this time.
    pub async fn redrive(&self, which: &OutboxLetters) -> Result<u64, OutboxError> {
        self.change(sql::ASK_REDRIVE, which, "asking for a redrive").await
    }

    /// Drops dead letters, how many: the sides may then differ.
    pub async fn drop_letters(&self, which: &OutboxLetters) -> Result<u64, OutboxError> {
        self.change(sql::DROP_LETTERS, which, "dropping dead letters of the outbox").await
    }

    async fn change(
        &self,
        statement: &'static str,
        which: &OutboxLetters,
        doing: &'static str,
    ) -> Result<u64, OutboxError> {
        let (side, ids) = match which {
            OutboxLetters::All => (None, None),
            OutboxLetters::Of(side) => (Some(side.as_str()), None),
            OutboxLetters::These(ids) => (None, Some(&**ids)),
        };
        let query = sqlx::query(statement).bind(&self.tables.name).bind(side).bind(ids).execute(self.tables.control());
        Ok(attempt(query).await.map_err(self.tables.control_error(doing))?.rows_affected())
    }

    async fn cursor(&self, side: Side) -> Result<CursorColumns, OutboxError> {
        let query = sqlx::query_as(sql::CURSOR).bind(&self.tables.name).bind(side.as_str());
        let found = attempt(query.fetch_one(self.tables.control())).await;
        found.map_err(self.tables.control_error("reading the cursor of the outbox"))
    }
}

fn letter(columns: LetterColumns) -> OutboxDeadLetter {
    let (id, side, seq, op, keys, document_id, reason, why, micros, redriving) = columns;
    OutboxDeadLetter {
        id,
        side: if side == Side::Pg.as_str() { Side::Pg } else { Side::Meili },
        seq,
        op,
        keys: keys.0,
        document_id,
        reason,
        why,
        at: Timestamp::from_microsecond(micros).unwrap_or_default(),
        redriving,
    }
}
