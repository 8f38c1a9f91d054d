//! The text of a flag file with a rollback in it: other keys and comments stay.

use crossfade::{
    plan::{Flag, FlagSet, Flags, Plan, Refusal, WriteMode, rules},
    store::RollbackLevel,
};
use toml_edit::{DocumentMut, Item, value};

use crate::output;

/// Begins the comment above every line of a rollback.
const MARK: &str = "# crossfade rollback";

#[derive(Debug)]
pub(super) enum Unusable {
    /// No set of flags as it is.
    Unreadable,
    /// It would be no set of flags that can be in force.
    Refused(Refusal),
}

/// The comment that says who and why.
pub(super) fn mark(by: &str, why: &str) -> String {
    format!("{MARK} by {}: {}\n", output::plain(by), output::plain(why))
}

/// The text with the flags of the level set.
pub(super) fn set(text: &str, level: RollbackLevel, mark: &str) -> Result<String, Unusable> {
    let old = FlagSet::from_toml(text).map_err(|_| Unusable::Unreadable)?;
    let mut document: DocumentMut = text.parse().map_err(|_| Unusable::Unreadable)?;
    for (flag, text) in level.overrides() {
        let was = document.get(flag.name()).and_then(Item::as_value).map(|value| value.decor().clone());
        document[flag.name()] = value(text);
        let Some((mut key, item)) = document.get_key_value_mut(flag.name()) else { continue };
        if let (Some(was), Some(value)) = (was, item.as_value_mut()) {
            *value.decor_mut() = was;
        }
        let above = key.leaf_decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        let above = format!("{}{mark}", without_marks(above));
        key.leaf_decor_mut().set_prefix(above);
    }
    let text = document.to_string();
    let new = FlagSet::from_toml(&text).map_err(Unusable::Refused)?;
    // What the table says may not be known: at best both sides are written. From `pg_only` there is no step back at once.
    let flags = Flags { write_mode: WriteMode::Dual, ..Flags::default() };
    let before = Plan::new(Flags { write_mode: old.over(flags).write_mode, ..flags });
    rules::change(&before, new.over(flags)).map_err(Unusable::Refused)?;
    Ok(text)
}

/// The flags of the level and nothing else.
pub(super) fn alone(level: RollbackLevel, mark: &str) -> String {
    level.overrides().into_iter().map(|(flag, text)| format!("{mark}{flag} = \"{text}\"\n")).collect()
}

/// The text without the lines of a rollback; `None` if there are none.
pub(super) fn clear(text: &str) -> Option<String> {
    let (mut kept, mut marked) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        let is_mark = line.starts_with(MARK);
        // Somebody may have moved the lines apart since.
        let is_ours = marked && Flag::ALL.into_iter().any(|flag| line.starts_with(flag.name()));
        if !is_mark && !is_ours {
            kept.push_str(line);
        }
        marked = is_mark;
    }
    (kept.len() < text.len()).then_some(kept)
}

fn without_marks(above: &str) -> String {
    above.split_inclusive('\n').filter(|line| !line.starts_with(MARK)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# ours\nshadow_sample_rate = 2.5 # a little\n\n# for the canary\nsearch_read_backend = \"pg\" # since May\n";

    #[test]
    fn other_keys_and_comments_stay_and_clearing_takes_out_what_was_set() {
        let mark = mark("ann", "worse\nthan before");
        let set_once = set(FILE, RollbackLevel::Reads, &mark).unwrap();
        let expected = "# ours\nshadow_sample_rate = 2.5 # a little\n\n# for the canary\n# crossfade rollback by ann: worse\\nthan \
                        before\nsearch_read_backend = \"meili\" # since May\n";
        assert_eq!(set_once, expected);
        assert_eq!(set(&set_once, RollbackLevel::Reads, &mark).unwrap(), expected, "twice is once");
        assert_eq!(clear(&set_once).unwrap(), "# ours\nshadow_sample_rate = 2.5 # a little\n\n# for the canary\n");
        assert_eq!(clear(FILE), None);
    }

    #[test]
    fn an_empty_file_gets_what_the_level_sets() {
        let mark = mark("ann", "worse");
        for level in RollbackLevel::ALL {
            let text = set("", level, &mark).unwrap();
            assert_eq!(text, alone(level, &mark));
            let read = FlagSet::from_toml(&text).unwrap();
            assert_eq!(read, FlagSet::parse(level.overrides().iter().map(|(flag, text)| (flag.name(), text))).unwrap());
            assert_eq!(clear(&text).unwrap(), "");
        }
    }

    #[test]
    fn from_pg_only_there_is_no_way_back_by_file_either() {
        let file = "search_write_mode = 'pg_only'\nsearch_read_backend = 'pg'\n";
        for level in RollbackLevel::ALL {
            assert!(matches!(set(file, level, &mark("ann", "worse")), Err(Unusable::Refused(_))), "{level}");
        }
        assert!(matches!(set("search_write_mode = ", RollbackLevel::Reads, "# x\n"), Err(Unusable::Unreadable)));
        assert!(matches!(set("[flags]\nx = 1", RollbackLevel::Reads, "# x\n"), Err(Unusable::Unreadable)));
    }
}
