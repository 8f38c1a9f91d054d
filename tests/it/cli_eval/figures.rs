//! What it prints is right, and what it made is gone.

use std::{collections::BTreeMap, fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::ground::{Ground, Line, close, documents, json_of, rankings};

/// The mean of a figure over the pairs that have one.
fn mean<'a>(pairs: &[(&'a Line, &'a Line)], figure: impl Fn(&'a Line, &'a Line) -> Option<f64>) -> f64 {
    let figures: Vec<f64> = pairs.iter().filter_map(|(pg, meili)| figure(pg, meili)).collect();
    figures.iter().sum::<f64>() / figures.len() as f64
}

fn overlap(pg: &Line, meili: &Line) -> Option<f64> {
    let (pg, meili) = (&pg.ids[..pg.ids.len().min(10)], &meili.ids[..meili.ids.len().min(10)]);
    let most = pg.len().max(meili.len());
    let common = pg.iter().filter(|id| meili.contains(id)).count();
    Some(if most == 0 { 1.0 } else { common as f64 / most as f64 })
}

fn check(figures: &Value, pairs: &[(&Line, &Line)]) {
    let is = |is: bool| f64::from(u8::from(is));
    assert_eq!(figures["queries"], pairs.len());
    let expected = mean(pairs, overlap);
    assert!(close(&figures["overlap_at_10"], expected), "{figures}");
    let [low, high] = [0, 1].map(|end| figures["overlap_at_10_interval"][end].as_f64().unwrap());
    assert!(0.0 <= low && low <= expected && expected <= high && high <= 1.0, "{figures}");
    assert!(close(&figures["identical_top_20"], mean(pairs, |pg, meili| Some(is(pg.ids == meili.ids)))), "{figures}");
    assert!(close(&figures["totals_equal"], mean(pairs, |pg, meili| Some(is(pg.total == meili.total)))), "{figures}");
    let top = |pg: &Line, meili: &Line| {
        let empty = pg.ids.is_empty() && meili.ids.is_empty();
        (!empty).then(|| is(pg.ids.first() == meili.ids.first()))
    };
    match mean(pairs, top) {
        nothing if nothing.is_nan() => assert!(figures["top1"].is_null()),
        top => assert!(close(&figures["top1"], top), "{figures}"),
    }
}

#[tokio::test]
async fn live_and_recorded_give_the_figures_that_the_answers_give() {
    let ground = Ground::new(30).await;
    ground.write("qrels.tsv", "q1\td9999\t3\nq1\td9994\t1\nq4\td1\t1\nq8\td9999\t0\n");
    let [meili, url] = ground.meili();
    let more = [meili, url, "--record", "meili.jsonl", "--record-pg", "pg.jsonl", "--qrels", "qrels.tsv", "--json"];
    let ran = ground.measure(&more).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let live = json_of(&ran);
    ground.assert_clean().await;

    let (pg, meili) = (rankings(&ground.path("pg.jsonl")), rankings(&ground.path("meili.jsonl")));
    assert!(meili.values().all(|line| line.scores == line.ids.len()) && meili["q7"].total > 0);
    let pairs: Vec<(&Line, &Line)> = pg.iter().map(|(query, line)| (line, &meili[query])).collect();
    check(&live, &pairs);
    let mut classes: BTreeMap<&str, Vec<(&Line, &Line)>> = BTreeMap::new();
    for pair in &pairs {
        classes.entry(&pair.0.class).or_default().push(*pair);
    }
    assert_eq!(live["by_class"].as_object().unwrap().len(), 5);
    for (class, pairs) in classes {
        check(&live["by_class"][class], &pairs);
    }
    assert_eq!((&live["documents"], &live["errors"], &live["both_empty"]), (&30.into(), &0.into(), &1.into()));

    // Judged: q1 with the grades 3 and 1, q4 with a document that is not there, and q8 with nothing relevant.
    let gain = |id: &str| f64::from(3 * u8::from(id == "d9999") + u8::from(id == "d9994"));
    let dcg = |line: &Line| {
        (2..).zip(line.ids.iter().take(10)).map(|(rank, id)| gain(id) / f64::from(rank).log2()).sum::<f64>()
    };
    let ideal = 3.0 + 1.0 / 3_f64.log2();
    let (here, there) = (dcg(&pg["q1"]) / ideal / 2.0, dcg(&meili["q1"]) / ideal / 2.0);
    assert!(here > 0.0 && close(&live["ndcg_at_10"], here) && close(&live["source"]["ndcg_at_10"], there), "{live}");
    assert!(close(&live["ndcg_at_10_delta"], here - there) && live["judged"] == 2);

    for figures in [&live, &live["source"], &live["by_class"]["one"], &live["by_class"]["one"]["source"]] {
        let [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map(|name| figures[name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99);
    }

    let ran = ground.measure(&["--rankings", "meili.jsonl", "--qrels", "qrels.tsv", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let recorded = json_of(&ran);
    for figure in ["overlap_at_10", "overlap_at_10_interval", "rbo", "top1", "totals_equal", "ndcg_at_10_delta"] {
        assert_eq!(recorded[figure], live[figure], "{figure}");
    }
    assert!(recorded["source"]["p50_ms"].is_null() && close(&recorded["source"]["ndcg_at_10"], there));
    ground.assert_clean().await;
}

/// What PostgreSQL answers is taken for the recording, but for one query.
#[tokio::test]
async fn the_worst_query_stands_side_by_side() {
    let ground = Ground::new(30).await;
    let ran = ground.measure(&["--record-pg", "pg.jsonl", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(json_of(&ran)["overlap_at_10"].is_null() && json_of(&ran)["p95_ms"].as_f64().unwrap() > 0.0);
    let pg = rankings(&ground.path("pg.jsonl"));
    let there = documents(30);
    let elsewhere = there.iter().find(|there| pg["q1"].ids.iter().all(|here| there["id"] != **here)).unwrap();
    let recorded = fs::read_to_string(ground.path("pg.jsonl")).unwrap();
    let changed = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if line["query_id"] == "q1" {
            (line["ids"], line["estimated_total_hits"]) = (json!([elsewhere["id"]]), json!(7_777));
        }
        format!("{line}\n")
    };
    ground.write("meili.jsonl", &recorded.lines().map(changed).collect::<String>());

    let shown = json_of(&ground.measure(&["--rankings", "meili.jsonl", "--json"]).await);
    for figure in ["overlap_at_10", "identical_top_20", "rbo", "totals_equal"] {
        assert!(close(&shown[figure], 7.0 / 8.0), "{figure}: {}", shown[figure]);
    }
    let worst = shown["worst"].as_array().unwrap();
    assert_eq!((worst.len(), &worst[0]["query_id"], &worst[0]["q"]), (1, &"q1".into(), &"river".into()));
    assert_eq!((&worst[0]["overlap_at_10"], &worst[0]["source_total"]), (&0.0.into(), &7_777.into()));
    let (here, other) = (&worst[0]["pg"][0], &worst[0]["source"][0]);
    assert_eq!((&here["id"], &other["id"]), (&pg["q1"].ids[0].as_str().into(), &elsewhere["id"]));
    assert_eq!((&other["label"], &other["other_place"]), (&elsewhere["title"], &Value::Null));

    let text = ground.measure(&["--rankings", "meili.jsonl"]).await.stdout;
    for told in ["PostgreSQL against the rankings of meili.jsonl, 8 queries", "`river` (q1, one)", "p95 ms"] {
        assert!(text.contains(told), "{told} is not in {text}");
    }
    let row = text.lines().find(|line| line.starts_with("all")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..3], ["8", "0.875"]);
    let name = |listed: &Value| format!("{} {}", listed["id"].as_str().unwrap(), listed["label"].as_str().unwrap());
    let side_by_side = |line: &str| line.contains(&name(here)) && line.contains(&name(other));
    assert!(text.lines().any(side_by_side), "{text}");
}

#[tokio::test]
async fn a_schema_that_is_kept_is_asked_again_without_a_load() {
    let ground = Ground::new(30).await;
    ground.measure(&[&ground.meili()[..], &["--record", "meili.jsonl"]].concat()).await;
    // Compressed, and without classes, which the rankings know.
    let mut docs = GzEncoder::new(Vec::new(), Compression::fast());
    docs.write_all(&fs::read(ground.path("docs.jsonl")).unwrap()).unwrap();
    fs::write(ground.path("docs.jsonl"), docs.finish().unwrap()).unwrap();
    let plain = super::ground::QUERIES.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let plain: String = plain.map(|columns| format!("{}\t{}\n", columns[0], columns[2])).collect();
    ground.write("queries.tsv", &plain);
    let ran =
        ground.measure(&["--rankings", "meili.jsonl", "--keep-schema", "--record-pg", "pg.jsonl", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let kept = json_of(&ran);
    let schema = kept["schema"].as_str().unwrap();
    assert_eq!(ground.schemas().await, [schema]);
    assert!(ran.stderr.contains(schema) && kept["by_class"]["one"]["queries"] == 2);

    // Ties are decided by the lines: the ids would be the other way round.
    let tied = &rankings(&ground.path("pg.jsonl"))["q6"].ids;
    assert!(tied.len() > 3 && tied[..3].is_sorted_by(|one, next| one > next), "{tied:?}");

    let asked = ["--schema", schema, "--reuse", "--queries", "queries.tsv", "--rankings", "meili.jsonl", "--json"];
    let again = ground.run(&asked).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let again = json_of(&again);
    assert_eq!((&again["overlap_at_10"], &again["rbo"]), (&kept["overlap_at_10"], &kept["rbo"]));
    assert_eq!((&again["documents"], &again["schema"]), (&Value::Null, &Value::Null));
    assert_eq!(ground.schemas().await, [schema]);
    let other = ground.run(&[&asked[..], &["--index", "elsewhere"]].concat()).await;
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains("index_not_found"), "{}", other.stderr);
}
