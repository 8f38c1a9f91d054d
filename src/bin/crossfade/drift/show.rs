//! What was found, for people.

use crossfade::drift::{
    Difference, DriftCounts, DriftKind, DriftReport, DriftSampled, PerSide, RepairPlan, RepairReport, RepairWrites,
    SettingDifference,
};
use serde::Serialize;

use crate::output;

/// What a dry run found, for programs.
#[derive(Serialize)]
pub(super) struct Planned<'a> {
    pub(super) check: &'a DriftReport,
    pub(super) would_do: RepairPlan,
}

/// What a repair did, for programs.
#[derive(Serialize)]
pub(super) struct Repaired<'a> {
    #[serde(flatten)]
    pub(super) report: &'a RepairReport,
    /// Whether PostgreSQL is still marked as stale.
    pub(super) target_stale: bool,
}

pub(super) fn check(report: &DriftReport) -> String {
    let mut parts = vec![verdict(report), side_by_side(report.documents, "documents"), counts(&report.counts)];
    parts.extend(in_motion(report.in_flight, report.unsettled));
    parts.extend(differences(&report.differences, report.counts.total()));
    parts.extend(settings(&report.settings));
    parts.join("\n\n")
}

pub(super) fn sample(sampled: &DriftSampled) -> String {
    let verdict = if sampled.agrees() {
        format!("{}: none of the documents drawn differs ({:.1} s)", sampled.index, sampled.seconds)
    } else {
        format!("{}: documents differ ({:.1} s)", sampled.index, sampled.seconds)
    };
    let mut parts = vec![verdict, side_by_side(sampled.drawn, "drawn"), counts(&sampled.counts)];
    parts.extend(in_motion(sampled.in_flight, sampled.unsettled));
    parts.extend(differences(&sampled.differences, sampled.counts.total()));
    parts.join("\n\n")
}

pub(super) fn dry_run(report: &DriftReport, plan: &RepairPlan) -> String {
    let row = |side: &str, writes: RepairWrites| [side.to_owned(), writes.put.to_string(), writes.deleted.to_string()];
    let rows = [row("meili", plan.meili), row("pg", plan.pg)];
    let writes = output::columns(["WOULD BE WRITTEN", "ADDED OR REPLACED", "DELETED"], &rows);
    format!("{}\n\nThe side that decides: {}. Nothing was written.\n\n{writes}", check(report), plan.authority)
}

pub(super) fn repair(report: &RepairReport, stale: bool, cleared: bool) -> String {
    let DriftReport { index, documents, .. } = &report.check;
    let how = if report.agrees { "the documents agree" } else { "documents differ still" };
    let repaired = format!(
        "{index}: {how}; {} of {} repaired from {} ({:.1} s)",
        report.repaired,
        report.check.counts.total(),
        report.authority,
        report.seconds
    );
    let mut parts = vec![repaired, side_by_side(*documents, "documents"), counts(&report.check.counts)];
    parts.extend(in_motion(report.check.in_flight, report.check.unsettled + report.unsettled));
    if !report.left_over.is_empty() {
        let row = |left: &crossfade::drift::LeftOver| {
            [output::plain(left.id.as_str()), left.kind.as_str().to_owned(), output::plain(&left.why)]
        };
        let rows: Vec<[String; 3]> = report.left_over.iter().map(row).collect();
        parts.push(output::columns(["NOT REPAIRED", "KIND", "WHY"], &rows));
    }
    parts.extend(settings(&report.check.settings));
    if cleared {
        parts.push("the stale mark was taken away: reads from PostgreSQL are allowed again".to_owned());
    } else if stale && report.agrees {
        parts.push(
            "PostgreSQL is still marked as stale, so reads from it are refused; allow them with\n  \
             crossfade flags clear-stale --why 'drift repaired'"
                .to_owned(),
        );
    }
    parts.join("\n\n")
}

fn verdict(report: &DriftReport) -> String {
    let how = match (report.agrees, report.settings.is_empty()) {
        (true, true) => "the sides agree",
        (true, false) => "the documents agree, settings differ",
        (false, _) => "documents differ",
    };
    format!("{}: {how}; both sides were read to the end ({:.1} s)", report.index, report.seconds)
}

fn side_by_side(documents: PerSide, what: &str) -> String {
    output::columns(["", "MEILI", "PG"], &[[what.to_owned(), documents.meili.to_string(), documents.pg.to_string()]])
}

fn counts(counts: &DriftCounts) -> String {
    let row = |kind: DriftKind| [kind.as_str().to_owned(), counts.of(kind).to_string()];
    output::columns(["DIFFERING", "DOCUMENTS"], &DriftKind::ALL.map(row))
}

fn in_motion(in_flight: u64, unsettled: u64) -> Option<String> {
    let mut lines = Vec::new();
    if in_flight > 0 {
        lines.push(format!("{in_flight} differed at first and came to agree: they were on their way"));
    }
    if unsettled > 0 {
        lines.push(format!(
            "{unsettled} were changed all the time, so that nothing can be said about them: check again, or with a longer --settle"
        ));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn differences(listed: &[Difference], of: u64) -> Option<String> {
    let row = |difference: &Difference| {
        let version = difference.version.map(|version| version.0.to_string()).unwrap_or_default();
        let fields = output::plain(&difference.fields.join(", "));
        [output::plain(difference.id.as_str()), difference.kind.as_str().to_owned(), version, fields]
    };
    let rows: Vec<[String; 4]> = listed.iter().map(row).collect();
    let mut text = output::columns(["ID", "KIND", "VERSION IN PG", "FIELDS"], &rows);
    let more = of.saturating_sub(rows.len() as u64);
    if more > 0 {
        text.push_str(&format!("\n... and {more} more; --list N shows more of them"));
    }
    (of > 0).then_some(text)
}

fn settings(differing: &[SettingDifference]) -> Option<String> {
    let row = |setting: &SettingDifference| {
        [setting.name.to_owned(), output::plain(&setting.meili.to_string()), output::plain(&setting.pg.to_string())]
    };
    let rows: Vec<[String; 3]> = differing.iter().map(row).collect();
    (!rows.is_empty()).then(|| output::columns(["SETTING", "MEILI", "PG"], &rows))
}
