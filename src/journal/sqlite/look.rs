//! What only looks.

use jiff::Timestamp;
use sqlx::Row as _;
use tokio::time::Instant;

use super::{
    super::{Duty, Status},
    error::{Sql, failed},
    op::{Given, Look, RawLetter},
    row::{RawIntent, list, millis},
    sql,
    writer::Writer,
};
use crate::document::Version;

impl Writer {
    pub(super) async fn look_up(&mut self, look: Look) {
        // Whoever asked may have gone: then the answer is dropped, and claims with it are given back.
        match look {
            Look::Claim { duty, limit, reply } => {
                let claim = self.claim(duty, limit).await.map(|claim| Given::new(duty, claim, self.queue.clone()));
                let _ = reply.send(claim.map_err(|error| failed("claiming entries", error)));
            }
            Look::OpenAfter { duty, pairs, reply } => {
                let being_reconciled = (duty == Duty::Reconcile).then(|| self.book.queue(duty).claimed());
                let but = list(being_reconciled.into_iter().flatten());
                let open = sql::open_after(&mut self.conn, duty, pairs, but).await;
                let _ = reply.send(open.map_err(|error| failed("looking for later entries", error)));
            }
            Look::Carried { side, pairs, reply } => {
                let found = sql::carried(&mut self.conn, side, pairs).await;
                let _ = reply.send(found.map_err(|error| failed("looking for entries of the other side", error)));
            }
            Look::IndexCarried { side, index, reply } => {
                let found = sql::index_carried(&mut self.conn, side, index).await;
                let _ = reply.send(found.map_err(|error| failed("looking for entries of the other side", error)));
            }
            Look::Highest { reply } => drop(reply.send(Ok(Version(self.standing.highest)))),
            Look::Status { reply } => {
                let _ = reply.send(self.status().await.map_err(|error| failed("reading its status", error)));
            }
            Look::Indexes { reply } => {
                let indexes = sql::indexes(&mut self.conn).await;
                let _ = reply.send(indexes.map_err(|error| failed("looking for indexes", error)));
            }
            Look::Letters { after, limit, reply } => {
                let letters = self.letters(after, limit).await;
                let _ = reply.send(letters.map_err(|error| failed("listing dead letters", error)));
            }
        }
    }

    async fn status(&mut self) -> Sql<Status> {
        let oldest = sql::oldest(&mut self.conn).await?.map(|(seq, began, at)| {
            if seq > self.before {
                // The clock of the wall may have been set since.
                let began = self.opened + millis(began);
                return Instant::now().saturating_duration_since(began).as_secs_f64();
            }
            (Timestamp::now().as_microsecond() - at).max(0) as f64 / 1e6
        });
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let [meili, pg, reconcile] = self.standing.duties.map(count);
        Ok(Status {
            pending: count(self.standing.pending),
            asked: count(self.standing.asked),
            meili,
            pg,
            reconcile,
            oldest_seconds: oldest,
            dead_letters: count(self.standing.letters),
            failing: self.book.failing(),
        })
    }

    async fn letters(&mut self, after: i64, limit: i64) -> Sql<Vec<RawLetter>> {
        let rows = sql::letters(&mut self.conn, after, limit).await?;
        let letters = rows.iter().map(|row| {
            let bits: i64 = row.try_get(1)?;
            let duty = Duty::ALL.into_iter().find(|duty| i64::from(duty.bit()) == bits);
            Ok(RawLetter {
                seq: row.try_get(0)?,
                duty: duty.ok_or(sqlx::Error::RowNotFound)?,
                why: row.try_get(3)?,
                at: row.try_get(4)?,
                intent: RawIntent::read(row, 5, row.try_get(2)?)?,
            })
        });
        letters.collect()
    }
}
