use super::*;

/// What Meilisearch 1.50 gave three documents for the query `tower`, in a recorded exchange.
#[test]
fn the_ranks_of_all_rules_are_the_digits_of_one_number() {
    let scores = |typos, attribute, position, stage, exact| {
        [
            RuleScore::Words(1, 1),
            RuleScore::Typo(typos, 1),
            RuleScore::Proximity(1, 1),
            RuleScore::AttributeRank(attribute, 2),
            RuleScore::WordPosition(position, 11),
            RuleScore::Exactness(stage, exact, 1),
        ]
    };
    assert_eq!(global(&scores(0, 2, 11, 2, 1)), 0.992_424_242_424_242_4);
    assert_eq!(global(&scores(1, 1, 8, 3, 0)), 0.162_878_787_878_787_88);
    assert_eq!((global(&scores(0, 2, 11, 1, 1)), global(&[])), (1.0, 1.0));
}

/// What Meilisearch 1.50 gave two documents for a query of ten words under sixty attributes.
#[test]
fn numbers_of_more_than_32_bits_lose_their_highest_digits() {
    let scores = |proximity, attribute, position, stage| {
        [
            RuleScore::Words(10, 10),
            RuleScore::Typo(0, 10),
            RuleScore::Proximity(proximity, 28),
            RuleScore::AttributeRank(attribute, 591),
            RuleScore::WordPosition(position, 101),
            RuleScore::Exactness(stage, 10, 10),
        ]
    };
    assert_eq!(global(&scores(28, 591, 101, 2)), 0.999_999_993_792_416);
    assert_eq!(global(&scores(19, 1, 75, 3)), 0.988_885_277_291_402_9);
}

#[test]
fn details_have_meilisearchs_names_and_order() {
    let scores = [
        RuleScore::Words(2, 3),
        RuleScore::Typo(1, 2),
        RuleScore::Values("year:desc".into()),
        RuleScore::AttributeRank(4, 5),
        RuleScore::WordPosition(17, 21),
        RuleScore::Exactness(3, 1, 2),
    ];
    let shown = details(&scores, false, |criterion| json!(criterion.len()));
    assert_eq!(
        Value::Object(shown).to_string(),
        concat!(
            r#"{"words":{"order":0,"matchingWords":2,"maxMatchingWords":3,"score":0.6666666666666666},"#,
            r#""typo":{"order":1,"typoCount":1,"maxTypoCount":2,"score":0.6666666666666666},"#,
            r#""year:desc":{"order":2,"value":9},"attributeRank":{"order":3,"score":0.8},"#,
            r#""wordPosition":{"order":4,"score":0.8095238095238095},"#,
            r#""exactness":{"order":5,"matchType":"noExactMatch","matchingWords":1,"maxMatchingWords":2,"#,
            r#""score":0.2222222222222222}}"#
        )
    );
    let shown = details(&scores[3..5], true, |_| Value::Null);
    let expected = json!({"attribute": {"order": 0, "attributeRankingOrderScore": 0.8,
        "queryWordDistanceScore": 17.0 / 21.0, "score": (3.0 * 21.0 + 17.0) / 105.0}});
    assert_eq!(Value::Object(shown), expected);
}
