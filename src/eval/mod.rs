//! Parity, measured before the switch: a corpus, queries, and what Meilisearch answers to them.
//!
//! | part | |
//! | --- | --- |
//! | [`Corpus`], [`read_queries`], [`read_rankings`], [`Judgments`] … | the files |
//! | [`Scratch`], [`MeiliScratch`] | a schema and an index of their own, loaded and removed in the end |
//! | [`Run`] | asks a side every query, one after the other |
//! | [`Case`], [`EvalReport`] | what both answered to a query, and what that comes to |
//!
//! The measures are those of [`relevance`](crate::relevance). A query that fails is never left out: it counts as an
//! empty answer that differs from any other.
//!
//! `crossfade eval` does all of it; a side of one's own is measured so:
//!
//! ```no_run
//! # async fn example(backend: &dyn crossfade::backend::SearchBackend) -> Result<(), crossfade::eval::EvalError> {
//! use crossfade::eval::{Case, EvalReport, Judgments, ReportOptions, Run, read_queries, read_rankings};
//!
//! let queries = read_queries("queries.tsv".as_ref())?;
//! let source = read_rankings("rankings.jsonl".as_ref())?.in_order_of(&queries)?;
//! let target = Run::new(backend).ask(&queries, |_| ()).await?;
//! let cases = Case::put_together(&queries, target, Some(source), &Judgments::default());
//! println!("{:?}", EvalReport::of(&cases, &ReportOptions::default()).overall.overlap_at_10);
//! # Ok(()) }
//! ```

mod answer;
mod bootstrap;
mod case;
mod corpus;
mod error;
mod explain;
mod figures;
mod judgments;
mod lines;
mod load;
mod queries;
mod rankings;
mod report;
mod run;
mod scratch;
mod settings;
mod source;
mod sql;
mod worst;

pub use crate::backend::in_one_line;
pub use answer::Answer;
pub use bootstrap::{bootstrap_interval, mean};
pub use case::{Case, Comparison};
pub use corpus::{Corpus, Documents};
pub use error::EvalError;
pub use figures::{Figures, SourceFigures};
pub use judgments::Judgments;
pub use load::load;
pub use queries::{EvalQuery, read_queries, sample};
pub use rankings::{Ranking, Rankings, read_rankings, write_rankings};
pub use report::{EvalReport, FailedQuery, ReportOptions};
pub use run::Run;
pub use scratch::Scratch;
pub use settings::EvalSettings;
pub use source::MeiliScratch;
pub use worst::{Listed, WorstQuery};
