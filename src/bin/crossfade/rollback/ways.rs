//! All ways that were given, tried at once.

use std::path::PathBuf;

use crossfade::store::{RollbackLevel, RolledBack, Store, StoreError};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    admin::{Admin, AdminError},
    file::{self, Written},
};
use crate::{database::Database, failure::Failure};

/// What is asked of every way.
pub(super) struct Order<'a> {
    pub(super) level: RollbackLevel,
    pub(super) by: &'a str,
    pub(super) why: &'a str,
}

/// The ways there are.
pub(super) struct Ways {
    pub(super) table: Option<Table>,
    pub(super) files: Vec<PathBuf>,
    pub(super) admins: Vec<Admin>,
}

/// A URL that cannot be right does not stand in the way of the others.
pub(super) type Table = Result<Store, String>;

/// How each of them went.
pub(super) struct Tried {
    /// When it was begun, by the clock of this machine.
    pub(super) since: Instant,
    pub(super) attempts: Vec<Attempt>,
    pub(super) table: Option<RolledBack>,
    /// The rule and the message, if there is nothing to go back to.
    refused: Option<(String, String)>,
}

#[derive(Serialize)]
pub(super) struct Attempt {
    pub(super) way: &'static str,
    pub(super) place: String,
    pub(super) done: bool,
    pub(super) says: String,
    pub(super) millis: f64,
}

pub(super) fn all(database: &Database, given: &super::Ways) -> Result<Ways, Failure> {
    let ways = Ways {
        table: database.url().map(|url| Store::connect_lazy(url, database.schema()).map_err(|error| error.to_string())),
        files: given.flag_file.clone(),
        admins: given.admin.iter().map(|url| Admin::new(url, given.admin_token.as_deref())).collect(),
    };
    if ways.table.is_none() && ways.files.is_empty() && ways.admins.is_empty() {
        return Err(Failure::NoWayBack);
    }
    Ok(ways)
}

pub(super) async fn try_all(ways: &Ways, order: &Order<'_>) -> Tried {
    let since = Instant::now();
    let by_table = async {
        let done = match ways.table.as_ref()? {
            Ok(store) => told(store, order).await.map_err(Unable::Told),
            Err(error) => Err(Unable::Unusable(error)),
        };
        Some((done, since.elapsed()))
    };
    let by_files = join_all(ways.files.iter().map(async |path| {
        let written = file::write(path.clone(), order).await;
        (path, written, since.elapsed())
    }));
    let by_admins = join_all(ways.admins.iter().map(async |admin| {
        let answered = admin.roll_back(order).await;
        (admin, answered, since.elapsed())
    }));
    let (table, files, admins) = tokio::join!(by_table, by_files, by_admins);

    let mut tried = Tried { since, attempts: Vec::new(), table: None, refused: None };
    if let Some((done, took)) = table {
        let says = match &done {
            Ok(_) => "latched; every process that follows it hears of it now".to_owned(),
            Err(error) => error.to_string(),
        };
        if let Err(Unable::Told(StoreError::Refused { rule, message })) = &done {
            tried.refused = Some((rule.clone(), message.clone()));
        }
        tried.add("table", "the flag table".to_owned(), done.is_ok(), says, took);
        tried.table = done.ok();
    }
    for (path, written, took) in files {
        let (done, says) = match written {
            // The table knows better: there is nothing to go back to, and such a file would only be refused.
            Ok(written) if tried.refused.is_some() => (false, taken_back(written).await),
            Ok(written) => (true, written.to_string()),
            Err(error) => (false, error.to_string()),
        };
        tried.add("file", path.display().to_string(), done, says, took);
    }
    for (admin, answered, took) in admins {
        let says = match &answered {
            Ok(_) if order.level > RollbackLevel::Reads => {
                format!("latched, which is what it can do; `{}` is for the table or a file", order.level)
            }
            Ok(_) => "latched; it tells the table".to_owned(),
            Err(error) => error.to_string(),
        };
        if let Err(AdminError::Refused(message)) = &answered
            && tried.refused.is_none()
        {
            let rule = message.split(':').next().unwrap_or_default().to_owned();
            tried.refused = Some((rule, message.clone()));
        }
        tried.add("admin", admin.place().to_owned(), answered.is_ok(), says, took);
    }
    tried
}

async fn told(store: &Store, order: &Order<'_>) -> Result<RolledBack, StoreError> {
    store.reach().await?;
    store.flags().rollback(order.level, order.by, order.why).await
}

/// Why the table was not told.
#[derive(Debug, thiserror::Error)]
enum Unable<'a> {
    #[error("{0}")]
    Unusable(&'a str),
    #[error(transparent)]
    Told(StoreError),
}

async fn taken_back(written: Written) -> String {
    match written.take_back().await {
        Ok(()) => "taken back: the table says that there is nothing to go back to".to_owned(),
        Err(error) => format!("written, and must be taken out again, for the table refuses: {error}"),
    }
}

impl Tried {
    fn add(&mut self, way: &'static str, place: String, done: bool, says: String, took: std::time::Duration) {
        self.attempts.push(Attempt { way, place, done, says, millis: took.as_secs_f64() * 1e3 });
    }

    /// Whether one worked.
    pub(super) fn judge(&self) -> Result<(), Failure> {
        match &self.refused {
            _ if self.attempts.iter().any(|attempt| attempt.done) => Ok(()),
            Some((rule, message)) => Err(StoreError::Refused { rule: rule.clone(), message: message.clone() }.into()),
            None => Err(Failure::NoWayWorked),
        }
    }
}
