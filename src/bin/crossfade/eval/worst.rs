//! The worst queries, side by side.

use crossfade::eval::{Listed, WorstQuery, in_one_line};

use crate::output::{cut, pad, plain};

/// How wide the name of a hit is, and all that is shown of it.
const NAME: usize = 44;
const CELL: usize = NAME + 9;

pub(super) fn text(worst: &[WorstQuery]) -> String {
    let head = match worst.first() {
        Some(WorstQuery { overlap_at_10: Some(_), .. }) => {
            "worst queries; after a hit its place on the other side (`-`: not in the first 20), and its grade if judged"
        }
        _ => "worst queries, beside the documents judged relevant; after each its place on the other side",
    };
    [head.to_owned()].into_iter().chain(worst.iter().map(query)).collect::<Vec<_>>().join("\n\n")
}

fn query(query: &WorstQuery) -> String {
    let compared = query.overlap_at_10.is_some();
    let class = query.class.as_ref().map(|class| format!(", {}", plain(class))).unwrap_or_default();
    let mut lines = vec![format!("`{}` ({}{class})", plain(&query.q), plain(&query.query_id))];
    let figure = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value:.3}"));
    let figures = [
        figure("overlap@10", query.overlap_at_10),
        figure("rbo", query.rbo),
        figure("ndcg@10 pg", query.ndcg_at_10),
        figure("meili", query.source_ndcg_at_10),
    ];
    lines.push(format!("  {}", figures.into_iter().flatten().collect::<Vec<_>>().join("   ")));
    let heads = (side("pg", query.total), side(if compared { "meili" } else { "relevant" }, query.source_total));
    lines.push(format!("      {} {}", pad(&heads.0, CELL), heads.1));
    for (side, error) in [("pg", &query.error), ("meili", &query.source_error)] {
        lines.extend(error.iter().map(|error| format!("      {side} did not answer: {}", plain(error))));
    }
    for at in 0..query.pg.len().max(query.source.len()) {
        let (left, right) = (cell(query.pg.get(at)), cell(query.source.get(at)));
        lines.push(format!("  {:>2}  {} {right}", at + 1, pad(&left, CELL)).trim_end().to_owned());
        let rules = |listed: Option<&Listed>| listed.and_then(|listed| listed.rules.as_ref()).map(in_one_line);
        match (rules(query.pg.get(at)), rules(query.source.get(at))) {
            (ours, theirs) if ours == theirs => lines.extend(ours.map(|both| format!("      {both}"))),
            (ours, theirs) => {
                lines.extend(ours.map(|ours| format!("      left:  {ours}")));
                lines.extend(theirs.map(|theirs| format!("      right: {theirs}")));
            }
        }
    }
    lines.join("\n")
}

fn side(name: &str, total: Option<u64>) -> String {
    total.map_or_else(|| name.to_owned(), |total| format!("{name}, {total} in all"))
}

/// What a hit is known by, where the other side has it, and its grade.
fn cell(listed: Option<&Listed>) -> String {
    let Some(Listed { id, label, other_place, grade, .. }) = listed else { return String::new() };
    let place = other_place.map_or_else(|| "-".to_owned(), |place| place.to_string());
    let grade = grade.map(|grade| format!(" *{grade}")).unwrap_or_default();
    let label = label.as_ref().map(|label| format!(" {}", plain(label))).unwrap_or_default();
    let name = cut(&format!("{}{label}", plain(id.as_str())), NAME);
    format!("{} {place:>3}{grade}", pad(&name, NAME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::width;

    fn listed(label: &str, other_place: Option<usize>) -> Listed {
        Listed { id: "m1".into(), label: Some(label.to_owned()), other_place, score: None, rules: None, grade: None }
    }

    #[test]
    fn cells_fit_whatever_the_label() {
        assert_eq!(cell(Some(&listed("After Dark", Some(3)))), format!("m1 After Dark{}   3", " ".repeat(NAME - 13)));
        for label in ["x".repeat(200), "梅".repeat(200)] {
            let cell = cell(Some(&listed(&label, None)));
            assert!(width(&cell) == NAME + 4 && cell.trim_end_matches([' ', '-']).ends_with('…'), "{cell}");
        }
        assert!(cell(Some(&listed("a\u{1b}[31m", None))).starts_with("m1 a\\u{1b}[31m "));
    }
}
