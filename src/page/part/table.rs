//! Tables, which scroll in a box of their own where they are wider than the page.

use maud::{Markup, html};

/// A table of numbers. The first column names its row and stands on the left, the others on the right.
pub(super) fn table(about: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    any(about, "numbers", head, rows)
}

/// A table of words, which stand on the left.
pub(super) fn words(about: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    any(about, "words", head, rows)
}

fn any(about: &str, class: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll role="region" aria-label=(about) tabindex="0" {
            table class=(class) {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (number, cell) in row.iter().enumerate() {
                                @if number == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The figures of a plot, to be opened.
pub(super) fn figures(about: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        details {
            summary { "Figures" }
            (table(about, head, rows))
        }
    }
}

/// A cell of plain text.
pub(super) fn cell(text: impl AsRef<str>) -> Markup {
    html! { (text.as_ref()) }
}
