//! `crossfade eval`

mod files;
mod ground;
mod progress;
mod show;
mod work;
mod worst;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use crossfade::{
    backend::meili::MeiliOptions,
    eval::{EvalReport, Figures, ReportOptions},
    store::evidence::EvalRun,
};
use serde::Serialize;

use self::{files::Files, ground::Ground, progress::Progress, work::Measured};
use crate::{database::Database, failure::Failure, output, stop::Stop};

#[derive(Args)]
#[command(after_help = "\
Loads the documents into a schema of its own in the database of DATABASE_URL, asks PostgreSQL every query, and compares
with what Meilisearch answers: with a recording (--rankings), or live (--meili, which makes an index of its own there).
Schema and index are removed in the end, also after a failure or Ctrl-C.

Files, plain or compressed by gzip:
  documents    a JSON object a line, in the order Meilisearch was given them: the number of the line decides ties
  queries      id TAB text, or id TAB class TAB text; or a JSON object a line, {\"id\", \"class\", \"q\"} and whatever else a
               body of Meilisearch's search route may have: \"filter\", \"sort\", \"matchingStrategy\", ...
  rankings     a JSON object a line: {\"query_id\", \"class\", \"q\", \"ids\", \"scores\", \"estimated_total_hits\"}
  judgments    query TAB document TAB grade
  settings     Meilisearch's settings object, or one that holds it as \"settings\"; not compressed

Examples:
  export DATABASE_URL=postgres://... MEILI_MASTER_KEY=...
  # live, and recorded for later:
  crossfade eval --docs d.jsonl.gz --queries q.tsv --settings s.json --meili http://meili:7700 --record r.jsonl
  crossfade eval --docs d.jsonl.gz --queries q.tsv --settings s.json --rankings r.jsonl --qrels golden.tsv
  # loaded once, asked often; the first prints the name of the schema:
  crossfade eval --docs d.jsonl.gz --queries q.tsv --settings s.json --rankings r.jsonl --keep-schema
  crossfade eval --schema crossfade_eval_1f... --reuse --queries q.tsv --rankings r.jsonl
  # kept for the gate on judged NDCG:
  crossfade eval --reuse --index posts --queries q.tsv --rankings r.jsonl --qrels golden.tsv --store
  # the index that a backfill has filled; exit code 1 if the overlap is lower:
  crossfade eval --reuse --index posts --queries q.tsv --rankings r.jsonl --min-overlap 0.95")]
pub(crate) struct Eval {
    #[command(flatten)]
    files: Files,
    /// Ask an index that is already there, in the schema that --schema names, and load nothing.
    #[arg(long)]
    reuse: bool,
    /// The name of the index in the schema.
    #[arg(long, default_value = "eval", value_name = "NAME", requires = "reuse")]
    index: String,
    /// Leave the schema there after it was loaded, and print its name.
    #[arg(long, conflicts_with = "reuse")]
    keep_schema: bool,
    /// Compare with this Meilisearch server, http://host:port: an index is made there and deleted in the end.
    #[arg(long, value_name = "URL", group = "against", requires = "docs")]
    meili: Option<String>,
    /// Its key; better given by the environment, where `ps` does not show it.
    #[arg(long, env = "MEILI_MASTER_KEY", hide_env_values = true, value_name = "KEY")]
    meili_key: Option<String>,
    /// Write down what Meilisearch answers, for --rankings.
    #[arg(long, value_name = "FILE", requires = "meili")]
    record: Option<PathBuf>,
    /// Write down what PostgreSQL answers, in the same form.
    #[arg(long, value_name = "FILE")]
    record_pg: Option<PathBuf>,
    /// How many of the first queries are asked once before, and not measured.
    #[arg(long, default_value_t = 50, value_name = "N")]
    warm_up: usize,
    /// How long a query may take before it has failed.
    #[arg(long, default_value = "30s", value_name = "SPAN", value_parser = crate::span::positive)]
    timeout: Duration,
    /// How many of the worst queries are listed.
    #[arg(long, default_value_t = 20, value_name = "N")]
    worst: usize,
    /// Keep the figures in the control tables, where the gate on judged NDCG finds them.
    #[arg(long, requires = "against")]
    store: bool,
    /// Who measures; kept with the figures.
    #[arg(long, env = "USER", value_name = "NAME", default_value = "unknown")]
    by: String,
    /// Exit with 1 if the overall overlap@10 is lower, from 0 to 1.
    #[arg(long, value_name = "X", value_parser = share, requires = "against")]
    min_overlap: Option<f64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The report for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    report: &'a EvalReport,
    /// How many documents were loaded; `null` if they were there.
    documents: Option<u64>,
    /// The schema that was left there.
    schema: Option<&'a str>,
}

pub(crate) async fn run(database: &Database, eval: Eval) -> Result<(), Failure> {
    // Whatever is wrong with the files is told before anything is made.
    let read = eval.files.read()?;
    let (progress, stop) = (Progress::new(), Stop::listen());
    let mut ground = Ground::make(database, &eval, eval.meili_options()?).await?;
    let measured = stop.unless_asked(Box::pin(work::measure(&eval, read, &mut ground, &progress))).await;
    progress.end();
    let kept = ground.kept(eval.keep_schema && measured.is_ok());
    let cleared = ground.clear(kept.is_some()).await;
    let Measured { report, documents } = measured?;
    if eval.json {
        output::json(&Shown { report: &report, documents, schema: kept.as_deref() })?;
    } else {
        output::text(&show::report(&report, &eval.against()))?;
    }
    if let Some(schema) = kept {
        eprintln!("the schema {schema} was kept; ask it again with `crossfade eval --schema {schema} --reuse ...`");
    }
    cleared?;
    if eval.store {
        keep(database, &eval, &report.overall).await?;
    }
    match (eval.min_overlap, report.overall.overlap_at_10) {
        (Some(least), Some(overlap)) if overlap < least => Err(Failure::Overlap { overlap, least }),
        _ => Ok(()),
    }
}

async fn keep(database: &Database, eval: &Eval, figures: &Figures) -> Result<(), Failure> {
    let run = EvalRun {
        index: eval.index.clone(),
        queries: figures.queries as u64,
        judged: figures.judged as u64,
        overlap_at_10: figures.overlap_at_10,
        ndcg_at_10: figures.ndcg_at_10,
        source_ndcg_at_10: figures.source.as_ref().and_then(|source| source.ndcg_at_10),
    };
    Ok(database.connect().await?.evidence().keep_eval(&run, &eval.by).await?)
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "give a number from 0 to 1".to_owned())
}

impl Eval {
    fn meili_options(&self) -> Result<Option<MeiliOptions>, Failure> {
        let key = self.meili_key.as_deref().filter(|key| !key.is_empty());
        // Batches of documents take longer than queries, which have a deadline of their own.
        let longest = self.timeout.max(Duration::from_secs(60));
        let options = self.meili.as_deref().map(|url| MeiliOptions::new(url, key)).transpose()?;
        Ok(options.map(|options| options.timeout(longest)))
    }

    fn report_options(&self) -> ReportOptions {
        ReportOptions { worst: self.worst, seed: self.files.seed }
    }

    /// What PostgreSQL is compared with, in words.
    fn against(&self) -> String {
        match (&self.meili, &self.files.rankings) {
            (Some(_), _) => "Meilisearch".to_owned(),
            (None, Some(rankings)) => format!("the rankings of {}", rankings.display()),
            (None, None) => "nothing".to_owned(),
        }
    }
}
