//! Which outbox is read, and how.

use std::{sync::Arc, time::Duration};

use sqlx::postgres::PgConnectOptions;

use super::OutboxError;
use crate::opaque::opaque_debug;

/// Which outbox is read, and how. The defaults are those of a service with the tables `cn_relay.events_outbox`,
/// `cn_relay.events` and `cn_relay.event_topics`, see the [module](super).
///
/// Names are quoted, so they are taken as they stand, capital letters included. They are checked by
/// [`OutboxIntake::new`](super::OutboxIntake::new).
#[derive(Clone)]
#[must_use]
pub struct OutboxOptions {
    pub(super) url: PgConnectOptions,
    pub(super) control: PgConnectOptions,
    pub(super) control_schema: String,
    pub(super) name: Option<String>,
    pub(super) columns: OutboxColumns,
    pub(super) sequence: Option<String>,
    pub(super) upserts: Vec<String>,
    pub(super) deletes: Vec<String>,
    pub(super) index: Arc<str>,
    pub(super) primary_key: String,
    pub(super) ids: OutboxIds,
    pub(super) content: OutboxContent,
    pub(super) channel: Option<String>,
    pub(super) meili_start: OutboxStart,
    pub(super) pg_start: OutboxStart,
    pub(super) pace: OutboxPace,
}

/// The table and its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxColumns {
    /// The schema. `cn_relay`
    pub schema: String,
    /// The table. `events_outbox`
    pub table: String,
    /// The number of the row, from a sequence, drawn by the transaction that inserts the row. `seq`
    pub seq: String,
    /// What was done. `op`
    pub op: String,
    /// What names the document. `event_id`, `topic_id`
    pub keys: Vec<String>,
    /// When the row was made (`timestamptz`): for the age of the backlog. `ingested_at`
    pub at: Option<String>,
}

/// How the id of a search document is made of the key columns.
#[derive(Clone)]
pub enum OutboxIds {
    /// Joined by `__`; what Meilisearch does not take in an id is written as `_` and two hexadecimal digits. Different keys have
    /// different ids. The default: one document for each event and topic.
    Escaped,
    /// The only key column, as it stands.
    Verbatim,
    /// By a function of the key columns, in their order.
    With(Arc<MakeId>),
}

/// Makes an id of the key columns.
pub type MakeId = dyn Fn(&[String]) -> String + Send + Sync;

/// Where the document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxContent {
    /// In this column (`json`, `jsonb`, or text that is JSON): an object. A deletion needs none.
    Column(String),
    /// In other tables.
    Lookup(OutboxLookup),
}

/// A query that reads the present state of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxLookup {
    pub(super) sql: String,
    pub(super) deletes: bool,
}

/// Where a side begins that has never read the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxStart {
    /// With the oldest row there is.
    Oldest,
    /// After the [high watermark](super::OutboxMonitor::high_watermark) of the moment it begins: what was before is brought by
    /// a backfill, which must begin after that.
    Watermark,
    /// After this number.
    After(i64),
}

/// Sizes and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxPace {
    /// Rows read at once, at most. 1,000
    pub batch: u32,
    /// How often the outbox is looked at though nothing was notified, and the plan. 1 s
    pub poll: Duration,
    /// How often a transaction that holds the cursor back is looked at. 50 ms
    pub recheck: Duration,
    /// How long a process reads for a side before it has to renew that. A standby takes over after this time, and no call to a
    /// side takes longer than three quarters of it. 30 s
    pub lease: Duration,
    /// How long the batch under way may take when the intake is to stop. 10 s
    pub drain: Duration,
    /// After how many failures in a row that are neither an outage nor said to be a document's fault a batch is taken
    /// apart, to see whether only some of its documents fail. 8
    pub attempts: u32,
    /// How often the backlog is counted for the metrics. 10 s
    pub report: Duration,
}

impl OutboxOptions {
    /// The outbox in the database of this URL, with all defaults; the control tables are in the same database, in the
    /// schema `cn_search`. Fails on a URL that cannot be read.
    pub fn new(url: &str) -> Result<Self, OutboxError> {
        let url: PgConnectOptions = url.parse().map_err(|_| OutboxError::InvalidUrl)?;
        Ok(Self {
            control: url.clone(),
            url,
            control_schema: "cn_search".to_owned(),
            name: None,
            columns: OutboxColumns::default(),
            sequence: None,
            upserts: vec!["upsert".to_owned()],
            deletes: vec!["delete".to_owned()],
            index: "posts".into(),
            primary_key: "id".to_owned(),
            ids: OutboxIds::Escaped,
            content: OutboxContent::Lookup(OutboxLookup::default()),
            channel: Some("crossfade_outbox".to_owned()),
            meili_start: OutboxStart::Oldest,
            pg_start: OutboxStart::Watermark,
            pace: OutboxPace::default(),
        })
    }

    /// The schema of the control tables.
    pub fn control_schema(mut self, schema: impl Into<String>) -> Self {
        self.control_schema = schema.into();
        self
    }

    /// The database of the control tables, if it is another one.
    pub fn control_url(mut self, url: &str) -> Result<Self, OutboxError> {
        self.control = url.parse().map_err(|_| OutboxError::InvalidUrl)?;
        Ok(self)
    }

    /// The name of this intake in the control tables; `schema.table` of the outbox by default. Two intakes that read one
    /// outbox into two indexes need two names.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The table and its columns.
    pub fn columns(mut self, columns: OutboxColumns) -> Self {
        self.columns = columns;
        self
    }

    /// The sequence the numbers come from, as SQL names it (`schema.name`, quoted where needed); by default the one that belongs
    /// to the column, or that its default draws from.
    pub fn sequence(mut self, sequence: impl Into<String>) -> Self {
        self.sequence = Some(sequence.into());
        self
    }

    /// The values of the column `op`: those that say a document was added or replaced (`upsert`), and those that say it was
    /// deleted (`delete`).
    pub fn ops<T: Into<String>>(
        mut self,
        upserts: impl IntoIterator<Item = T>,
        deletes: impl IntoIterator<Item = T>,
    ) -> Self {
        self.upserts = upserts.into_iter().map(Into::into).collect();
        self.deletes = deletes.into_iter().map(Into::into).collect();
        self
    }

    /// The search index that is written, and its primary key: the field that receives the id of the document. `posts`, `id`
    pub fn index(mut self, index: impl Into<Arc<str>>, primary_key: impl Into<String>) -> Self {
        self.index = index.into();
        self.primary_key = primary_key.into();
        self
    }

    /// How ids are made.
    pub fn ids(mut self, ids: OutboxIds) -> Self {
        self.ids = ids;
        self
    }

    /// Where the documents are.
    pub fn content(mut self, content: OutboxContent) -> Self {
        self.content = content;
        self
    }

    /// The channel on which a new row is notified (`crossfade_outbox`); `None` only polls. See
    /// [`trigger_sql`](super::OutboxIntake::trigger_sql).
    pub fn channel(mut self, channel: Option<String>) -> Self {
        self.channel = channel;
        self
    }

    /// Where each side begins: Meilisearch with the [oldest](OutboxStart::Oldest) row, PostgreSQL after the
    /// [watermark](OutboxStart::Watermark).
    pub fn starts(mut self, meili: OutboxStart, pg: OutboxStart) -> Self {
        self.meili_start = meili;
        self.pg_start = pg;
        self
    }

    /// Sizes and times.
    pub fn pace(mut self, pace: OutboxPace) -> Self {
        self.pace = pace;
        self
    }
}

impl OutboxLookup {
    /// A query of the database of the outbox. Its parameters are arrays of text, one for each key column in their order, of
    /// the same length (with one key column: `$1` is the array of keys). For each key that has a document it returns one row:
    /// the position of the key in the arrays, from 1 (`bigint`, as `WITH ORDINALITY` counts), and the document (`json` or
    /// `jsonb`, an object). A key without a row is deleted from the index: it is gone, marked as deleted, expired, or not meant
    /// for it. Name tables with their schema.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), deletes: false }
    }

    /// Whether deletions are looked up as well, instead of believed. Only for a service whose rows may be numbered in another
    /// order than their changes were made: by default the order of a document's rows is taken to be the order of its changes.
    pub fn also_deletes(mut self, deletes: bool) -> Self {
        self.deletes = deletes;
        self
    }
}

impl Default for OutboxColumns {
    fn default() -> Self {
        Self {
            schema: "cn_relay".to_owned(),
            table: "events_outbox".to_owned(),
            seq: "seq".to_owned(),
            op: "op".to_owned(),
            keys: vec!["event_id".to_owned(), "topic_id".to_owned()],
            at: Some("ingested_at".to_owned()),
        }
    }
}

impl Default for OutboxLookup {
    /// Posts (kind 1) that are current, not deleted and not expired, in a topic.
    fn default() -> Self {
        Self::new(super::sql::DEFAULT_LOOKUP)
    }
}

impl Default for OutboxPace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            batch: 1_000,
            poll: seconds(1),
            recheck: Duration::from_millis(50),
            lease: seconds(30),
            drain: seconds(10),
            attempts: 8,
            report: seconds(10),
        }
    }
}

opaque_debug!(OutboxOptions);
opaque_debug!(OutboxIds);
