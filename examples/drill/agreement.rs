//! Whether both sides agree, before anything is read from PostgreSQL.

use crossfade::drift::{DriftCheck, DriftProgress, DriftReport};

use crate::{output::Progress, walk::Result};

/// Documents may be written whenever they are looked at; then everything is compared once more, so often at most.
const COMPARISONS: u32 = 6;

/// Compares everything while the service runs.
///
/// # Errors
/// A document differs, or nothing can be said of one since it is written all the time.
pub async fn before_shadow_reads(check: &DriftCheck, progress: &Progress) -> Result<DriftReport> {
    for _ in 0..COMPARISONS {
        let mut line = progress.line();
        let show = |DriftProgress { read, total, candidates, .. }: DriftProgress| {
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            let read = (read.meili + read.pg) / 2;
            line.show(&format!("comparing both sides: {read}{of} documents read, {candidates} looked at once more"));
        };
        let report = Box::pin(check.run(show)).await?;
        let (drift, on_their_way, unsettled) = (report.counts.total(), report.in_flight, report.unsettled);
        let (meili, pg, seconds) = (report.documents.meili, report.documents.pg, report.seconds);
        progress.step(&format!(
            "drift {drift}: compared {meili} documents of Meilisearch with {pg} of PostgreSQL in {seconds:.1} s, while \
             {on_their_way} were on their way"
        ));
        if drift > 0 {
            let examples = report.differences.iter().take(5).map(|it| format!("\n  {}: {}", it.id, it.kind.as_str()));
            let examples: String = examples.collect();
            return Err(format!("{drift} documents differ before shadow reads begin{examples}").into());
        }
        if report.agrees {
            return Ok(report);
        }
        progress.step(&format!("{unsettled} documents were written whenever they were looked at: once more"));
    }
    Err("some documents were written whenever they were looked at: it is not known whether both sides agree".into())
}
