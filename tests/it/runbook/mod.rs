//! docs/runbook.md is followed, line by line: every command and every statement in it is carried out, in its order, by an operator
//! who waits where it says so. What only a reader sees is checked as far as it can be.

mod document;
mod notes;
mod service;
mod world;

use std::{collections::BTreeSet, fs, sync::LazyLock};

use crossfade::{gates::Policy, observe::RUNBOOK_ANCHORS, plan::FlagSet};

use self::{
    document::{Block, Item, anchor, inline, items},
    world::{ENVIRONMENT, INDEX, World},
};

static RUNBOOK: LazyLock<String> =
    LazyLock::new(|| fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbook.md")).unwrap());

/// What a block may be. `rust` compiles as a test of the documentation.
const KINDS: [&str; 5] = ["console", "sql", "toml", "rust", "text"];

fn runbook() -> Vec<Item> {
    items(&RUNBOOK).unwrap()
}

fn blocks(of: &str) -> Vec<Block> {
    let block = |item| match item {
        Item::Block(block) if block.kind == of => Some(block),
        _ => None,
    };
    runbook().into_iter().filter_map(block).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_and_every_statement_is_carried_out() {
    let mut world = World::new().await;
    let (mut commands, mut statements) = (0, 0);
    for item in runbook() {
        match item {
            Item::Note { text, line } => {
                eprintln!("docs/runbook.md:{line}: {text}");
                world.heed(&text).await;
            }
            Item::Block(block) if block.kind == "console" => {
                for command in block.commands().unwrap() {
                    let ran = world.stage.type_in(&command.text).await;
                    eprintln!("{command}\n{}", ran.output);
                    let code = ran.code.unwrap_or(-1);
                    assert!(command.codes.contains(&code), "{command}\nended with {code}:\n{}", ran.output);
                    let missing = command.missing(&ran.output);
                    assert!(missing.is_empty(), "{command}\ndid not show {missing:?}:\n{}", ran.output);
                    commands += 1;
                }
            }
            Item::Block(block) if block.kind == "sql" => {
                if let Err(error) = world.stage.sql(&block.text).await {
                    panic!("docs/runbook.md:{}: {error}\n{}", block.line, block.text);
                }
                statements += 1;
            }
            _ => {}
        }
    }
    world.stage.end().await;
    // Counted once more, by other means.
    assert_eq!((commands, statements), (RUNBOOK.matches("\n$ ").count(), RUNBOOK.matches("\n```sql\n").count()));
    assert!(commands + statements >= 40, "{commands} commands, {statements} statements");
}

#[test]
fn there_are_no_other_blocks_and_those_for_files_can_be_read() {
    let kinds = runbook().into_iter().filter_map(|item| match item {
        Item::Block(block) => Some(block.kind),
        _ => None,
    });
    let other: Vec<String> = kinds.filter(|kind| !KINDS.contains(&kind.as_str())).collect();
    assert_eq!(other, [""; 0]);
    // What begins like a command or a statement is in a block that is carried out.
    for block in blocks("text") {
        assert!(!block.text.lines().any(|line| line.starts_with('$') || line.contains("crossfade ")), "{block:?}");
    }
    for Block { text, line, .. } in blocks("toml") {
        let (gates, flags) = (Policy::parse(&text), FlagSet::from_toml(&text));
        assert!(gates.is_ok() || flags.is_ok(), "line {line}: {gates:?} {flags:?}");
    }
}

/// A command that is only mentioned is one that was carried out somewhere, whatever the reason in quotes.
#[test]
fn commands_and_statements_in_the_prose_are_carried_out_too() {
    let commands = blocks("console").iter().flat_map(|block| block.commands().unwrap()).collect::<Vec<_>>();
    for span in inline(&RUNBOOK) {
        if span.starts_with("crossfade ") {
            let begins = span.split('\'').next().unwrap_or_default();
            assert!(commands.iter().any(|command| command.text.starts_with(begins)), "`{span}` is not carried out");
        }
        let first = span.split_whitespace().next().unwrap_or_default();
        let statement =
            ["SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "TRUNCATE"].contains(&first) && span.len() > first.len();
        assert!(!statement, "`{span}` is not carried out");
    }
}

/// The alerts point to headings that are there, and each of those to what is done about it.
#[test]
fn every_alert_has_its_heading_with_something_to_look_at() {
    let (mut triage, mut anchors, mut looked): (bool, Vec<String>, BTreeSet<String>) = Default::default();
    for item in runbook() {
        match item {
            Item::Heading { level: 2, text } => triage = text == "Fault triage",
            Item::Heading { level: 3, text } if triage => anchors.push(anchor(&text)),
            Item::Block(block) if triage && matches!(block.kind.as_str(), "console" | "sql") => {
                looked.extend(anchors.last().cloned());
            }
            _ => {}
        }
    }
    assert_eq!(anchors, RUNBOOK_ANCHORS);
    assert_eq!(looked, anchors.into_iter().collect());
}

/// Links within the page, too.
#[test]
fn every_link_within_the_page_has_its_heading() {
    let anchors: Vec<String> = runbook()
        .iter()
        .filter_map(|item| match item {
            Item::Heading { text, .. } => Some(anchor(text)),
            _ => None,
        })
        .collect();
    let links: Vec<&str> = RUNBOOK.split("](#").skip(1).filter_map(|link| link.split(')').next()).collect();
    assert!(!links.is_empty());
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "#{link} leads nowhere");
    }
}

/// No command goes by something that the runbook does not say is set.
#[test]
fn the_environment_is_the_one_that_the_runbook_names() {
    let named = blocks("text").into_iter().find(|block| block.text.starts_with("export ")).unwrap();
    let named: Vec<&str> = named
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(named, ENVIRONMENT);
    assert!(RUNBOOK.contains(&format!("export INDEX={INDEX}")));
}
