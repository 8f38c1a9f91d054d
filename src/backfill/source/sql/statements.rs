//! All SQL of the source. The query is the user's own and stands in brackets; names are quoted, values are bound, as text,
//! and cast to the type of their column, so that nothing is lost on the way and every comparison is the column's own.

use super::{SqlIds, SqlOptions};
use crate::{
    backfill::source::{SourceError, fields::unfit},
    outbox::quoted,
};

/// For a cursor.
pub(super) const BEGIN_LISTING: &str = "BEGIN READ ONLY";

/// How long counting may take, before an estimate has to do.
pub(super) const COUNT_QUICKLY: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'";

/// For the one statement that reads all keys; a limit in milliseconds, of our own options.
pub(super) fn begin_planning(milliseconds: u64) -> String {
    format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}")
}

/// What can be said before the types of the columns are known.
#[derive(Debug)]
pub(super) struct Probes {
    /// No row: its columns are those of the query.
    pub(super) columns: String,
    /// The types of the keys, of the version, and of the deletion mark, as SQL names them.
    pub(super) types: String,
    /// Whether a row has no key.
    pub(super) null_keys: String,
    /// How many rows.
    pub(super) count: String,
    /// What the planner takes that to be.
    pub(super) estimate: String,
}

/// The statements that read.
#[derive(Debug)]
pub(super) struct Pages {
    keys: Vec<String>,
    types: Vec<String>,
    select: String,
}

impl Probes {
    pub(super) fn new(options: &SqlOptions) -> Result<Self, SourceError> {
        let from = from(options)?;
        let keys = names(&options.keys)?;
        let type_of = |name: &String| format!("pg_typeof(q.{name})::text");
        let single = |column: &Option<String>| match column {
            Some(column) => Ok(type_of(&name(column)?)),
            None => Ok("NULL::text".to_owned()),
        };
        let types: Vec<String> = keys.iter().map(type_of).collect();
        let nulls: Vec<String> = keys.iter().map(|key| format!("q.{key} IS NULL")).collect();
        Ok(Self {
            columns: format!("SELECT q.* FROM {from} LIMIT 0"),
            // A row of nothing has types too, and asks for none of the query.
            types: format!(
                "SELECT ARRAY[{}], {}, {} FROM (SELECT) one LEFT JOIN {from} ON false",
                types.join(", "),
                single(&options.version)?,
                single(&options.deleted)?
            ),
            null_keys: format!("SELECT EXISTS (SELECT FROM {from} WHERE {})", nulls.join(" OR ")),
            count: format!("SELECT count(*) FROM {from}"),
            estimate: format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM {from}"),
        })
    }
}

impl Pages {
    /// For keys of these types.
    pub(super) fn new(options: &SqlOptions, types: Vec<String>) -> Result<Self, SourceError> {
        let keys = names(&options.keys)?;
        let single = |column: &Option<String>, cast, none: &str| match column {
            Some(column) => Ok(format!("q.{}::{cast}", name(column)?)),
            None => Ok(none.to_owned()),
        };
        let select = format!(
            "{} AS place, {} AS id, {} AS version, {} AS deleted, to_json(q.*)::text AS document",
            texts(&keys),
            texts(&names(&options.id)?),
            single(&options.version, "bigint", "NULL::bigint")?,
            single(&options.deleted, "boolean", "NULL::boolean")?,
        );
        Ok(Self { keys, types, select })
    }

    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// A cursor over the rows after `after` and not after `upto`, in order, each with whether its keys are those of the one before.
    /// Binds the keys of `after`, and of `upto`.
    pub(super) fn declare(&self, options: &SqlOptions, after: bool, upto: bool) -> Result<String, SourceError> {
        let from = from(options)?;
        let mut bounds = Vec::new();
        if after {
            bounds.push(format!("({}) > ({})", self.tuple("q"), self.bound(1)));
        }
        if upto {
            bounds.push(format!("({}) <= ({})", self.tuple("q"), self.bound(1 + bounds.len() * self.keys.len())));
        }
        let filter = if bounds.is_empty() { String::new() } else { format!("WHERE {}", bounds.join(" AND ")) };
        let keys = self.tuple("q");
        let before: Vec<String> = self.keys.iter().map(|key| format!("lag(q.{key}) OVER ordered")).collect();
        // The window goes by the same order, so that it is one pass, and rows come as they are read.
        Ok(format!(
            "DECLARE pages NO SCROLL CURSOR FOR SELECT {}, coalesce(({keys}) = ({}), false) \
             FROM {from} {filter} WINDOW ordered AS (ORDER BY {keys}) ORDER BY {keys}",
            self.select,
            before.join(", "),
        ))
    }

    /// The rows at these places: binds an array of each key.
    pub(super) fn reread(&self, options: &SqlOptions) -> Result<String, SourceError> {
        let from = from(options)?;
        let arrays: Vec<String> = (1..=self.keys.len()).map(|number| format!("${number}::text[]")).collect();
        let names: Vec<String> = (1..=self.keys.len()).map(|number| format!("key_{number}")).collect();
        let equal = self.keys.iter().zip(&names).zip(&self.types);
        let equal: Vec<String> = equal.map(|((key, name), of)| format!("q.{key} = CAST(w.{name} AS {of})")).collect();
        Ok(format!(
            "SELECT {}, false FROM unnest({}) AS w ({}) JOIN {from} ON {}",
            self.select,
            arrays.join(", "),
            names.join(", "),
            equal.join(" AND ")
        ))
    }

    /// The total, and every row that ends one of `$1` shards, but for the last.
    pub(super) fn cuts(&self, options: &SqlOptions) -> Result<String, SourceError> {
        let (from, keys) = (from(options)?, self.tuple("q"));
        Ok(format!(
            "WITH numbered AS (SELECT {} AS place, row_number() OVER (ORDER BY {keys}) AS number, \
             count(*) OVER () AS total FROM {from}) \
             SELECT place, number = total, total FROM numbered \
             WHERE number = total OR number % greatest(ceil(total::numeric / $1), 1)::bigint = 0 ORDER BY number",
            texts(&self.keys)
        ))
    }

    fn tuple(&self, of: &str) -> String {
        self.keys.iter().map(|key| format!("{of}.{key}")).collect::<Vec<_>>().join(", ")
    }

    fn bound(&self, first: usize) -> String {
        let casts = self.types.iter().zip(first..).map(|(of, number)| format!("CAST(${number}::text AS {of})"));
        casts.collect::<Vec<_>>().join(", ")
    }
}

/// The query as something to select from. A line of its own for the bracket: the query may end in a comment.
fn from(options: &SqlOptions) -> Result<String, SourceError> {
    let query = options.query.trim_end_matches(|last: char| last.is_whitespace() || last == ';');
    if query.is_empty() {
        return Err(unfit("reading the options: the query is empty"));
    }
    Ok(format!("({query}\n) q"))
}

fn texts(names: &[String]) -> String {
    let texts: Vec<String> = names.iter().map(|name| format!("q.{name}::text")).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

fn names(columns: &[String]) -> Result<Vec<String>, SourceError> {
    columns.iter().map(|column| name(column)).collect()
}

fn name(column: &str) -> Result<String, SourceError> {
    let why = || format!("reading the options: `{}` can be no name of a column", column.escape_debug());
    quoted(column).map_err(|_| unfit(why()))
}

/// Whether the options can be right at all.
pub(super) fn check(options: &SqlOptions) -> Result<(), SourceError> {
    if options.keys.is_empty() || options.id.is_empty() {
        return Err(unfit("reading the options: name at least one key column and one column of the id"));
    }
    if options.ids == SqlIds::Verbatim && options.id.len() != 1 {
        return Err(unfit("reading the options: an id can be taken as it stands from one column only"));
    }
    if options.primary_key.is_empty() {
        return Err(unfit("reading the options: name the field that gets the id"));
    }
    names(&options.columns().into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    from(options).map(|_| ())
}
