//! A query of a database as a source.

mod connection;
mod listing;
mod options;
mod row;
mod statements;

use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement, types::Json};
use tokio::{sync::OnceCell, time::Instant};

pub use self::options::{SqlIds, SqlOptions};
use self::{
    connection::{Database, is_timeout},
    listing::{Listing, Listings},
    row::Columns,
    statements::{Pages, Probes},
};
use super::{
    BackfillSource, Page, Shard, SourceDescription, SourceError, SourcePlan, SourceRow, Total,
    fields::{not_ours, parse, text, unavailable, unfit},
};
use crate::opaque::opaque_debug;

/// Rows read again by one statement.
const AT_ONCE: usize = 200;
/// The types a version may have.
const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];

/// Reads a query of a PostgreSQL database page by page, by its key columns: each page begins after the keys of the last
/// row of the one before, so that nothing that comes and goes beside it matters. A row whose keys change meanwhile may be read
/// twice, or not at all; dual writes bring it.
///
/// Pages are read from a cursor that is open for five seconds, or for ten times as long as it took to open: without an index on the key columns
/// the query has to be sorted each time, and a transaction that is open for long would hold back vacuum and whoever wants to change the tables. So what a page shows may be
/// as old; live writes are newer and win. The session is read-only.
pub struct SqlSource {
    options: SqlOptions,
    probes: Probes,
    database: Database,
    /// Asked for once: they hang on the types of the key columns.
    pages: OnceCell<Pages>,
    listings: Listings,
}

impl SqlSource {
    /// Reads the database of this URL. Nothing connects before the first call.
    ///
    /// Fails on a URL that is none, and on options that cannot be right.
    pub fn connect(url: &str, options: SqlOptions) -> Result<Self, SourceError> {
        statements::check(&options)?;
        let (probes, database) = (Probes::new(&options)?, Database::new(url, options.statement_timeout)?);
        Ok(Self { options, probes, database, pages: OnceCell::new(), listings: Listings::default() })
    }

    async fn is_fit(&self) -> Result<(), SourceError> {
        self.has_columns().await?;
        self.pages().await?;
        let doing = "looking for rows whose key columns are NULL";
        let null = sqlx::query_scalar(AssertSqlSafe(&*self.probes.null_keys)).fetch_one(self.database.pool());
        if self.database.attempt(doing, 1, null).await? {
            return Err(self.has_null_keys(doing));
        }
        self.rows(None, None, 1).await?;
        Ok(())
    }

    fn has_null_keys(&self, doing: &str) -> SourceError {
        let keys = self.options.keys.join("`, `");
        let next = "leave such rows out of the query, or name other key columns";
        unfit(format!("{doing}: there are some that no page would show, as a key column is NULL (`{keys}`); {next}"))
    }

    /// Whether the query runs, and has the columns that are named.
    async fn has_columns(&self) -> Result<(), SourceError> {
        let doing = "reading the columns of the query";
        let ask = async {
            let mut connection = self.database.pool().acquire().await?;
            let sql = AssertSqlSafe(self.probes.columns.clone()).into_sql_str();
            let statement = connection.prepare(sql).await?;
            let columns = statement.columns().iter().map(|column| column.name().to_owned());
            let parameters = statement.parameters().map_or(0, |of| of.either(<[_]>::len, |number| number));
            Ok((columns.collect::<Vec<String>>(), parameters))
        };
        let (columns, parameters) = self.database.attempt(doing, 1, ask).await?;
        if parameters > 0 {
            return Err(unfit(format!("{doing}: it has parameters, and nobody gives them values; write them out")));
        }
        let missing: Vec<&str> =
            self.options.columns().into_iter().filter(|name| !columns.iter().any(|column| column == name)).collect();
        if !missing.is_empty() {
            let (missing, there) = (missing.join("`, `"), columns.join("`, `"));
            return Err(unfit(format!("{doing}: it has none that is called `{missing}`, but `{there}`")));
        }
        Ok(())
    }

    async fn pages(&self) -> Result<&Pages, SourceError> {
        self.pages.get_or_try_init(|| self.look_at_types()).await
    }

    async fn look_at_types(&self) -> Result<Pages, SourceError> {
        let doing = "reading the types of the columns";
        let types = sqlx::query_as(AssertSqlSafe(&*self.probes.types)).fetch_one(self.database.pool());
        let (keys, version, deleted): (Vec<String>, Option<String>, Option<String>) =
            self.database.attempt(doing, 1, types).await?;
        for (column, of, wanted) in
            [(&self.options.version, version, &INTEGERS[..]), (&self.options.deleted, deleted, &["boolean"][..])]
        {
            let (Some(column), Some(of)) = (column, of) else { continue };
            if !wanted.contains(&&*of) {
                let wanted = wanted.join(", ");
                return Err(unfit(format!(
                    "{doing}: `{column}` is {of}, and has to be {wanted}; cast it in the query"
                )));
            }
        }
        Pages::new(&self.options, keys)
    }

    async fn cut(&self, shards: usize) -> Result<SourcePlan, SourceError> {
        let shard = |key: usize, lower, upper| Shard { key: key.to_string(), lower, upper };
        if shards <= 1 {
            return Ok(SourcePlan { shards: vec![shard(0, None, None)], total: Some(self.total().await?) });
        }
        let doing = "cutting the query in shards";
        let (pages, shards) = (self.pages().await?, i64::try_from(shards).unwrap_or(i64::MAX));
        let begin = statements::begin_planning(self.database.milliseconds(10));
        let cuts = pages.cuts(&self.options)?;
        let ask = async {
            let mut transaction = self.database.pool().begin_with(AssertSqlSafe(begin)).await?;
            let cuts = sqlx::query_as(AssertSqlSafe(cuts)).bind(shards).fetch_all(&mut *transaction).await?;
            transaction.commit().await.map(|()| cuts)
        };
        let cuts: Vec<(Vec<Option<String>>, bool, i64)> = self.database.attempt(doing, 10, ask).await?;
        let rows = cuts.first().map_or(0, |(_, _, total)| total.unsigned_abs());
        let ends = cuts.iter().filter(|(_, last, _)| !last);
        let bounds: Vec<String> = ends.map(|(place, ..)| text(place)).collect::<Result<_, _>>()?;
        let lower = |at: usize| at.checked_sub(1).and_then(|before| bounds.get(before).cloned());
        let shards = (0..=bounds.len()).map(|at| shard(at, lower(at), bounds.get(at).cloned())).collect();
        Ok(SourcePlan { shards, total: Some(Total { rows, exact: true }) })
    }

    /// Counted, or what the planner takes it to be if that takes long.
    async fn total(&self) -> Result<Total, SourceError> {
        let counted = async {
            let mut transaction = self.database.pool().begin_with(statements::COUNT_QUICKLY).await?;
            let count = sqlx::query_scalar(AssertSqlSafe(&*self.probes.count));
            let count: Result<i64, _> = count.fetch_one(&mut *transaction).await;
            transaction.rollback().await?;
            match count {
                Err(error) if is_timeout(&error) => Ok(None),
                count => count.map(|count| Some(count.unsigned_abs())),
            }
        };
        if let Some(rows) = self.database.attempt("counting the rows", 1, counted).await? {
            return Ok(Total { rows, exact: true });
        }
        let doing = "estimating the number of rows";
        let explain = sqlx::query_scalar(AssertSqlSafe(&*self.probes.estimate)).fetch_one(self.database.pool());
        let Json(plan): Json<serde_json::Value> = self.database.attempt(doing, 1, explain).await?;
        let rows = plan.pointer("/0/Plan/Plan Rows").and_then(serde_json::Value::as_f64);
        let rows = rows.ok_or_else(|| unavailable(format!("{doing}: the plan says nothing of it")))?;
        Ok(Total { rows: rows as u64, exact: false })
    }

    async fn page(&self, shard: &Shard, after: Option<&str>, limit: usize) -> Result<Page, SourceError> {
        let limit = limit.max(1);
        let from = after;
        let after = after.or(shard.lower.as_deref());
        let after = after.map(|keys| self.keys(keys, "the cursor")).transpose()?;
        let upto = shard.upper.as_deref().map(|keys| self.keys(keys, "the bounds")).transpose()?;
        // One more, to see whether the next row can be told from the last.
        let (mut found, mut listing) = match self.listings.take(&shard.key, from) {
            Some(mut open) => match self.database.attempt("reading rows", 1, open.fetch(limit)).await {
                Ok(found) => (found, open),
                // It may have been idle for too long.
                Err(_) => self.rows(after.as_deref(), upto.as_deref(), limit).await?,
            },
            None => self.rows(after.as_deref(), upto.as_deref(), limit).await?,
        };
        if found.iter().any(|(.., again)| *again) {
            let keys = self.options.keys.join("`, `");
            let next = "add a column that tells them apart, and start a new job";
            return Err(unfit(format!("reading rows: some are equal in all key columns (`{keys}`); {next}")));
        }
        if found.iter().flat_map(|(keys, ..)| keys).any(Option::is_none) {
            return Err(self.has_null_keys("reading rows"));
        }
        let end = found.len() <= limit;
        found.truncate(limit);
        let rows: Vec<SourceRow> =
            found.into_iter().map(|columns| row::row(columns, &self.options)).collect::<Result<_, _>>()?;
        let cursor = rows.last().map(|row| row.place.clone());
        if !end {
            listing.stands_after(cursor.clone());
            self.listings.keep(&shard.key, listing);
        }
        Ok(Page { cursor, rows, end })
    }

    /// Opens a cursor, and reads from it.
    async fn rows(
        &self,
        after: Option<&[String]>,
        upto: Option<&[String]>,
        limit: usize,
    ) -> Result<(Vec<Columns>, Listing), SourceError> {
        let pages = self.pages().await?;
        let declare = pages.declare(&self.options, after.is_some(), upto.is_some())?;
        let read = async {
            let opened = Instant::now();
            let mut transaction = self.database.pool().begin_with(statements::BEGIN_LISTING).await?;
            let mut declare = sqlx::query(AssertSqlSafe(declare)).persistent(false);
            for key in after.into_iter().chain(upto).flatten() {
                declare = declare.bind(key);
            }
            declare.execute(&mut *transaction).await?;
            let mut listing = Listing::new(transaction, opened);
            Ok((listing.fetch(limit).await?, listing))
        };
        self.database.attempt("reading rows", 1, read).await
    }

    async fn read_again(&self, places: &[String]) -> Result<Vec<SourceRow>, SourceError> {
        let pages = self.pages().await?;
        let sql = pages.reread(&self.options)?;
        let mut rows = Vec::with_capacity(places.len());
        for some in places.chunks(AT_ONCE) {
            let mut columns = vec![Vec::with_capacity(some.len()); pages.keys()];
            for place in some {
                for (column, key) in columns.iter_mut().zip(self.keys(place, "a place")?) {
                    column.push(key);
                }
            }
            let query =
                columns.into_iter().fold(sqlx::query_as(AssertSqlSafe(&*sql)), |query, column| query.bind(column));
            let found: Vec<Columns> =
                self.database.attempt("reading rows again", 1, query.fetch_all(self.database.pool())).await?;
            for columns in found {
                rows.push(row::row(columns, &self.options)?);
            }
        }
        Ok(rows)
    }

    /// The keys of a cursor, a bound or a place.
    fn keys(&self, text: &str, what: &str) -> Result<Vec<String>, SourceError> {
        let keys: Vec<String> = parse(text, what)?;
        if keys.len() != self.options.keys.len() {
            return Err(not_ours(what));
        }
        Ok(keys)
    }
}

impl BackfillSource for SqlSource {
    fn describe(&self) -> SourceDescription {
        SourceDescription::Sql(Box::new(self.options.clone()))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SourceError>> {
        Box::pin(self.is_fit())
    }

    fn plan(&self, shards: usize) -> BoxFuture<'_, Result<SourcePlan, SourceError>> {
        Box::pin(self.cut(shards))
    }

    fn read<'a>(
        &'a self,
        shard: &'a Shard,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.page(shard, after, limit))
    }

    fn reread<'a>(&'a self, places: &'a [String]) -> BoxFuture<'a, Result<Vec<SourceRow>, SourceError>> {
        Box::pin(self.read_again(places))
    }
}

opaque_debug!(SqlSource);
