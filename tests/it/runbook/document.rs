//! The runbook, as it is executed: headings, blocks, and notes to the test.

use std::fmt;

/// What stands in it, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Heading {
        level: usize,
        text: String,
    },
    /// What the test is to do before it goes on: an HTML comment `<!-- test: ... -->`, which readers do not see.
    Note {
        line: usize,
        text: String,
    },
    Block(Block),
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The word behind the fence.
    pub(super) kind: String,
    /// The line of its first line.
    pub(super) line: usize,
    pub(super) text: String,
}

/// A command of a `console` block, and what is promised of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) line: usize,
    /// As the shell gets it.
    pub(super) text: String,
    /// `# exit 2` behind it, or `# exit 0 or 4`; 0 if nothing is said.
    pub(super) codes: Vec<i32>,
    /// Lines of its output; `…` stands for anything, and spaces in a row for one.
    pub(super) shows: Vec<String>,
}

const NOTE: &str = "<!-- test: ";

/// Everything in the text. Whatever opens like a fence and is none is an error.
pub(super) fn items(text: &str) -> Result<Vec<Item>, String> {
    let (mut items, mut open): (Vec<Item>, Option<Block>) = (Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        match &mut open {
            Some(block) if line == "```" => {
                let block = std::mem::replace(block, Block { kind: String::new(), line: 0, text: String::new() });
                (open, _) = (None, items.push(Item::Block(block)));
            }
            Some(block) => block.text.push_str(&format!("{line}\n")),
            None => {
                let trimmed = line.trim_start();
                if let Some(kind) = line.strip_prefix("```") {
                    open = Some(Block { kind: kind.to_owned(), line: number + 1, text: String::new() });
                } else if trimmed.contains("```") || trimmed.starts_with("~~~") {
                    return Err(format!("line {number}: a fence that no reader of this test sees"));
                } else if let Some(note) = trimmed.strip_prefix(NOTE) {
                    let note =
                        note.strip_suffix(" -->").ok_or_else(|| format!("line {number}: a note that does not end"))?;
                    items.push(Item::Note { line: number, text: note.to_owned() });
                } else if trimmed.contains("<!--") {
                    return Err(format!("line {number}: a comment that is no note"));
                } else if line.starts_with('#') {
                    let level = line.bytes().take_while(|byte| *byte == b'#').count();
                    items.push(Item::Heading { level, text: line[level..].trim().to_owned() });
                }
            }
        }
    }
    match open {
        Some(block) => Err(format!("line {}: a block that does not end", block.line)),
        None => Ok(items),
    }
}

impl Block {
    /// The commands of a `console` block.
    pub(super) fn commands(&self) -> Result<Vec<Command>, String> {
        let mut commands: Vec<Command> = Vec::new();
        let mut continued = false;
        for (number, line) in (self.line..).zip(self.text.lines()) {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (None, Some(command)) if continued => command.text.push_str(&format!("\n{line}")),
                (Some(text), _) if !continued => {
                    commands.push(Command { line: number, text: text.to_owned(), codes: vec![0], shows: Vec::new() })
                }
                (None, Some(command)) if !line.trim().is_empty() => command.shows.push(line.to_owned()),
                (None, _) if line.trim().is_empty() => {}
                _ => return Err(format!("line {number}: no command and no output of one")),
            }
            continued = line.ends_with('\\');
        }
        for command in &mut commands {
            if let Some((_, comment)) = command.text.rsplit_once("# exit ") {
                command.codes =
                    comment.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
                if command.codes.is_empty() {
                    return Err(format!("line {}: no exit code", command.line));
                }
            }
        }
        Ok(commands)
    }
}

/// The anchor that GitHub makes of a heading.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What stands between backticks in the prose.
pub(super) fn inline(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

impl Command {
    /// The lines it was to show and did not.
    pub(super) fn missing(&self, output: &str) -> Vec<&str> {
        self.shows.iter().map(String::as_str).filter(|wanted| !output.lines().any(|line| shows(line, wanted))).collect()
    }
}

fn shows(line: &str, wanted: &str) -> bool {
    let single = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = single(line);
    let mut rest = line.as_str();
    wanted.split('…').map(single).all(|part| match rest.find(&part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docs/runbook.md:{}: {}", self.line, self.text)
    }
}
