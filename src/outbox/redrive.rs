//! Dead letters that are to be tried again, by the owner of the cursor.

use std::{collections::HashMap, mem};

use sqlx::types::Json;

use super::{
    OutboxError,
    apply::is_suspect,
    consumer::{Consumer, Trouble},
    row::{Letter, Reason, Row},
    sql,
    tables::attempt,
};

type Asked = (i64, Option<String>, Json<Vec<Option<String>>>);

impl Consumer {
    /// Tries letters again that somebody asked for. One whose document has a later row that was applied is done: what it
    /// wanted was overtaken.
    pub(super) async fn redrive(&mut self, cursor: i64) -> Result<(), Trouble> {
        let tables = &self.intake.clone().tables;
        let query = sqlx::query_as(sql::ASKED_LETTERS).bind(&tables.name).bind(self.side.as_str());
        let asked = attempt(query.bind(i64::from(self.limit)).fetch_all(tables.control())).await;
        let asked: Vec<Asked> = asked.map_err(tables.control_error("looking for letters to redrive"))?;
        if asked.is_empty() {
            return Ok(());
        }
        let seqs: Vec<i64> = asked.iter().map(|(seq, ..)| *seq).collect();
        let overtaken = tables.superseded(&seqs, cursor).await?;
        let mut there: HashMap<i64, Row> =
            tables.rows_by_seq(&seqs).await?.into_iter().map(|row| (row.seq, row)).collect();
        // A row that is gone from the outbox still names its document.
        let row = |(seq, op, keys): Asked| {
            there.remove(&seq).unwrap_or(Row { seq, op, keys: keys.0, document: None, damage: None })
        };
        let rows: Vec<Row> = asked.into_iter().filter(|(seq, ..)| !overtaken.contains(seq)).map(row).collect();
        // What fails without a reason is not waited for: letters do not hold up those who come after them.
        let failures = mem::replace(&mut self.failures, u32::MAX);
        let brought = self.bring(rows.clone()).await;
        self.failures = failures;
        let all = |why: &str| rows.into_iter().map(|row| row.letter(Reason::Failed, why.to_owned())).collect();
        let dead: Vec<Letter> = match brought {
            Ok(dead) => dead,
            Err(Trouble::Side(error)) if is_suspect(error.kind()) => all(&error.to_string()),
            Err(Trouble::Outbox(error @ OutboxError::LookupRefused(_))) => all(&error.to_string()),
            Err(trouble) => return Err(trouble),
        };
        let done: Vec<i64> = seqs.into_iter().filter(|seq| dead.iter().all(|letter| letter.seq != *seq)).collect();
        self.lease()?.end_redrive(tables, &done, &dead).await?;
        self.buried(&dead);
        self.report.redriven += done.len() as u64;
        Ok(())
    }
}
