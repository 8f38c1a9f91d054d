use proptest::prelude::*;

use super::*;

fn parse(expression: &str) -> Result<Filter, FilterError> {
    Filter::parse(&FilterInput::Expression(expression.to_owned()))
}

fn condition(attribute: &str, condition: Condition) -> Filter {
    Filter::Condition { attribute: attribute.to_owned(), condition }
}

fn equal(attribute: &str, value: &str) -> Filter {
    condition(attribute, Condition::Compare(Comparison::Equal, Literal(value.to_owned())))
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn literals(values: &[&str]) -> Vec<Literal> {
    values.iter().map(|value| Literal((*value).to_owned())).collect()
}

#[test]
fn every_operation() {
    let of = |comparison| Condition::Compare(comparison, Literal("1".to_owned()));
    for (text, expected) in [
        ("a = 1", of(Comparison::Equal)),
        ("a!=1", of(Comparison::NotEqual)),
        ("a <1", of(Comparison::Less)),
        ("a<= 1", of(Comparison::LessOrEqual)),
        ("a > '1'", of(Comparison::Greater)),
        ("a >= \"1\"", of(Comparison::GreaterOrEqual)),
        ("a -5 TO 1e3", Condition::Between(Literal("-5".to_owned()), Literal("1e3".to_owned()))),
        ("a IN[x,'y z' , 3,]", Condition::In(literals(&["x", "y z", "3"]))),
        ("a IN []", Condition::In(vec![])),
        ("a EXISTS", Condition::Exists),
        ("a IS  NULL", Condition::IsNull),
        ("a IS EMPTY", Condition::IsEmpty),
    ] {
        assert_eq!(parse(text), Ok(condition("a", expected)), "{text}");
    }
    assert_eq!(parse("a NOT IN [x]"), Ok(not(condition("a", Condition::In(literals(&["x"]))))));
    assert_eq!(parse("a NOT EXISTS"), Ok(not(condition("a", Condition::Exists))));
    assert_eq!(parse("a IS NOT NULL"), Ok(not(condition("a", Condition::IsNull))));
    assert_eq!(parse("a IS NOT EMPTY"), Ok(not(condition("a", Condition::IsEmpty))));
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let (a, b, c) = (|| equal("a", "1"), || equal("b", "2"), || equal("c", "3"));
    assert_eq!(parse("a=1 OR b=2 AND c=3"), Ok(Filter::Or(vec![a(), Filter::And(vec![b(), c()])])));
    assert_eq!(parse("(a=1 OR b=2)AND c=3"), Ok(Filter::And(vec![Filter::Or(vec![a(), b()]), c()])));
    assert_eq!(parse("NOT a=1 AND NOT NOT b=2"), Ok(Filter::And(vec![not(a()), b()])));
}

#[test]
fn keywords_are_capitals_and_whole_words() {
    assert_eq!(parse("NOTa = order"), Ok(equal("NOTa", "order")));
    assert_eq!(parse("and = 'OR'"), Ok(equal("and", "OR")));
    assert!(matches!(parse("a = 1 or b = 2"), Err(FilterError::Syntax { position: 6, .. })));
    assert!(matches!(parse("a = OR"), Err(FilterError::Syntax { position: 4, .. })));
}

#[test]
fn quoted_text_is_unescaped() {
    assert_eq!(parse(r#"'a.b' = "it's \"\u{e9}\u00e9\xe9\n\\""#), Ok(equal("a.b", "it's \"ééé\n\\")));
    assert_eq!(parse(r"a = '\101\47'"), Ok(equal("a", "A'")));
    for wrong in [r"a = 'x", r"a = '\q'", r"a = '\u{110000}'", r"a = '\u{", r"a = '\u+123'", r"a = 'x\"] {
        assert!(matches!(parse(wrong), Err(FilterError::Syntax { .. })), "{wrong}");
    }
}

#[test]
fn mistakes_carry_their_place_in_characters() {
    for (wrong, expected) in [
        ("é", 1),
        ("é = ", 4),
        ("a = 1 b", 6),
        ("(a = 1", 6),
        ("a IN [1 2]", 8),
        ("a IS 3", 5),
        ("= 3", 0),
        ("a NOT 3", 6),
    ] {
        match parse(wrong) {
            Err(FilterError::Syntax { position, .. }) => assert_eq!(position, expected, "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_offered_is_named() {
    for (text, name) in [
        ("a CONTAINS b", "CONTAINS"),
        ("a NOT STARTS WITH b", "STARTS WITH"),
        ("_geoRadius(1, 2, 3)", "_geoRadius"),
        ("a = 1 AND NOT _geoBoundingBox([1,2],[3,4])", "_geoBoundingBox"),
        ("_geoPolygon([1,2],[3,4],[5,6])", "_geoPolygon"),
        ("_vectors.default.userProvided EXISTS", "_vectors"),
        ("_foreign(a, b = 1)", "_foreign"),
    ] {
        assert_eq!(parse(text), Err(FilterError::Unsupported(name)));
    }
}

#[test]
fn lists_are_and_and_lists_inside_are_or() {
    let input: FilterInput = serde_json::from_str(r#"["a=1", ["b=2", "", "c=3"], [], ""]"#).unwrap();
    let any = Filter::Or(vec![equal("b", "2"), equal("c", "3")]);
    assert_eq!(Filter::parse(&input), Ok(Filter::And(vec![equal("a", "1"), any])));
    for nothing in ["\"\"", "\"  \"", "[]", "[[]]"] {
        let input: FilterInput = serde_json::from_str(nothing).unwrap();
        assert_eq!(Filter::parse(&input), Ok(Filter::And(vec![])));
    }
}

#[test]
fn hostile_input_is_refused_not_followed() {
    let many = 400_000;
    for deep in ["(".repeat(many), "NOT ".repeat(many / 2), "NOT(".repeat(many / 2)] {
        assert_eq!(parse(&deep), Err(FilterError::TooDeep));
    }
    assert_eq!(parse(&"x".repeat(2_000_000)), Err(FilterError::TooLong));
    assert!(parse(&format!("{}a=1{}", "(".repeat(36), ")".repeat(36))).is_ok());
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof!["[a-zA-Z0-9_.-]{1,6}", any::<String>(), Just("NOT".to_owned())].prop_map(Literal)
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual),
    ];
    prop_oneof![
        (comparison, any_literal()).prop_map(|(comparison, literal)| Condition::Compare(comparison, literal)),
        (any_literal(), any_literal()).prop_map(|(from, to)| Condition::Between(from, to)),
        prop::collection::vec(any_literal(), 0..4).prop_map(Condition::In),
        Just(Condition::Exists),
        Just(Condition::IsNull),
        Just(Condition::IsEmpty),
    ]
}

/// Filters as the parser makes them: a list has two members at least, and a negation is not negated.
fn any_filter() -> impl Strategy<Value = Filter> {
    let leaf = (any_literal(), any_condition())
        .prop_map(|(attribute, condition)| Filter::Condition { attribute: attribute.0, condition });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|filter| match filter {
                Filter::Not(filter) => *filter,
                filter => not(filter),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_mixture_of_the_language_is_parsed_or_refused(
        words in prop::collection::vec(
            prop::sample::select(vec!["a", "é", "'", "\"", "\\", "\\u{", "(", ")", "[", "]", ",", "=", "!=", "<", "AND", "OR",
                "NOT", "IN", "TO", "IS", "NULL", "EXISTS", "_geoRadius(", "_vectors.", " ", "\u{a0}"]), 0..40),
    ) {
        let _ = parse(&words.concat());
        let _ = parse(&words.join(" "));
    }

    #[test]
    fn a_filter_parses_back_from_what_it_displays(filter in any_filter()) {
        prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
    }
}
