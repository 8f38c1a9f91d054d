//! The layers of the house: who may use whom. An arrow that is not here fails.

use std::{collections::BTreeMap, fs, path::Path};

/// Top-level modules and the modules they may name in a `crate::` path. Words may use each other.
const ARROWS: &[(&str, &[&str])] = &[
    ("codec", WORDS),
    ("breaker", WORDS),
    ("plan", &["words", "telemetry"]),
    ("tally", WORDS),
    ("telemetry", WORDS),
    ("guard", &["words", "plan", "telemetry", "tally"]),
    ("decide", &["words", "codec", "plan", "telemetry", "breaker", "tally"]),
    ("route", &["words", "codec", "plan", "telemetry", "breaker", "tally", "decide", "backend"]),
    ("shadow", &["words", "codec", "plan", "telemetry", "decide", "backend"]),
    ("dual_write", &["words", "codec", "plan", "telemetry", "breaker", "backend", "journal"]),
    ("backend", &["words", "telemetry"]),
    ("journal", &["words", "telemetry"]),
    ("outbox", &["words", "plan", "telemetry", "breaker", "backend", "journal"]),
    ("drift", &["words", "telemetry", "backend", "plan", "journal", "dual_write", "store"]),
    ("backfill", &["words", "telemetry", "backend", "plan", "outbox", "store", "drift"]),
    ("eval", &["words", "backend", "store"]),
    ("gates", &["words", "plan", "store"]),
    ("cutover", &["words", "plan", "telemetry", "store", "gates"]),
    ("replay", &["words", "backend", "store"]),
    ("http", &["words", "codec", "plan", "tally"]),
    ("store", &["words", "plan", "telemetry", "tally", "shadow", "journal"]),
    ("observe", &["telemetry"]),
    ("page", &["words", "plan", "shadow", "store", "backfill", "gates"]),
    ("testing", &["words", "shadow", "backend", "journal"]),
];

const WORDS: &[&str] = &["words"];
const WORD_MODULES: &[&str] = &[
    "host",
    "opaque",
    "document",
    "search",
    "error",
    "filter",
    "highlight",
    "ranking",
    "relevance",
    "settings",
    "sort",
    "stats",
    "tokens",
    "write",
];
/// What sees everything.
const COMPOSITION: &[&str] = &["migration", "lib", "bin"];
/// Packages that only adapters may name.
const ADAPTERS_ONLY: &[(&str, &[&str])] = &[
    ("sqlx", &["store", "backend", "journal", "outbox", "backfill", "drift", "eval", "testing", "bin"]),
    ("axum", &["http", "testing"]),
    ("hyper", &["http", "testing"]),
    ("reqwest", &["backend", "bin"]),
    ("maud", &["page"]),
    ("plotters", &["page"]),
    ("meilisearch_sdk", &["backend", "testing"]),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            let below = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let module = below.split(['/', '.']).next().unwrap().to_owned();
            found.push((module, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20);
    found
}

/// The modules named after `crate::` in code, groups in braces included. Comments do not count.
fn uses(code: &str) -> Vec<String> {
    let code = without_comments(code);
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => named.push(name(rest)),
            Some(group) => {
                let (mut depth, mut start) = (0, true);
                for (at, letter) in group.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        letter if letter.is_alphanumeric() && start => {
                            named.push(name(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

fn without_comments(code: &str) -> String {
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn name(rest: &str) -> String {
    rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn only_the_arrows_of_the_house() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, code) in all_sources() {
        if COMPOSITION.contains(&module.as_str()) {
            continue;
        }
        // Tests of a module may stand on the testing module.
        let code = code.split("#[cfg(test)]").next().unwrap();
        for used in uses(code) {
            let word = WORD_MODULES.contains(&used.as_str());
            let allowed = if WORD_MODULES.contains(&module.as_str()) {
                word
            } else {
                let arrows = arrows.get(module.as_str()).unwrap_or_else(|| panic!("`{module}` is not in the house"));
                used == module || arrows.contains(&used.as_str()) || (word && arrows.contains(&"words"))
            };
            if !allowed {
                wrong.push(format!("{module} -> {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not in the house: {wrong:?}");
}

#[test]
fn the_house_has_no_cycles() {
    // Takes away what leans on nothing that is left, until nothing is.
    let mut left: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    while let Some(ground) = left.iter().find(|(_, uses)| uses.iter().all(|used| !left.contains_key(used))) {
        let ground = *ground.0;
        left.remove(ground);
    }
    assert!(left.is_empty(), "a cycle among {:?}", left.keys());
}

#[test]
fn middleware_knows_tower_only() {
    for (module, code) in all_sources() {
        let code = without_comments(&code);
        for (package, homes) in ADAPTERS_ONLY {
            let named = code.contains(&format!("{package}::"));
            assert!(!named || homes.contains(&module.as_str()), "`{module}` names `{package}`");
        }
    }
}

#[test]
fn metrics_are_named_in_one_place() {
    for (module, code) in all_sources() {
        let named = ["counter!(", "gauge!(", "histogram!("].iter().any(|called| code.contains(called));
        assert!(!named || module == "telemetry", "`{module}` calls a metrics macro");
    }
}

#[test]
fn uses_are_read_in_every_form() {
    let code = "use crate::{a::B, c::{D, E}, f};\n// crate::no\nlet x = crate::g::h();\nuse super::crate_x;";
    assert_eq!(uses(code), ["a", "c", "f", "g"]);
}
