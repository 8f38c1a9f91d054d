//! Cutting with a dictionary: a tiny one, and the real one where it is installed.

use std::fs;
use std::path::Path;

use encoding_rs::EUC_JP;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{DictionaryError, Ipadic};

const WORDS: &str = "東京,1,1,3000,名詞\n京都,1,1,2500,名詞\n都,1,1,2000,名詞\n東,1,1,4000,名詞\n\
    に,2,2,500,助詞\nから,2,2,500,助詞\n国際空港,1,1,1000,名詞\n国際,1,1,3500,名詞\n空港,1,1,3500,名詞\n";
const MATRIX: &str = "3 3\n0 0 0\n0 1 0\n0 2 3000\n1 0 0\n1 1 100\n1 2 -500\n2 0 0\n2 1 0\n2 2 500\n";
const CHARACTERS: &str = "DEFAULT 0 1 0 # the rest\nSPACE 0 1 0\nKANJI 0 0 2\nKATAKANA 1 1 2\nHIRAGANA 0 1 2\n\n\
    0x0020 SPACE\n0x3041..0x309F HIRAGANA\n0x30A1..0x30FF KATAKANA # kana\n0x4E00..0x9FA5 KANJI\n";
const UNKNOWN: &str = "DEFAULT,1,1,5000,記号\nSPACE,1,1,100,空白\nKANJI,1,1,9000,名詞\nKATAKANA,1,1,6000,名詞\n\
    HIRAGANA,2,2,9000,助詞\n";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let usual: [(&str, &str); 4] =
        [("words.csv", WORDS), ("matrix.def", MATRIX), ("char.def", CHARACTERS), ("unk.def", UNKNOWN)];
    for (name, text) in usual {
        fs::write(folder.path().join(name), text).unwrap();
    }
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn tiny() -> Ipadic {
    Ipadic::load(folder(&[]).path()).unwrap()
}

/// The complaint about a folder in which one file is different.
fn complaint(name: &str, text: &str) -> String {
    Ipadic::load(folder(&[(name, text.as_bytes())]).path()).unwrap_err().to_string()
}

#[test]
fn the_cheapest_path_is_taken() {
    assert_eq!(tiny().cut("東京都に"), ["東京", "都", "に"]);
    assert_eq!(tiny().cut("京都から東京に"), ["京都", "から", "東京", "に"]);
    assert_eq!(tiny().cut(""), Vec::<&str>::new());
}

#[test]
fn long_kanji_words_come_apart_also_at_the_end() {
    // Its 1000 and two characters' 3000 are less than the parts' 3500 each and the joint's 100; 1200 are not.
    assert_eq!(tiny().cut("国際空港"), ["国際空港"]);
    let dearer = WORDS.replace("国際空港,1,1,1000", "国際空港,1,1,1200");
    let dearer = Ipadic::load(folder(&[("words.csv", dearer.as_bytes())]).path()).unwrap();
    assert_eq!(dearer.cut("国際空港"), ["国際", "空港"]);
    assert_eq!(dearer.cut("国際空港に"), ["国際", "空港", "に"]);
}

#[test]
fn unknown_words_are_runs_or_single_kanji() {
    assert_eq!(tiny().cut("サンバに"), ["サンバ", "に"]);
    assert_eq!(tiny().cut("鬱憤に"), ["鬱", "憤", "に"]);
    assert_eq!(tiny().cut("ねこから"), ["ねこから"]);
    assert_eq!(tiny().cut("東京  abc😀"), ["東京", "  ", "abc😀"]);
}

#[test]
fn sentences_are_cut_by_themselves() {
    assert_eq!(tiny().cut("に。に、\nに"), ["に", "。", "に", "、", "\n", "に"]);
    let long = "ア".repeat(25_000);
    let pieces = tiny().cut(&long);
    assert_eq!(pieces.concat(), long);
    assert_eq!(pieces.len(), 3);
}

#[test]
fn both_encodings_are_read() {
    let (words, unknown) = (EUC_JP.encode(WORDS).0, EUC_JP.encode(UNKNOWN).0);
    let folder = folder(&[("words.csv", &words), ("unk.def", &unknown)]);
    assert_eq!(Ipadic::load(folder.path()).unwrap().cut("東京都サンバ"), ["東京", "都", "サンバ"]);
}

#[test]
fn quotation_marks_and_signs_in_words_are_read() {
    let more = "\"a,\"\"b\"\"\",1,1,100,記号\n～x,1,1,100,記号\n,1,1,100,nothing\n";
    let ipadic = Ipadic::load(folder(&[("more.csv", more.as_bytes())]).path()).unwrap();
    assert_eq!(ipadic.cut("東a,\"b\"京"), ["東", "a,\"b\"", "京"]);
    assert_eq!(ipadic.cut("〜x東"), ["〜x", "東"]);
}

#[test]
fn a_folder_that_is_not_the_dictionary_is_refused() {
    let missing = Ipadic::load(Path::new("no such folder")).unwrap_err();
    assert!(matches!(missing, DictionaryError::Unreadable { .. }), "{missing:?}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Ipadic::load(empty.path()).unwrap_err(), DictionaryError::NoWords { .. }));
    fs::write(empty.path().join("words.csv"), WORDS).unwrap();
    let incomplete = Ipadic::load(empty.path()).unwrap_err().to_string();
    assert!(incomplete.contains("matrix.def") && incomplete.contains("install mecab-ipadic"), "{incomplete}");
    assert!(complaint("words.csv", "\n").contains("no *.csv file with words"));
}

#[test]
fn complaints_name_file_and_line() {
    for (name, text, expected) in [
        ("words.csv", "東,1,1,1\n京,1,1,x\n", "words.csv, line 2: the cost is \"x\""),
        ("words.csv", "東,1\n", "words.csv, line 1: the right id is missing"),
        ("words.csv", "東,3,1,1\n", "words.csv, line 1: matrix.def has no costs for the ids 3 and 1"),
        ("words.csv", "\"東,1,1,1\n", "line 1: a quotation mark is not closed"),
        ("matrix.def", "", "matrix.def: the file is empty"),
        ("matrix.def", "3 3\n0 0 0\n0 3 1\n", "matrix.def, line 3: the sizes in the first line, 3 and 3, are exceeded"),
        ("matrix.def", "0 3\n", "matrix.def, line 1: a size is 0"),
        ("char.def", "SPACE 0 1 0\n", "char.def: the category DEFAULT is not defined"),
        ("char.def", "DEFAULT 0 1\nDEFAULT 0 1\n", "char.def, line 2: category DEFAULT is defined twice"),
        ("char.def", "DEFAULT 0 1 0\n0x30 KANA\n", "char.def, line 2: no category KANA"),
        ("char.def", "DEFAULT 0 1 0\n0x40..0x30 DEFAULT\n", "char.def, line 2: \"0x40..0x30\" is not a range"),
        ("unk.def", "DEFAULT,1,1,1\n", "unk.def: no entry for the category HIRAGANA"),
    ] {
        let complaint = complaint(name, text);
        assert!(complaint.contains(expected), "{complaint}");
    }
    let neither = Ipadic::load(folder(&[("words.csv", b"\xff\xff\xff,1,1,1\n")]).path()).unwrap_err().to_string();
    assert!(neither.contains("words.csv, line 1: the text is neither UTF-8 nor EUC-JP"), "{neither}");
}

proptest! {
    #[test]
    fn nothing_is_lost(text in "[東京都国際空港にから鬱ネコー a。\\n😀]{0,60}|\\PC{0,60}") {
        let pieces = tiny().cut(&text);
        prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        prop_assert_eq!(pieces.concat(), text);
    }
}

#[test]
fn the_installed_dictionary_cuts_as_meilisearch_does() {
    let folder = std::env::var_os("IPADIC_FOLDER").unwrap_or_else(|| "/usr/share/mecab/dic/ipadic".into());
    if !Path::new(&folder).join("matrix.def").exists() {
        eprintln!("skipped: no IPADIC in {folder:?}; install Debian's mecab-ipadic or set IPADIC_FOLDER");
        return;
    }
    let ipadic = Ipadic::load(Path::new(&folder)).unwrap();
    for expected in [
        "関西|国際|空港|限定|トートバッグ",
        "すもも|も|もも|も|もも|の|うち",
        "123",
        "東海ラジオ放送",
        "福岡|西武|鉄道",
        "ディス|トリビューション",
        "不破|体制",
        "出雲|坂根",
        "担|々|麺",
        "読|無視|し|て|い|た",
        "東京|都立|墨|東|病院",
        "二|千|二|十|五|年|一月",
        "アキアケアエカァーク",
        "𠮷|野家|と|㐂|寿",
        "☆|の|番組|は|どういう|意味|か|？",
    ] {
        assert_eq!(ipadic.cut(&expected.replace('|', "")).join("|"), expected);
    }
}
