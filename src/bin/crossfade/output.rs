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

/// Lines of words, no wider than this. They are indented by so many spaces, from the second on by two more; a longer word is left whole.
pub(crate) fn wrap(text: &str, indent: usize, most: usize) -> String {
    let (mut wrapped, mut line, mut is_empty) = (String::new(), " ".repeat(indent), true);
    for word in text.split(' ') {
        if !is_empty && width(&line) + 1 + width(word) > most {
            wrapped.push_str(&line);
            wrapped.push('\n');
            line = " ".repeat(indent + 2);
        } else if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    wrapped + &line
}

/// As much as fits.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let (mut cut, mut used) = (String::new(), 1);
    for letter in text.chars() {
        used += wide(letter);
        if used > most {
            break;
        }
        cut.push(letter);
    }
    cut.push('…');
    cut
}

/// Filled up with spaces.
pub(crate) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// How many columns of a terminal it takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(wide).sum()
}

/// Columns of a terminal: two for Chinese, Japanese, Korean and full-width letters.
fn wide(letter: char) -> usize {
    let wide = matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_on_in_the_next_line() {
        assert_eq!(wrap("one  two", 2, 20), "  one  two");
        assert_eq!(wrap("one two three", 2, 9), "  one two\n    three");
        assert_eq!(wrap("one two three", 2, 8), "  one\n    two\n    three");
        assert_eq!(wrap("a-word-that-is-long and more", 0, 9), "a-word-that-is-long\n  and\n  more");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(pad("梅雨", 6), "梅雨  ");
        assert_eq!((cut("梅雨前線", 5), cut("梅雨", 4)), ("梅雨…".to_owned(), "梅雨".to_owned()));
    }
}
