//! Pairs then and now, side by side, for people.

use crossfade::{
    backend::in_one_line,
    document::DocumentId,
    error::Side,
    replay::{Difference, Pair, ReplaySummary, Replayed, Rules},
    search::{FilterInput, SearchQuery},
};

use super::{Found, Refused};
use crate::output::{cut, pad, plain, wrap};

/// How wide a page is, an id on it, and the column of an id with its marks.
const PAGE: usize = 100;
const ID: usize = 19;
const CELL: usize = ID + 4;

pub(super) fn text(found: &Found, summary: &ReplaySummary, worst: bool) -> String {
    let mut parts: Vec<String> = found.replayed.iter().map(replayed).collect();
    let refused = |refused: &Refused| format!("row {}: not asked\n{}", refused.id, wrap(&refused.error, 2, PAGE));
    parts.extend(found.refused.iter().map(refused));
    if parts.is_empty() {
        return "no settled pair in this time differs and holds its request: there is nothing to ask again".to_owned();
    }
    if parts.len() > 1 || worst {
        parts.push(summed_up(summary, found.refused.len()));
    }
    parts.join("\n\n")
}

/// What is wrong, and what to do.
pub(super) fn trouble(summary: &ReplaySummary, refused: usize) -> String {
    let told = [
        (summary.not_comparable, "could not be compared, see above why"),
        (summary.worse, "further apart than then"),
        (refused, "not asked, see above why"),
    ];
    let told: Vec<String> =
        told.into_iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("{many} {what}")).collect();
    format!("not all is well: {}", told.join(", "))
}

fn summed_up(summary: &ReplaySummary, refused: usize) -> String {
    let ReplaySummary { fixed, better, same, worse, not_comparable } = summary;
    let mut text = format!("{fixed} fixed, {better} better, {same} same, {worse} worse");
    if *not_comparable > 0 {
        text.push_str(&format!(", {not_comparable} not comparable"));
    }
    if refused > 0 {
        text.push_str(&format!(", {refused} not asked"));
    }
    text
}

fn replayed(replayed: &Replayed) -> String {
    let Replayed { id, verdict, then, now, changes, differences, .. } = replayed;
    let settled = match replayed.then_settled {
        Some(true) => "settled",
        Some(false) => "while it was written",
        None => "whether it was written is unknown",
    };
    let mut lines = vec![
        format!("row {id}: {}", verdict.as_str().replace('_', " ")),
        wrap(&asked(&replayed.query, replayed.index.as_deref()), 2, PAGE),
        format!("  {}, for {} to answer", plain(&replayed.endpoint), replayed.primary),
        format!("  then {:.0} ({settled}), now {:.0}", replayed.then_at, replayed.now_at),
        String::new(),
        format!("  {:<18} {:>7} {:>7}", "", "then", "now"),
        figures("overlap@10", then.overlap_at_10, now.overlap_at_10),
        figures("agreement NDCG@10", then.agreement_ndcg_at_10, now.agreement_ndcg_at_10),
    ];
    let differing = |pair: &Pair| match pair.failed().next() {
        None => pair.differences.len().to_string(),
        Some(_) => "-".to_owned(),
    };
    let became = [(&differences.gone, "gone"), (&differences.remaining, "remaining"), (&differences.new, "new")];
    let became: Vec<String> = became.iter().map(|(ids, what)| format!("{} {what}", ids.len())).collect();
    let counts = format!("{:>7} {:>7}", differing(then), differing(now));
    lines.push(format!("  {:<18} {counts}   {}", "differing", became.join(", ")));
    for (time, pair) in [("then", then), ("now", now)] {
        for side in pair.failed() {
            let why = pair.shown(side).error.as_deref().unwrap_or_default();
            lines.push(wrap(&format!("{side} did not answer {time}: {}", plain(why)), 2, PAGE));
        }
    }
    let columns = [
        Column::new(then, &changes.meili, Side::Meili, true),
        Column::new(now, &changes.meili, Side::Meili, false),
        Column::new(then, &changes.pg, Side::Pg, true),
        Column::new(now, &changes.pg, Side::Pg, false),
    ];
    let many = columns.iter().map(|column| column.ids.len()).max().unwrap_or_default();
    lines.push(String::new());
    if many == 0 {
        lines.push("  nobody shows anything, then and now".to_owned());
    } else {
        let heads = ["meili then", "meili now", "pg then", "pg now"].map(|head| pad(head, CELL)).concat();
        lines.push(format!("      {heads}").trim_end().to_owned());
    }
    // The place in the whole ranking.
    let first = replayed.query.page.offset();
    for at in 0..many {
        let cells: String = columns.iter().map(|column| column.cell(at)).collect();
        lines.push(format!("{:>4}  {cells}", first.saturating_add(at + 1)).trim_end().to_owned());
    }
    lines.extend(replayed.rules.iter().flat_map(|rules| explained(&now.differences, rules)));
    lines.join("\n")
}

/// The query in one line.
fn asked(query: &SearchQuery, index: Option<&str>) -> String {
    let mut asked = format!("`{}`", plain(&query.text));
    if let Some(index) = index {
        asked.push_str(&format!(" on {}", plain(index)));
    }
    if let Some(filter) = &query.filter {
        let filter = match filter {
            FilterInput::Expression(expression) => expression.clone(),
            list => serde_json::to_string(list).unwrap_or_default(),
        };
        asked.push_str(&format!(", filter `{}`", plain(&filter)));
    }
    if !query.sort.is_empty() {
        asked.push_str(&format!(", sort {}", plain(&query.sort.join(", "))));
    }
    let (offset, limit) = (query.page.offset(), query.page.limit());
    if limit == 0 {
        asked.push_str(", no hits");
    } else {
        asked.push_str(&format!(", hits {} to {}", offset.saturating_add(1), offset.saturating_add(limit)));
    }
    asked
}

fn figures(name: &str, then: Option<f64>, now: Option<f64>) -> String {
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    format!("  {name:<18} {:>7} {:>7}", figure(then), figure(now))
}

/// What one side showed at one time.
struct Column<'a> {
    ids: &'a [DocumentId],
    differences: &'a [Difference],
    changes: &'a [Difference],
    then: bool,
}

impl<'a> Column<'a> {
    fn new(pair: &'a Pair, changes: &'a [Difference], side: Side, then: bool) -> Self {
        let ids = pair.shown(side).ids.as_deref().unwrap_or_default();
        Self { ids, differences: &pair.differences, changes, then }
    }

    /// An id and its marks.
    fn cell(&self, at: usize) -> String {
        let Some(id) = self.ids.get(at) else { return " ".repeat(CELL) };
        let differs = self.differences.iter().any(|it| it.id == *id);
        let change = self.changes.iter().find(|it| it.id == *id);
        let change = match change.map(|it| (it.first, it.second)) {
            Some((Some(_), None)) if self.then => '-',
            Some((None, Some(_))) if !self.then => '+',
            Some((Some(_), Some(_))) if !self.then => '~',
            _ => ' ',
        };
        let differs = if differs { '*' } else { ' ' };
        pad(&format!("{} {differs}{change}", pad(&cut(&plain(id.as_str()), ID), ID)), CELL)
    }
}

/// What the ranking rules say of the documents that differ now.
fn explained(differing: &[Difference], rules: &Rules) -> Vec<String> {
    let mut lines = vec![String::new(), "  what the ranking rules say now of what differs".to_owned()];
    for Difference { id, first, second } in differing {
        let place = |place: &Option<usize>| place.map_or_else(|| "-".to_owned(), |place| place.to_string());
        lines.push(format!("  {} (meili {}, pg {})", plain(id.as_str()), place(first), place(second)));
        let told = |side: &str, rules: Option<&crossfade::document::Document>| {
            let rules = rules.map_or_else(|| "not among the first hits".to_owned(), in_one_line);
            wrap(&format!("{side:<6} {rules}"), 4, PAGE)
        };
        match (rules.meili.get(id), rules.pg.get(id)) {
            (Some(there), Some(here)) if in_one_line(there) == in_one_line(here) => {
                lines.push(told("both", Some(here)))
            }
            (there, here) => lines.extend([told("meili", there), told("pg", here)]),
        }
    }
    if differing.is_empty() {
        lines.push("  nothing differs".to_owned());
    }
    lines
}
