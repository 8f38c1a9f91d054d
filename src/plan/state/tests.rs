use std::{
    io,
    sync::{Arc, Mutex},
};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::*;
use crate::plan::Phase;

fn reading(texts: &[(&str, &str)], target_stale: bool) -> FlagReading {
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    FlagReading { texts, target_stale, ..FlagReading::default() }
}

#[test]
fn a_refusal_is_counted_once_until_something_else_was_said() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let rejected = || {
        let values = snapshotter.snapshot().into_vec().into_iter();
        let counts = values.filter(|(key, ..)| key.key().name() == telemetry::PLAN_REJECTED);
        counts.map(|(_, _, _, value)| if let DebugValue::Counter(count) = value { count } else { 0 }).sum::<u64>()
    };
    metrics::with_local_recorder(&recorder, || {
        let mut state = State::new(false, None);
        let bad = || Ok(reading(&[("shadow_sample_rate", "101")], false));
        let mut counts = Vec::new();
        for said in
            [bad(), bad(), bad(), Ok(reading(&[("nonsense", "1")], false)), bad(), Ok(reading(&[], false)), bad()]
        {
            state.take_file(said);
            counts.push(rejected());
        }
        assert_eq!(counts, [1, 0, 0, 1, 1, 0, 1]);
    });
}

#[tokio::test]
async fn a_plan_that_cannot_be_kept_is_told_once_a_reason() {
    let directory = tempfile::TempDir::new().unwrap();
    let missing = directory.path().join("missing");
    let mut state = State::new(false, Some(missing.join("last_good.json")));
    let said = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::fmt().with_writer(Lines(said.clone())).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let warnings = || {
        let text = String::from_utf8(said.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("cannot be kept")).count()
    };
    let rate =
        |rate: &str| News::File(Ok(reading(&[("search_write_mode", "dual"), ("shadow_sample_rate", rate)], false)));
    for n in ["1", "2", "2", "3"] {
        state.take(rate(n)).await;
    }
    assert_eq!(warnings(), 1);
    std::fs::create_dir(&missing).unwrap();
    state.take(rate("3")).await;
    std::fs::remove_dir_all(&missing).unwrap();
    state.take(rate("4")).await;
    assert_eq!(warnings(), 2);
}

/// Where log lines go.
#[derive(Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn the_mark_is_held_until_the_table_keeps_it() {
    let primary = [("search_write_mode", "dual"), ("search_read_backend", "pg")];
    let mut state = State::new(true, None);
    state.begin(Some(Ok(reading(&primary, false))), Some(Ok(reading(&[("search_write_mode", "meili_only")], false))));
    let wanted = state.marks_wanted();
    assert_eq!((state.handle.load().phase(), state.handle.load().target_stale), (Phase::SourceOnly, true));
    assert_eq!(*wanted.borrow(), [Mark::TargetStale]);

    // The override ends, and the table answers without having been told.
    state.take_file(Ok(reading(&[], false)));
    state.take_table(Ok(reading(&primary, false)), &[]);
    state.settle();
    assert_eq!((state.handle.load().phase(), wanted.borrow().len()), (Phase::SourceOnly, 1));

    state.take_table(Ok(reading(&[("search_write_mode", "dual")], true)), &[Mark::TargetStale]);
    state.settle();
    assert_eq!((state.handle.load().phase(), state.handle.load().target_stale), (Phase::DualWrite, true));
    assert_eq!(*wanted.borrow(), []);
}

/// Whatever else is being decided when reads are rolled back: they stay rolled back, and the table is to be told.
#[tokio::test]
async fn no_news_comes_over_a_rollback_that_has_not_been_taken_up() {
    let primary = [("search_write_mode", "dual"), ("search_read_backend", "pg")];
    let directory = tempfile::TempDir::new().unwrap();
    let kept = directory.path().join("last_good.json");
    let mut state = State::new(true, Some(kept.clone()));
    state.begin(Some(Ok(reading(&primary, false))), None);
    let handle = state.handle();
    handle.latch("ann", "worse").unwrap();
    // Read before the rollback, taken after it.
    state.take(News::Table { said: Ok(reading(&primary, false)), marked: Vec::new() }).await;
    assert_eq!((handle.load().phase(), handle.load().latched), (Phase::DualWrite, true));
    let cause = Cause { by: "ann".into(), why: "worse".into() };
    let told = Mark::Latched(cause.clone());
    assert_eq!(*state.marks_wanted().borrow(), std::slice::from_ref(&told));

    // It is kept for a start without the table.
    let mut next = State::new(true, Some(kept));
    next.begin(Some(Err(FlagSourceError::Unreachable("away".into()))), None);
    assert_eq!((next.handle().load().phase(), next.handle().load().latched), (Phase::DualWrite, true));
    assert_eq!(*next.marks_wanted().borrow(), std::slice::from_ref(&told));

    // The table has heard of another one, and then of this one.
    let heard = |latched| Ok(FlagReading { latched, ..reading(&[("search_write_mode", "dual")], false) });
    let another = Mark::Latched(Cause { why: "another".into(), ..cause });
    state.take(News::Table { said: heard(false), marked: vec![another] }).await;
    assert!(handle.load().latched);
    state.take(News::Table { said: heard(true), marked: vec![told] }).await;
    assert_eq!(*state.marks_wanted().borrow(), []);
    assert!(handle.load().latched);
    state.take(News::Table { said: heard(false), marked: Vec::new() }).await;
    assert!(!handle.load().latched);
}
