use serde_json::json;

use super::*;
use crate::ranking::{Deriver, Fetched, MatchedPhrase, ParsedQuery, QueryGraph, Scope, Synonyms, Vocabulary};

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// What a query finds where the index has these words.
fn matched(query: &str, words: &str, settings: &IndexSettings) -> Matched {
    matched_by(query, words, settings, u32::MAX)
}

/// The same where words with typos have been looked for of these terms only.
fn matched_by(query: &str, words: &str, settings: &IndexSettings, looked_for: u32) -> Matched {
    let tokenizer = Tokenizer::new(settings, None);
    let mut words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    words.sort_unstable();
    let vocabulary = Vocabulary::new(words);
    let synonyms = Synonyms::new(settings, &tokenizer);
    let parsed = ParsedQuery::read(query, &tokenizer, true);
    let graph = QueryGraph::new(&parsed, &Deriver::new(&vocabulary, settings, &synonyms));
    Matched::new(&parsed, &graph, &Fetched::new(&graph), &Scope::default(), looked_for)
}

fn format(matched: &Matched, formatting: &Formatting, retrieve: Option<&[String]>, document: Value) -> Formatted {
    let settings = IndexSettings::default();
    let tokenizer = Tokenizer::new(&settings, None);
    let formatter =
        Formatter { matched, tokenizer: &tokenizer, settings: &settings, formatting, retrieve, places: true };
    formatter.format(document.as_object().unwrap())
}

/// A text, formatted for a query.
fn shown(query: &str, words: &str, formatting: &Formatting, text: &str) -> String {
    let matched = matched(query, words, &IndexSettings::default());
    let formatted = format(&matched, formatting, None, json!({ "t": text }));
    formatted.document.unwrap()["t"].as_str().unwrap().to_owned()
}

fn highlight() -> Formatting {
    Formatting { highlight: strings(&["*"]), ..Formatting::default() }
}

fn crop(length: usize) -> Formatting {
    Formatting { crop: strings(&["t"]), crop_length: length, ..Formatting::default() }
}

#[test]
fn words_are_marked_as_they_stand_there() {
    let words = "the towers tower of café cafe hangover";
    for (query, text, expected) in [
        ("tower of", "Towers of the Tower, of old", "<em>Towers</em> <em>of</em> the <em>Tower</em>, <em>of</em> old"),
        // The last word is a beginning: as much of a longer word as was typed.
        ("the tow", "the Towers, tow", "<em>the</em> <em>Tow</em>ers, tow"),
        ("caf", "Ein Cafe\u{301}, CAFÉS", "Ein <em>Caf</em>e\u{301}, <em>CAF</em>ÉS"),
        // A typo: the whole word, and of a beginning as many characters as were typed.
        ("hangovr ", "The Hangover", "The <em>Hangover</em>"),
        ("hangovr", "The Hangover", "The <em>Hangove</em>r"),
        ("none", "", ""),
        ("", "the tower", "the tower"),
    ] {
        assert_eq!(shown(query, words, &highlight(), text), expected, "{query}");
    }
}

/// As a Meilisearch 1.50 server answered.
#[test]
fn concatenations_are_marked() {
    let words = "sun flower sunflower field in";
    for query in ["sun flower", "sun flower ", "sunflowre field"] {
        let text = "sunflower in field";
        let expected = "<em>sunflower</em> in field";
        let expected = if query.contains("field") { "<em>sunflower</em> in <em>field</em>" } else { expected };
        assert_eq!(shown(query, words, &highlight(), text), expected, "{query}");
    }
}

/// As a Meilisearch 1.50 server answered, with 150 words that begin so.
#[test]
fn of_a_beginning_of_very_many_words_only_the_word_itself_counts() {
    let many: Vec<String> = (0..150).map(|number| format!("zz{number:03}")).collect();
    let words = many.join(" ");
    assert_eq!(shown("zz", &words, &highlight(), "zz001 other"), "zz001 other");
    assert_eq!(shown("zz", &format!("{words} zz"), &highlight(), "zz001 other"), "<em>zz</em>001 other");
}

/// As a Meilisearch 1.50 server answered: nothing was looked for behind `xyzzy`, which no document holds.
#[test]
fn typos_of_what_was_not_looked_for_are_not_marked() {
    let settings = IndexSettings::default();
    let show = |looked_for| {
        let matched = matched_by("alpha xyzzy gamxa ", "alpha beta gamma", &settings, looked_for);
        format(&matched, &highlight(), None, json!({"t": "alpha beta gamma"})).document.unwrap()["t"].clone()
    };
    assert_eq!(show(0b011), "<em>alpha</em> beta gamma");
    assert_eq!(show(0b111), "<em>alpha</em> beta <em>gamma</em>");
}

#[test]
fn a_phrase_is_marked_as_one() {
    let text = "Tower of the world: tower, of. of tower";
    let expected = "<em>Tower of</em> the world: <em>tower, of</em>. of tower";
    assert_eq!(shown("\"tower of\"", "tower of", &highlight(), text), expected);
    let hole = MatchedPhrase { words: vec![Some("tower".into()), None], places: 0..2 };
    let holes = Matched { phrases: vec![hole], ..Matched::default() };
    let formatted = format(&holes, &highlight(), None, json!({"t": "tower of"}));
    assert_eq!(formatted.document.unwrap()["t"], "tower of");
}

#[test]
fn synonyms_are_marked_as_wholes() {
    let settings: IndexSettings = serde_json::from_value(json!({"synonyms": {"nyc": ["new york", "gotham"]}})).unwrap();
    let matched = matched("nyc", "nyc new york gotham", &settings);
    let formatted = format(&matched, &highlight(), None, json!({"t": "New York, Gotham, gothams, NYC"}));
    assert_eq!(formatted.document.unwrap()["t"], "<em>New York</em>, <em>Gotham</em>, gothams, <em>NYC</em>");
}

#[test]
fn a_text_is_cut_to_what_stands_around_the_best_matches() {
    let words = "red green blue";
    for (query, length, text, expected) in [
        ("none", 3, "one two three four", "one two three…"),
        ("none", 9, "one two three four", "one two three four"),
        ("none", 2, "(one) two, three", "(one) two…"),
        ("red", 3, "one two red three four", "…two red three…"),
        ("red", 4, "red one two three four", "red one two three…"),
        ("red", 3, "one two three four red", "…three four red"),
        // All words near each other before fewer, or the same one twice.
        ("red green", 2, "red red one two red green three", "…red green…"),
        ("red green", 3, "green red one two three red green four", "…three red green…"),
        ("red", 0, "one two red three four", "one two red three four"),
        // Not over the end of a sentence, if there is another way.
        ("red", 3, "one. red two three four", "…red two three…"),
        ("\"red green blue\"", 2, "one red green blue two", "one red green…"),
    ] {
        assert_eq!(shown(query, words, &crop(length), text), expected, "{query} {text}");
    }
}

#[test]
fn both_can_be_had_and_said_of_one_field() {
    let mut formatting = highlight();
    formatting.crop = strings(&["*", "t:2"]);
    (formatting.crop_marker, formatting.before, formatting.behind) = ("..".into(), "[".into(), "]".into());
    assert_eq!(shown("red", "red", &formatting, "one two red three"), "..two [red]..");
}

#[test]
fn fields_are_those_shown_and_those_formatted_and_numbers_are_texts() {
    let formatting = Formatting { highlight: strings(&["o.a"]), ..Formatting::default() };
    let document = json!({"id": 5, "n": [1, null, true], "o": {"a": ["x red", 7], "b": "red"}, "z": "red"});
    let matched = matched("red", "red", &IndexSettings::default());
    let retrieve = strings(&["n"]);
    let formatted = format(&matched, &formatting, Some(&retrieve), document);
    let expected = json!({"n": ["1", null, true], "o": {"a": ["x <em>red</em>", "7"]}});
    assert_eq!(Value::Object(formatted.document.unwrap()), expected);
    let places = json!({
        "o.a": [{"start": 2, "length": 3, "indices": [0]}],
        "o.b": [{"start": 0, "length": 3}], "z": [{"start": 0, "length": 3}],
    });
    assert_eq!(Value::Object(formatted.matches.unwrap()), places);
}

/// As a Meilisearch 1.50 server answered.
#[test]
fn of_several_texts_of_one_name_the_last_with_matches_is_told() {
    let matched = matched("alpha beta ", "alpha beta one two none", &IndexSettings::default());
    let document =
        json!({"c": ["alpha one", "beta two", "alpha beta", "none"], "o": [{"k": "alpha"}, {"k": "beta alpha"}]});
    let places = json!({
        "c": [{"start": 0, "length": 5, "indices": [2]}, {"start": 6, "length": 4, "indices": [2]}],
        "o.k": [{"start": 0, "length": 4, "indices": [1]}, {"start": 5, "length": 5, "indices": [1]}],
    });
    assert_eq!(Value::Object(format(&matched, &Formatting::default(), None, document).matches.unwrap()), places);
}

#[test]
fn what_is_not_asked_for_is_not_there() {
    let settings: IndexSettings = serde_json::from_value(json!({"displayedAttributes": ["a"]})).unwrap();
    let tokenizer = Tokenizer::new(&settings, None);
    let formatting = Formatting { highlight: strings(&["b"]), ..Formatting::default() };
    let formatter = Formatter {
        matched: &Matched::default(),
        tokenizer: &tokenizer,
        settings: &settings,
        formatting: &formatting,
        retrieve: None,
        places: false,
    };
    assert_eq!(formatter.format(json!({"a": "x", "b": "y"}).as_object().unwrap()), Formatted::default());
}
