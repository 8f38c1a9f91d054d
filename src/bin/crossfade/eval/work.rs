//! Loading and asking.

use crossfade::{
    backend::SearchBackend,
    eval::{Answer, Case, EvalError, EvalQuery, EvalReport, Run, load, write_rankings},
};

use super::{Eval, files::Read, ground::Ground, progress::Progress};

pub(super) struct Measured {
    pub(super) report: EvalReport,
    /// How many documents were loaded.
    pub(super) documents: Option<u64>,
}

pub(super) async fn measure(
    eval: &Eval,
    read: Read,
    ground: &mut Ground,
    progress: &Progress,
) -> Result<Measured, EvalError> {
    let Read { corpus, queries, recorded, judgments, settings } = read;
    let mut documents = None;
    if let Some(corpus) = &corpus {
        if ground.is_to_be_loaded() {
            let tell = |stand| progress.tell("loading into PostgreSQL", stand, None);
            documents = Some(load(&ground.target, corpus, &settings, tell).await?);
            ground.has_loaded();
        }
        if let Some(source) = &ground.source {
            let tell = |stand| progress.tell("loading into Meilisearch", stand, documents);
            source.load(corpus, &settings, tell).await?;
        }
    }
    let target = ask(eval, &ground.target, &queries, progress, "asking PostgreSQL").await?;
    if let Some(file) = &eval.record_pg {
        write_rankings(file, &queries, &target)?;
    }
    let source = match recorded {
        Some(recorded) => Some(recorded),
        None => live(eval, ground, &queries, progress).await?,
    };
    let cases = Case::put_together(&queries, target, source, &judgments);
    let mut report = EvalReport::of(&cases, &eval.report_options());
    let live = ground.source.as_ref().map(|source| source.index() as &dyn SearchBackend);
    report.explain(&ground.target, live).await;
    if let Some(corpus) = &corpus {
        report.label(&corpus.labels(report.listed(), settings.telling_fields()).await?);
    }
    Ok(Measured { report, documents })
}

/// What a live Meilisearch answers, if there is one.
async fn live(
    eval: &Eval,
    ground: &Ground,
    queries: &[EvalQuery],
    progress: &Progress,
) -> Result<Option<Vec<Answer>>, EvalError> {
    let Some(source) = &ground.source else { return Ok(None) };
    let mut answers = ask(eval, source.index(), queries, progress, "asking Meilisearch").await?;
    if let Some(file) = &eval.record {
        let of = Some(queries.len() as u64);
        source.score(queries, &mut answers, |done| progress.tell("asking for scores", done as u64, of)).await;
        write_rankings(file, queries, &answers)?;
    }
    Ok(Some(answers))
}

async fn ask(
    eval: &Eval,
    side: &dyn SearchBackend,
    queries: &[EvalQuery],
    progress: &Progress,
    doing: &'static str,
) -> Result<Vec<Answer>, EvalError> {
    let all = (queries.len() + eval.warm_up.min(queries.len())) as u64;
    let run = Run::new(side).warm_up(eval.warm_up).deadline(eval.timeout);
    run.ask(queries, |done| progress.tell(doing, done as u64, Some(all))).await
}
