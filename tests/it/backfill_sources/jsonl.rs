//! Files of lines.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
};

use crossfade::{
    backfill::source::{BackfillSource, JsonlSource, Shard, SourceDescription, Total},
    document::Version,
};
use serde_json::json;
use tempfile::NamedTempFile;

use super::{assert_unfit, bodies, document, ids, kept, read_all};

fn whole() -> Shard {
    Shard { key: "0".to_owned(), lower: None, upper: None }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Documents of very different lengths, with what else may stand in a file.
fn lines(documents: usize) -> String {
    let line = |id: usize| {
        let end = ["\n", "\r\n", "\n\n", "\n \t\n"][id % 4];
        format!("{}{end}", json!({"id": id, "title": "x".repeat(id * 37 % 400)}))
    };
    format!("\u{feff}{}", (0..documents).map(line).collect::<String>().trim_end())
}

#[tokio::test]
async fn every_line_comes_once_whatever_the_pages_and_shards() {
    let file = file(&lines(500));
    let source = JsonlSource::file(file.path(), "id");
    source.check().await.unwrap();
    let (whole, _) = read_all(&source, 1, 1000).await;
    assert_eq!(ids(&whole), (0..500).map(|id| id.to_string()).collect::<Vec<_>>());
    for (shards, limits) in [(1, &[1, 2, 7][..]), (4, &[1, 2, 7, 1000]), (50, &[1000])] {
        for limit in limits {
            let (rows, cut) = read_all(&source, shards, *limit).await;
            assert!(cut == shards, "{cut} shards of {shards}");
            assert_eq!(bodies(&rows), bodies(&whole));
            let ordinals: Vec<i64> = rows.iter().map(|row| document(row).ordinal.unwrap()).collect();
            assert!(ordinals.is_sorted_by(|one, next| one < next));
        }
    }
    // More shards than lines.
    let short = self::file("{\"id\":1}\n{\"id\":2}");
    let (rows, cut) = read_all(&JsonlSource::file(short.path(), "id"), 9, 7).await;
    assert_eq!((ids(&rows), cut), (vec!["1", "2"], 2));
    let (rows, cut) = read_all(&JsonlSource::file(self::file("").path(), "id"), 4, 7).await;
    assert_eq!((rows.len(), cut), (0, 1));
}

#[tokio::test]
async fn the_total_is_counted_or_estimated() {
    let total = async |documents| {
        let text: String = (0..documents).map(|id| format!("{{\"id\":{}}}\n", id + 100_000)).collect();
        let file = file(&text);
        JsonlSource::file(file.path(), "id").plan(2).await.unwrap().total.unwrap()
    };
    assert_eq!(total(100).await, Total { rows: 100, exact: true });
    let large = total(50_000).await;
    assert!(!large.exact && large.rows.abs_diff(50_000) < 500, "{large:?}");
}

#[tokio::test]
async fn lines_that_are_no_documents_are_told_and_hold_up_no_other() {
    let text = [
        "{\"id\":1,\"v\":5}",
        "{\"id\":2",
        "[1]",
        "{\"v\":5}",
        "{\"id\":\"a b\",\"v\":5}",
        "{\"id\":6}",
        "{\"id\":7,\"v\":7}",
    ];
    let long = format!("{{\"id\":8,\"v\":8,\"t\":\"{}\"}}", "x".repeat(200));
    let text = format!("{}\n{long}\n{{\"id\":9,\"v\":9}}", text.join("\n"));
    let file = file(&text);
    let source = JsonlSource::file(file.path(), "id").version_field("v").longest_line(100);
    let (rows, _) = read_all(&source, 1, 2).await;
    let told: Vec<Result<(&str, Option<Version>), &str>> = rows
        .iter()
        .map(|row| match &row.content {
            Ok(read) => Ok((read.id.as_str(), read.version)),
            Err(unreadable) => Err(unreadable.why.as_str()),
        })
        .collect();
    assert_eq!(told.len(), 9);
    assert_eq!([told[0], told[6], told[8]], [("1", 5), ("7", 7), ("9", 9)].map(|(id, of)| Ok((id, Some(Version(of))))));
    for (at, why) in [
        (1, "line 2: it is no valid JSON"),
        (2, "line 3: it is no JSON object"),
        (3, "line 4: it has no field `id`"),
        (4, "line 5: `id` is no integer"),
        (5, "line 6: its field `v`"),
        (7, "line 8: it is longer than 100 bytes"),
    ] {
        assert!(told[at].unwrap_err().starts_with(why), "{:?}", told[at]);
    }
    let places: Vec<String> = [8, 1, 0].map(|at: usize| rows[at].place.clone()).to_vec();
    let again = source.reread(&places).await.unwrap();
    assert_eq!(again, [rows[8].clone(), rows[1].clone(), rows[0].clone()]);
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_is_refused() {
    let file = file(&"{\"id\":1}\n".repeat(10));
    let source = JsonlSource::file(file.path(), "id");
    let page = source.read(&whole(), None, 5).await.unwrap();
    let whole = whole();
    let next = || source.read(&whole, page.cursor.as_deref(), 5);
    assert_eq!(next().await.unwrap().rows.len(), 5);
    let plan = source.plan(2).await.unwrap();
    fs::write(file.path(), "{\"id\":1}\n").unwrap();
    assert_unfit(&next().await.unwrap_err(), &["holds less than when the job began"]);
    assert_unfit(&source.read(&plan.shards[0], None, 50).await.unwrap_err(), &["holds less"]);
    fs::write(file.path(), "{\"id\":1}".repeat(10)).unwrap();
    assert_unfit(&next().await.unwrap_err(), &["no line begins where one did"]);
    assert_unfit(&source.reread(&[page.rows[4].place.clone()]).await.unwrap_err(), &["no line begins"]);
    assert_unfit(&source.reread(&["x".to_owned()]).await.unwrap_err(), &["start a new job"]);
    // Once ended, it may grow.
    fs::write(file.path(), "{\"id\":1}").unwrap();
    let page = source.read(&whole, None, 5).await.unwrap();
    assert!(page.end);
    OpenOptions::new().append(true).open(file.path()).unwrap().write_all(b"\n").unwrap();
    fs::remove_file(file.path()).unwrap();
    assert_unfit(&source.check().await.unwrap_err(), &["opening the file"]);
    assert_unfit(&JsonlSource::file(std::env::temp_dir(), "id").check().await.unwrap_err(), &["it is none"]);
}

#[tokio::test]
async fn standard_input_is_one_shard_and_comes_by_once() {
    let source = JsonlSource::reader(io::Cursor::new(lines(100).into_bytes()), "id");
    source.check().await.unwrap();
    let plan = source.plan(4).await.unwrap();
    assert_eq!((plan.shards.len(), plan.total), (1, None));
    let first = source.read(&plan.shards[0], None, 60).await.unwrap();
    assert_unfit(&source.reread(&[first.rows[0].place.clone()]).await.unwrap_err(), &["give a file"]);
    // As after a restart.
    let source = JsonlSource::reader(io::Cursor::new(lines(100).into_bytes()), "id");
    let second = source.read(&plan.shards[0], first.cursor.as_deref(), 60).await.unwrap();
    assert_eq!((second.rows.len(), second.end), (40, true));
    assert_eq!(document(&second.rows[0]).id.as_str(), "60");
}

#[tokio::test]
async fn its_description_opens_it_again() {
    let file = file(&lines(30));
    let source = JsonlSource::file(file.path(), "id");
    let first = source.read(&whole(), None, 20).await.unwrap();
    let SourceDescription::Jsonl { path, primary_key, version: None } = kept(&source.describe()) else {
        panic!("another kind")
    };
    let second = JsonlSource::file(path, primary_key).read(&whole(), first.cursor.as_deref(), 20).await.unwrap();
    assert_eq!(second.rows.len(), 10);
    let stdin = JsonlSource::stdin("id").version_field("v").describe();
    assert_eq!(
        serde_json::to_value(kept(&stdin)).unwrap(),
        json!({"kind": "jsonl", "path": "-", "primary_key": "id", "version": "v"})
    );
}
