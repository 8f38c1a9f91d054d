//! Words for what happens, short enough to be read.

use crossfade::{
    document::{Document, Version},
    journal::{Deed, Intent, Mark, Settled},
    write::Action,
};

/// Milliseconds of the run, the counter and the replica for a version made by a clock.
pub(super) fn version(version: Version) -> String {
    match (version.0 >> 20) - 1_700_000_000_000 {
        since if since > -1_000_000 => format!("v{since}.{}.{}", (version.0 >> 12) & 0xff, version.0 & 0xfff),
        _ => format!("v{}", version.0),
    }
}

pub(super) fn document(document: Option<&Document>) -> String {
    let Some(document) = document else { return "nothing".to_owned() };
    let fields = document.iter().filter(|(name, _)| *name != "id");
    fields
        .map(|(name, value)| if name == "put" { format!("put{value}") } else { name.clone() })
        .collect::<Vec<_>>()
        .join("+")
}

pub(super) fn action(action: &Action) -> String {
    match action {
        Action::Put(fields) | Action::Merge(fields) => document(Some(fields)),
        Action::Delete => "delete".to_owned(),
    }
}

/// Under which number a document was put.
pub(super) fn number(action: &Action) -> Option<u64> {
    match action {
        Action::Put(document) => document.get("put").and_then(serde_json::Value::as_u64),
        Action::Merge(_) | Action::Delete => None,
    }
}

pub(super) fn intent(intent: &Intent) -> String {
    let deed = match &intent.deed {
        Deed::Change(change) => action(change),
        deed => format!("{deed:?}"),
    };
    format!("{} {deed} {} by {}", intent.id, version(intent.version), intent.authority.as_str())
}

pub(super) fn mark(mark: &Mark) -> String {
    format!("#{} {:?} {}", mark.seq.0, mark.outcome, document(mark.document.as_ref()))
}

pub(super) fn settled(settled: &Settled) -> String {
    let end = format!("{:?}", settled.end);
    format!("#{} {}", settled.seq.0, end.replace("counts: false", "").replace("supersedes: ", ""))
}
