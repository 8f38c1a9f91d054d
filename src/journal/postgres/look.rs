//! Looking into the journal, and dead letters.

use std::sync::Arc;

use sqlx::FromRow;

use super::{
    super::{Carried, DeadLetter, DeadLetters, Duties, Duty, JournalError, Redrive, Seq, Status},
    PostgresJournal,
    connect::{WORK_DEADLINE, within},
    error::Failure,
    row::{LetterRow, from_text, lane, to_text},
    sql,
};
use crate::{
    document::{DocumentId, Version},
    error::Side,
};

/// Dead letters that one statement disposes of.
const AT_ONCE: i64 = 1000;

const CARRYING: &str = "looking for entries of the other side";

#[derive(FromRow)]
struct StatusRow {
    pending: i64,
    asked: i64,
    meili: i64,
    pg: i64,
    reconcile: i64,
    oldest: Option<f64>,
    dead_letters: i64,
    meili_failing: i64,
    pg_failing: i64,
    reconcile_failing: i64,
    meili_why: Option<String>,
    pg_why: Option<String>,
    reconcile_why: Option<String>,
}

impl PostgresJournal {
    pub(super) async fn find_later(
        &self,
        duty: Duty,
        index: &str,
        ids: &[(DocumentId, Seq)],
    ) -> Result<Vec<bool>, JournalError> {
        let claimed = if duty == Duty::Reconcile { self.claims.busy(duty).seqs } else { Vec::new() };
        let search = sqlx::query_scalar(sql::OPEN_AFTER)
            .bind(i32::from(duty.bit()))
            .bind(to_text(index))
            .bind(ids.iter().map(|(id, _)| lane(index, id)).collect::<Vec<_>>())
            .bind(ids.iter().map(|(id, _)| to_text(id.as_str())).collect::<Vec<_>>())
            .bind(ids.iter().map(|(_, seq)| seq.0).collect::<Vec<_>>())
            .bind(claimed)
            .fetch_all(&self.shared.pools.work);
        within(WORK_DEADLINE, "looking for later entries", search).await.map_err(Failure::told)
    }

    pub(super) async fn find_carried(
        &self,
        side: Side,
        index: &str,
        ids: &[DocumentId],
    ) -> Result<Vec<Carried>, JournalError> {
        let search = sqlx::query_scalar(sql::CARRIED)
            .bind(i32::from(Duties::that_carry(side).bits()))
            .bind(to_text(index))
            .bind(ids.iter().map(|id| lane(index, id)).collect::<Vec<_>>())
            .bind(ids.iter().map(|id| to_text(id.as_str())).collect::<Vec<_>>())
            .bind(side.as_str())
            .fetch_all(&self.shared.pools.work);
        let furthest: Vec<Option<i64>> = within(WORK_DEADLINE, CARRYING, search).await.map_err(Failure::told)?;
        Ok(furthest.into_iter().map(Carried::of).collect())
    }

    pub(super) async fn find_index_carried(&self, side: Side, index: &str) -> Result<Carried, JournalError> {
        let search = sqlx::query_scalar(sql::INDEX_CARRIED)
            .bind(i32::from(Duties::that_carry(side).bits()))
            .bind(to_text(index))
            .bind(side.as_str())
            .fetch_one(&self.shared.pools.work);
        within(WORK_DEADLINE, CARRYING, search).await.map(Carried::of).map_err(Failure::told)
    }

    pub(super) async fn find_highest_version(&self) -> Result<Version, JournalError> {
        let search = sqlx::query_scalar(sql::HIGHEST_VERSION).fetch_one(&self.shared.pools.work);
        Ok(Version(within(WORK_DEADLINE, "reading the highest version", search).await.map_err(Failure::told)?))
    }

    pub(super) async fn count(&self) -> Result<Status, JournalError> {
        let search = sqlx::query_as(sql::STATUS).fetch_one(&self.shared.pools.work);
        let row: StatusRow = within(WORK_DEADLINE, "reading its status", search).await.map_err(Failure::told)?;
        Ok(row.into())
    }

    pub(super) async fn find_indexes(&self) -> Result<Option<Vec<Arc<str>>>, JournalError> {
        let search = sqlx::query_scalar(sql::INDEXES).fetch_all(&self.shared.pools.work);
        let indexes: Vec<String> = within(WORK_DEADLINE, "looking for indexes", search).await.map_err(Failure::told)?;
        Ok(Some(indexes.into_iter().map(|index| from_text(index).into()).collect()))
    }

    pub(super) async fn list_letters(&self, after: Option<Seq>, limit: usize) -> Result<Vec<DeadLetter>, JournalError> {
        let search = sqlx::query_as(sql::DEAD_LETTERS)
            .bind(after.map_or(i64::MIN, |seq| seq.0))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.shared.pools.work);
        let rows: Vec<LetterRow> =
            within(WORK_DEADLINE, "listing dead letters", search).await.map_err(Failure::told)?;
        rows.into_iter().map(LetterRow::into_letter).collect()
    }

    /// Of those there are now; what dies again meanwhile is left for the next time.
    pub(super) async fn dispose_of(&self, which: &DeadLetters, how: Redrive) -> Result<u64, JournalError> {
        const DOING: &str = "disposing of dead letters";
        // Durably: somebody has decided it.
        let pool = &self.shared.pools.appends;
        let last = sqlx::query_scalar(sql::LAST_DEAD_LETTER).fetch_one(pool);
        let last: i64 = within(WORK_DEADLINE, DOING, last).await.map_err(Failure::told)?;
        let (duty, seqs) = match which {
            DeadLetters::All => (None, None),
            DeadLetters::Of(duty) => (Some(duty.as_str()), None),
            DeadLetters::These(seqs) => (None, Some(seqs.iter().map(|seq| seq.0).collect::<Vec<_>>())),
        };
        let mut disposed = 0;
        loop {
            let some = sqlx::query_scalar(sql::DISPOSE)
                .bind(last)
                .bind(duty)
                .bind(seqs.as_deref())
                .bind(AT_ONCE)
                .bind(how == Redrive::Again)
                .fetch_one(pool);
            let some: i64 = within(WORK_DEADLINE, DOING, some).await.map_err(Failure::told)?;
            disposed += some.unsigned_abs();
            if some < AT_ONCE {
                return Ok(disposed);
            }
        }
    }
}

impl From<StatusRow> for Status {
    fn from(row: StatusRow) -> Self {
        let failing = [
            (Duty::Meili, row.meili_failing, row.meili_why),
            (Duty::Pg, row.pg_failing, row.pg_why),
            (Duty::Reconcile, row.reconcile_failing, row.reconcile_why),
        ];
        Self {
            pending: row.pending.unsigned_abs(),
            asked: row.asked.unsigned_abs(),
            meili: row.meili.unsigned_abs(),
            pg: row.pg.unsigned_abs(),
            reconcile: row.reconcile.unsigned_abs(),
            oldest_seconds: row.oldest.map(|seconds| seconds.max(0.0)),
            dead_letters: row.dead_letters.unsigned_abs(),
            failing: failing
                .into_iter()
                .filter_map(|(duty, count, why)| Some((duty, count.unsigned_abs(), from_text(why?))))
                .collect(),
        }
    }
}
