//! The last good plan on disk, for a start while the table cannot be reached.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    Cause, FlagSet, Flags, Plan,
    merge::{Decision, Inputs, Table},
};

/// What is kept: the plan, and what the table said, so that a changed file still merges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastGood {
    plan: BTreeMap<String, String>,
    target_stale: bool,
    mode_from_file: bool,
    mark_pending: bool,
    #[serde(default)]
    latched: bool,
    #[serde(default)]
    latch_pending: Option<Cause>,
    table: Option<LastTable>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LastTable {
    flags: BTreeMap<String, String>,
    target_stale: bool,
    #[serde(default)]
    latched: bool,
}

impl LastGood {
    pub(super) fn new(inputs: &Inputs, decision: &Decision, latch: Option<Cause>) -> Self {
        Self {
            plan: texts(decision.plan.flags),
            target_stale: decision.plan.target_stale,
            mode_from_file: decision.mode_from_file,
            mark_pending: decision.mark_pending,
            latched: decision.plan.latched,
            latch_pending: latch,
            table: inputs.table.map(|table| LastTable {
                flags: texts(table.set.over(Flags::default())),
                target_stale: table.target_stale,
                latched: table.latched,
            }),
        }
    }

    /// Reads what an earlier process left; `None` when there is nothing yet.
    pub(super) fn load(path: &Path) -> io::Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What was in force, what the table said, and the rollback it has not heard of. Text that this version does not understand counts as nothing.
    pub(super) fn restore(&self) -> Option<(Decision, Option<Table>, Option<Cause>)> {
        let plan = Plan {
            flags: FlagSet::parse(&self.plan).ok()?.over(Flags::default()),
            target_stale: self.target_stale,
            latched: self.latched,
            version: 0,
        };
        let table = self.table.as_ref().and_then(|table| {
            let set = FlagSet::parse(&table.flags).ok()?;
            Some(Table { set, target_stale: table.target_stale, latched: table.latched })
        });
        super::rules::check(&plan).ok()?;
        let decision = Decision {
            plan,
            mode_from_file: self.mode_from_file,
            mark_pending: self.mark_pending,
            latch_pending: self.latch_pending.is_some(),
            without_table: table.is_none(),
        };
        Some((decision, table, self.latch_pending.clone()))
    }

    /// Replaces the file in one step: a reader sees the old or the new one, whatever happens in between.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        let beside = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
        let file = fs::File::create(&beside)?;
        io::Write::write_all(&mut &file, &bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

fn texts(flags: Flags) -> BTreeMap<String, String> {
    flags.to_texts().into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}
