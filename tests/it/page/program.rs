//! `crossfade report --html`.

use std::fs;

use super::{HOUR, Log};
use crate::cli::run;

#[tokio::test]
async fn the_program_writes_the_page_in_one_step() {
    let log = Log::fresh().await;
    log.fill(200, HOUR).await;
    let url = Some(log.database.url());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    fs::write(&file, "what was there before").unwrap();
    // Who has opened the file goes on reading what it held.
    let opened = folder.path().join("opened");
    fs::hard_link(&file, &opened).unwrap();
    let name = file.to_str().unwrap();

    let ran = run(url, &["report", "--html", name, "--since", "2h"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let html = fs::read_to_string(&file).unwrap();
    assert_eq!(ran.stdout, format!("{name}: {} bytes\n", html.len()));
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>"), "{}", &html[..80]);
    assert_eq!(fs::read_to_string(&opened).unwrap(), "what was there before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

#[tokio::test]
async fn a_dash_is_the_standard_output() {
    let log = Log::fresh().await;
    log.fill(200, HOUR).await;
    let url = Some(log.database.url());
    let ran = run(url, &["report", "--html", "-", "--endpoint", "GET /v1/search"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("<!DOCTYPE html>") && ran.stdout.trim_end().ends_with("</html>"));
    // Of 200 rows every fourth is of the other endpoint.
    assert!(ran.stdout.contains("<dd class=\"figure\">150</dd>"), "the endpoint applies");
    let soon = run(url, &["report", "--html", "-", "--since", "30m"]).await;
    assert!(soon.stdout.contains("<dd class=\"figure\">100</dd>"), "the window applies");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_said() {
    let log = Log::fresh().await;
    let url = Some(log.database.url());
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/report.html");
    for name in [missing.to_str().unwrap(), folder.path().to_str().unwrap(), "/"] {
        let ran = run(url, &["report", "--html", name]).await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{name}");
        assert!(ran.stderr.contains("cannot be written"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    assert_eq!(run(url, &["report", "--html", "-", "--json"]).await.code, Some(2));
}
