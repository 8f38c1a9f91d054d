//! Samples.

use std::{collections::BTreeMap, time::Duration};

use crossfade::{
    drift::{DriftAudit, DriftSample, PerSide},
    telemetry::DRIFT_DOCUMENTS,
    testing::meili::Route,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, Plant};

#[tokio::test]
async fn a_sample_of_all_finds_all() {
    let plant = Plant { missing: 2, extra: 3, stale: 5, tombstone: 7, alike: 60 };
    let ground = Ground::new(plant).await;
    let sampled = DriftSample::new(ground.check(), 1000).run().await.unwrap();
    assert_eq!(sampled.drawn, PerSide { meili: 74, pg: 68 });
    assert_eq!(sampled.counts, plant.counts());
    assert!(!sampled.agrees());
}

#[tokio::test]
async fn a_sample_reads_no_more_than_it_draws() {
    let ground = Ground::new(Plant { stale: 500, ..Plant::clean(500) }).await;
    let reads = || ground.meili.double().map_or(0, |double| double.requests(Route::DocumentReads));
    let before = reads();
    let sampled = DriftSample::new(ground.check(), 100).run().await.unwrap();
    assert!((90..=100).contains(&sampled.drawn.meili) && (1..=100).contains(&sampled.drawn.pg), "{:?}", sampled.drawn);
    // Each one is wrong with probability 1/2.
    assert!(sampled.counts.stale > 10 && sampled.counts.total() == sampled.counts.stale, "{:?}", sampled.counts);
    assert!(reads() - before <= 30);
    let drawn: Vec<_> = (0..2).map(|_| ()).collect();
    let mut samples = Vec::new();
    for () in drawn {
        let ids: Vec<_> = DriftSample::new(ground.check(), 50).run().await.unwrap().differences;
        samples.push(ids.into_iter().map(|difference| difference.id).collect::<Vec<_>>());
    }
    assert_ne!(samples[0], samples[1], "drawn anew");
}

#[test]
fn an_audit_shows_what_it_found_until_it_is_stopped() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plant = Plant { missing: 1, extra: 2, ..Plant::clean(10) };
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let ground = Ground::new(plant).await;
            let stop = CancellationToken::new();
            let audit = DriftAudit::new(DriftSample::new(ground.check(), 100), Duration::from_secs(60));
            let shown = async {
                loop {
                    let mut shown = BTreeMap::new();
                    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
                        if let (DRIFT_DOCUMENTS, DebugValue::Gauge(value)) = (key.key().name(), value) {
                            let kind = key.key().labels().next().unwrap().value().to_owned();
                            shown.insert(kind, value.into_inner());
                        }
                    }
                    if !shown.is_empty() {
                        stop.cancel();
                        return shown;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let (_, shown) = tokio::join!(audit.run(stop.clone()), shown);
            let expected = [("missing", 1.0), ("extra", 2.0), ("stale", 0.0), ("tombstone", 0.0)];
            assert_eq!(shown, expected.map(|(kind, documents)| (kind.to_owned(), documents)).into());
        });
    });
}
