//! Reads PromQL as far as these outputs use it: which series are asked for, and which labels a result has.

use std::collections::BTreeSet;

use crossfade::telemetry::{Kind, METRICS, Metric};

const AGGREGATORS: &[&str] = &["sum", "max", "min", "count"];
const FUNCTIONS: &[&str] = &["rate", "increase", "histogram_quantile", "absent"];
const OPERATORS: &[&str] = &["and", "or", "unless", "offset"];
const TARGET_LABELS: &[&str] = &["job", "instance"];

/// A query.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) selectors: Vec<Selector>,
    /// All labels that it aggregates by.
    grouped: BTreeSet<String>,
    /// The labels of the result, if the outermost aggregation says so.
    by: Option<Vec<String>>,
}

/// Series that are asked for.
#[derive(Debug)]
pub(super) struct Selector {
    /// Of the series: with `_bucket`, `_sum` or `_count`.
    pub(super) name: String,
    pub(super) matchers: Vec<Matcher>,
}

#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) operator: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number,
    Sign(char),
}

impl Read {
    pub(super) fn new(query: &str) -> Result<Self, String> {
        let tokens = tokens(query)?;
        let mut read = Self { selectors: Vec::new(), grouped: BTreeSet::new(), by: None };
        let mut at = 0;
        let mut depth = 0_i32;
        while at < tokens.len() {
            let word = match &tokens[at] {
                Token::Word(word) => word.as_str(),
                Token::Sign('[') => {
                    at += range(&tokens[at..])?;
                    continue;
                }
                Token::Sign(sign) => {
                    depth += i32::from(*sign == '(') - i32::from(*sign == ')');
                    at += 1;
                    continue;
                }
                Token::Number => {
                    at += 1;
                    continue;
                }
                Token::Text(text) => return Err(format!("a string without a label: {text}")),
            };
            let next = tokens.get(at + 1);
            if AGGREGATORS.contains(&word) {
                let outermost = depth == 0 && at == 0;
                at += 1;
                let by = if next == Some(&Token::Word("by".into())) { list(&tokens, &mut at)? } else { Vec::new() };
                read.grouped.extend(by.iter().cloned());
                if outermost {
                    read.by = Some(by);
                }
            } else if FUNCTIONS.contains(&word) {
                if next != Some(&Token::Sign('(')) {
                    return Err(format!("{word} is not called"));
                }
                if at == 0 && ["histogram_quantile", "absent"].contains(&word) {
                    read.by = Some(Vec::new());
                }
                at += 1;
            } else if OPERATORS.contains(&word) {
                at += 1;
            } else {
                let (selector, behind) = selector(&tokens, at)?;
                read.selectors.push(selector);
                at = behind;
            }
        }
        if depth == 0 { Ok(read) } else { Err("parentheses do not match".into()) }
    }

    /// What is wrong with it, by the table of metrics.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.selectors.is_empty() {
            return Err("asks for nothing".into());
        }
        for selector in &self.selectors {
            selector.check()?;
            let labels = selector.labels();
            if let Some(label) = self.grouped.iter().find(|label| !labels.contains(label.as_str())) {
                return Err(format!("{} has no label {label}", selector.name));
            }
        }
        Ok(())
    }

    /// The labels that the result has.
    pub(super) fn labels(&self) -> BTreeSet<String> {
        match &self.by {
            Some(by) => by.iter().cloned().collect(),
            None => self.selectors[0].labels().into_iter().map(str::to_owned).collect(),
        }
    }
}

impl Selector {
    pub(super) fn metric(&self) -> Option<&'static Metric> {
        let histogram = |metric: &Metric| matches!(metric.kind, Kind::Histogram { .. });
        let part = |metric: &&Metric| {
            let suffix = self.name.strip_prefix(metric.name);
            histogram(metric) && ["_bucket", "_sum", "_count"].iter().any(|part| suffix == Some(part))
        };
        // A histogram itself is no series.
        METRICS.iter().find(|metric| (metric.name == self.name && !histogram(metric)) || part(metric))
    }

    fn labels(&self) -> BTreeSet<&'static str> {
        let own = self.metric().into_iter().flat_map(|metric| metric.labels).map(|label| label.name);
        let bucket = self.name.ends_with("_bucket").then_some("le");
        own.chain(TARGET_LABELS.iter().copied()).chain(bucket).collect()
    }

    fn check(&self) -> Result<(), String> {
        let metric = self.metric().ok_or_else(|| format!("there is no metric {}", self.name))?;
        for Matcher { label, operator, value } in &self.matchers {
            if TARGET_LABELS.contains(&label.as_str()) {
                continue;
            }
            let label = metric.label(label).ok_or_else(|| format!("{} has no label {label}", self.name))?;
            let alternatives = if operator.ends_with('~') { value.split('|').collect() } else { vec![value.as_str()] };
            if let Some(value) = alternatives.iter().find(|value| !label.values.contains(value)) {
                return Err(format!("{} of {} is never {value}", label.name, self.name));
            }
        }
        Ok(())
    }
}

fn selector(tokens: &[Token], at: usize) -> Result<(Selector, usize), String> {
    let Token::Word(name) = &tokens[at] else { return Err("no name".into()) };
    let mut selector = Selector { name: name.clone(), matchers: Vec::new() };
    let mut at = at + 1;
    if tokens.get(at) != Some(&Token::Sign('{')) {
        return Ok((selector, at));
    }
    loop {
        let (Some(Token::Word(label)), mut behind) = (tokens.get(at + 1), at + 2) else {
            return Err(format!("{name}: no label"));
        };
        let mut operator = String::new();
        while let Some(Token::Sign(sign)) = tokens.get(behind) {
            operator.push(*sign);
            behind += 1;
        }
        let Some(Token::Text(value)) = tokens.get(behind) else { return Err(format!("{name}: {label} has no value")) };
        if !["=", "!=", "=~", "!~"].contains(&operator.as_str()) {
            return Err(format!("{name}: {label}{operator}"));
        }
        selector.matchers.push(Matcher { label: label.clone(), operator, value: value.clone() });
        at = behind + 1;
        match tokens.get(at) {
            Some(Token::Sign(',')) => {}
            Some(Token::Sign('}')) => return Ok((selector, at + 1)),
            other => return Err(format!("{name}: {other:?} among its labels")),
        }
    }
}

/// `by (a, b)`; moves behind it.
fn list(tokens: &[Token], at: &mut usize) -> Result<Vec<String>, String> {
    let mut labels = Vec::new();
    for (index, token) in tokens.iter().enumerate().skip(*at + 1) {
        match token {
            Token::Word(label) => labels.push(label.clone()),
            Token::Sign('(' | ',') => {}
            Token::Sign(')') => {
                *at = index + 1;
                return Ok(labels);
            }
            other => return Err(format!("{other:?} among labels")),
        }
    }
    Err("a list without an end".into())
}

/// How many tokens `[5m]` or `[$__rate_interval]` is.
fn range(tokens: &[Token]) -> Result<usize, String> {
    match tokens {
        [_, Token::Number | Token::Word(_), Token::Sign(']'), ..] => Ok(3),
        _ => Err(format!("no range: {tokens:?}")),
    }
}

fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = query.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut more = |first: char, belongs: fn(char) -> bool| {
            let mut word = first.to_string();
            while let Some(letter) = letters.next_if(|letter| belongs(*letter)) {
                word.push(letter);
            }
            word
        };
        match letter {
            ' ' => {}
            '"' => {
                let mut text = String::new();
                loop {
                    match letters.next() {
                        Some('\\') => text.extend(letters.next()),
                        Some('"') => break,
                        Some(letter) => text.push(letter),
                        None => return Err("a string without an end".into()),
                    }
                }
                tokens.push(Token::Text(text));
            }
            '0'..='9' => {
                more(letter, |letter| letter.is_ascii_alphanumeric() || letter == '.');
                tokens.push(Token::Number);
            }
            'a'..='z' | 'A'..='Z' | '_' | '$' => {
                tokens.push(Token::Word(more(letter, |letter| letter.is_ascii_alphanumeric() || letter == '_')));
            }
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | '=' | '!' | '~' | '<' | '>' | '/' => {
                tokens.push(Token::Sign(letter))
            }
            other => return Err(format!("{other:?} is not expected")),
        }
    }
    Ok(tokens)
}

#[test]
fn a_wrong_query_is_refused() {
    let check = |query: &str| Read::new(query).and_then(|read| read.check());
    for right in [
        "read_fallback_total",
        r#"sum by (job, reason) (rate(read_fallback_total{reason!~"forbidden|timeout",job="a"}[5m])) > 0.1"#,
        "histogram_quantile(0.5, sum by (le) (rate(shadow_overlap_at_10_bucket[5m])))",
        "sum (rate(shadow_overlap_at_10_sum[5m])) / sum (rate(shadow_overlap_at_10_count[5m])) < 0.7",
    ] {
        assert_eq!(check(right), Ok(()), "{right}");
    }
    for (wrong, why) in [
        ("read_fallbacks_total", "there is no metric read_fallbacks_total"),
        (r#"read_fallback_total{side="pg"}"#, "read_fallback_total has no label side"),
        (r#"read_fallback_total{reason="slow"}"#, "reason of read_fallback_total is never slow"),
        (r#"read_fallback_total{reason=~"timeout|slow"}"#, "reason of read_fallback_total is never slow"),
        ("sum by (side) (rate(read_fallback_total[5m]))", "read_fallback_total has no label side"),
        ("sum by (le) (rate(shadow_overlap_at_10_count[5m]))", "shadow_overlap_at_10_count has no label le"),
        ("shadow_overlap_at_10", "there is no metric shadow_overlap_at_10"),
        ("read_fallback_total_count", "there is no metric read_fallback_total_count"),
        ("delta(read_fallback_total[5m])", "there is no metric delta"),
        ("rate(read_fallback_total[5m]", "parentheses do not match"),
        ("1 > 0", "asks for nothing"),
    ] {
        assert_eq!(check(wrong), Err(why.to_owned()), "{wrong}");
    }
}
