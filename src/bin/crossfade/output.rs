//! Printing: JSON for programs, columns for people.

use std::io::{self, Write};

use serde::Serialize;

/// Prints text. A reader that has gone away (`| head`) is no failure.
pub(crate) fn text(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints one JSON value.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    text(&serde_json::to_string_pretty(value)?)
}

/// Prints one JSON value on a line of its own.
pub(crate) fn line(value: &impl Serialize) -> io::Result<()> {
    text(&serde_json::to_string(value)?)
}

/// A text without the white space that all of its lines begin with.
pub(crate) fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
    lines.iter().map(|line| line.get(indent..).unwrap_or_default().trim_end()).collect::<Vec<_>>().join("\n")
}

/// What came from elsewhere, on one line and without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { plain.extend(letter.escape_default()) } else { plain.push(letter) }
    }
    plain
}

/// Lines up columns: as wide as their widest cell, two spaces apart.
pub(crate) fn columns<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let line = |cells: [&str; N]| {
        let padded: Vec<String> =
            cells.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    [line(head)].into_iter().chain(body).collect::<Vec<_>>().join("\n")
}
