//! The ranking rules of an index, in their order.

use crate::{
    settings::IndexSettings,
    sort::{Direction, SortCriterion},
};

/// What decides the order of documents; the first rule decides first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// More terms of the query before fewer.
    Words,
    /// Fewer typos first.
    Typo,
    /// Terms near each other first.
    Proximity,
    /// Words in better attributes first.
    AttributeRank,
    /// Words that stand where they stand in the query first.
    WordPosition,
    /// Words as they were typed first, and attributes that are or begin with the query.
    Exactness,
    /// By the values of an attribute.
    Values(SortCriterion),
}

/// The rules for one request: its sort criteria stand where the settings have `sort`. A rule that the settings do not
/// know is passed over, as is an attribute that another rule has named before.
pub fn rules(settings: &IndexSettings, sort: &[SortCriterion]) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut named: Vec<String> = Vec::new();
    let mut values = |rules: &mut Vec<Rule>, criterion: &SortCriterion| {
        if !named.contains(&criterion.attribute) {
            named.push(criterion.attribute.clone());
            rules.push(Rule::Values(criterion.clone()));
        }
    };
    let needs_words = |rule: &Rule| !matches!(rule, Rule::Values(_));
    for name in &settings.ranking_rules {
        let known = match name.as_str() {
            "words" => vec![Rule::Words],
            "typo" => vec![Rule::Typo],
            "proximity" => vec![Rule::Proximity],
            "attributeRank" => vec![Rule::AttributeRank],
            "wordPosition" => vec![Rule::WordPosition],
            "attribute" => vec![Rule::AttributeRank, Rule::WordPosition],
            "exactness" => vec![Rule::Exactness],
            "sort" => {
                sort.iter().for_each(|criterion| values(&mut rules, criterion));
                continue;
            }
            other => {
                if let Some(criterion) = of_field(other) {
                    values(&mut rules, &criterion);
                }
                continue;
            }
        };
        for rule in known {
            // Any of them brings `words` with it.
            if needs_words(&rule) && !rules.contains(&Rule::Words) {
                rules.push(Rule::Words);
            }
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    rules
}

/// `year:desc`, or as old settings have it `desc(year)`.
fn of_field(rule: &str) -> Option<SortCriterion> {
    let old = |direction| {
        let rest = rule.strip_prefix(direction)?;
        rest.strip_prefix('(')?.strip_suffix(')')
    };
    match (old("asc"), old("desc")) {
        (Some(attribute), _) => {
            Some(SortCriterion { attribute: attribute.to_owned(), direction: Direction::Ascending })
        }
        (_, Some(attribute)) => {
            Some(SortCriterion { attribute: attribute.to_owned(), direction: Direction::Descending })
        }
        _ => rule.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(list: serde_json::Value, sort: &[&str]) -> Vec<String> {
        let settings: IndexSettings = serde_json::from_value(json!({ "rankingRules": list })).unwrap();
        let sort: Vec<SortCriterion> = sort.iter().map(|criterion| criterion.parse().unwrap()).collect();
        let name = |rule: &Rule| match rule {
            Rule::Values(criterion) => criterion.to_string(),
            other => format!("{other:?}"),
        };
        rules(&settings, &sort).iter().map(name).collect()
    }

    #[test]
    fn rules_stand_in_the_order_of_the_settings() {
        assert_eq!(named(json!(["words", "sort", "typo"]), &["a:asc", "b:desc"]), ["Words", "a:asc", "b:desc", "Typo"]);
        assert_eq!(
            named(json!(["year:desc", "sort", "attribute"]), &["year:asc", "b:asc"]),
            ["year:desc", "b:asc", "Words", "AttributeRank", "WordPosition"]
        );
        assert_eq!(named(json!(["exactness", "words", "desc(x)", "??"]), &["b:asc"]), ["Words", "Exactness", "x:desc"]);
    }
}
