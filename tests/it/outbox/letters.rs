//! Rows that cannot be applied, and sides that fail.

use crossfade::{
    backend::write::{Blame, TaskState},
    error::{BackendErrorKind, Side},
    outbox::{OutboxColumns, OutboxContent, OutboxDeadLetter, OutboxLetters, OutboxLookup, OutboxOptions},
    telemetry,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::{SIDES, World, document};

impl World {
    async fn letters(&self, side: Side) -> Vec<OutboxDeadLetter> {
        self.monitor().dead_letters(Some(side), None, 100).await.unwrap()
    }

    async fn dead(&self, side: Side) -> Vec<(i64, String)> {
        self.letters(side).await.into_iter().map(|letter| (letter.seq, letter.reason)).collect()
    }

    /// Rows that carry their documents in a column of their own.
    async fn carrying(&self) -> OutboxOptions {
        self.execute("ALTER TABLE cn_relay.events_outbox ADD doc TEXT").await;
        self.options().content(OutboxContent::Column("doc".to_owned()))
    }

    async fn carry(&self, event: &str, doc: &str) -> i64 {
        let seq = self.note("upsert", event, "x").await;
        // In the same statement a service would do it; no intake runs meanwhile, or it comes again.
        let update = sqlx::query("UPDATE cn_relay.events_outbox SET doc = $2 WHERE seq = $1").bind(seq).bind(doc);
        update.execute(&self.pool).await.unwrap();
        seq
    }
}

fn expect(dead: &[(i64, &str)]) -> Vec<(i64, String)> {
    dead.iter().map(|(seq, reason)| (*seq, (*reason).to_owned())).collect()
}

#[tokio::test]
async fn rows_that_say_nothing_are_dead_letters_and_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::new().await;
    world.execute("ALTER TABLE cn_relay.events_outbox ALTER topic_id DROP NOT NULL").await;
    world.post("a", "x", "").await;
    world.note("purge", "a", "x").await;
    world.execute("SELECT note('upsert', 'a', NULL)").await;
    world.note("upsert", "a", &"long".repeat(200)).await;
    let last = world.post("b", "x", "").await;
    let running = world.run();
    world.both_passed(last).await;
    world.both_hold(&["a__x", "b__x"]);
    for side in SIDES {
        assert_eq!(world.dead(side).await, expect(&[(2, "unknown_op"), (3, "unreadable"), (4, "invalid_id")]));
    }
    let letter = world.letters(Side::Meili).await.remove(0);
    assert_eq!((letter.op.as_deref(), letter.document_id, letter.redriving), (Some("purge"), None, false));
    assert_eq!(letter.keys, [Some("a".to_owned()), Some("x".to_owned())]);
    assert_eq!(running.stop().await.pg.dead, 3);
    let counted: u64 = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == telemetry::OUTBOX_DEAD_LETTERS)
        .map(|(.., value)| if let DebugValue::Counter(count) = value { count } else { 0 })
        .sum();
    assert_eq!(counted, 6);
}

#[tokio::test]
async fn documents_that_cannot_be_read_do_not_stop_the_others() {
    let world = World::new().await;
    let options = world.carrying().await;
    for (event, doc) in [("a", r#"{"n": 1}"#), ("b", "no json"), ("c", "[1]"), ("d", r#"{"n": 4}"#)] {
        world.carry(event, doc).await;
    }
    world.note("upsert", "e", "x").await;
    let running = world.run_with(options);
    world.both_passed(5).await;
    world.both_hold(&["a__x", "d__x"]);
    let dead = expect(&[(2, "unreadable"), (3, "unreadable"), (5, "unreadable")]);
    assert_eq!(world.dead(Side::Pg).await, dead);
    running.stop().await;
}

/// The outbox is a view, of which one row cannot be read, and one cannot be looked up.
#[tokio::test]
async fn rows_the_database_cannot_read_do_not_stop_the_others() {
    let world = World::new().await;
    for event in ["a", "2", "c", "0", "e"] {
        world.post(event, "x", "").await;
    }
    world
        .execute(
            "CREATE VIEW cn_relay.seen AS
             SELECT seq, CASE seq WHEN 2 THEN (1 / (seq - 2))::text ELSE op END AS op, event_id, topic_id, ingested_at
             FROM cn_relay.events_outbox",
        )
        .await;
    let lookup = "SELECT n, json_build_object('n', CASE e WHEN '0' THEN 1 / e::int ELSE 1 END)
                  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (e, t, n)";
    let columns = OutboxColumns { table: "seen".to_owned(), ..OutboxColumns::default() };
    let options = world.options().columns(columns).sequence("cn_relay.events_outbox_seq_seq");
    let options = options.name("cn_relay.events_outbox").content(OutboxContent::Lookup(OutboxLookup::new(lookup)));
    let running = world.run_with(options);
    world.both_passed(5).await;
    world.both_hold(&["a__x", "c__x", "e__x"]);
    assert_eq!(world.dead(Side::Meili).await, expect(&[(2, "unreadable"), (4, "lookup")]));
    running.stop().await;
}

/// 20 documents in one batch, of which the sides refuse some, each in its way.
#[tokio::test]
async fn poison_is_isolated() {
    let world = World::new().await;
    for n in 10..30 {
        world.post(&n.to_string(), "x", "").await;
    }
    world.meili.state().refused.extend(["12__x".to_owned()]);
    world.meili.state().poisonous.extend(["10__x".to_owned(), "17__x".to_owned()]);
    world.pg.state().refused.extend(["29__x".to_owned()]);
    world.pg.state().cursed.extend(["15__x".to_owned()]);
    let running = world.run();
    world.both_passed(20).await;
    assert_eq!(world.dead(Side::Meili).await, expect(&[(1, "task_failed"), (3, "rejected"), (8, "task_failed")]));
    assert_eq!(world.dead(Side::Pg).await, expect(&[(6, "failed"), (20, "rejected")]));
    let why = &world.letters(Side::Meili).await[0].why;
    assert!(why.contains("invalid_document: 10__x"), "{why}");
    let (meili, pg) = world.ids();
    assert_eq!((meili.len(), pg.len()), (17, 18));

    // Mended, and tried again: those of one side, then one of the other.
    world.meili.state().refused.clear();
    world.meili.state().poisonous.clear();
    world.pg.state().cursed.clear();
    let monitor = world.monitor();
    assert_eq!(monitor.redrive(&OutboxLetters::Of(Side::Meili)).await.unwrap(), 3);
    world.until("SELECT count(*) = 2 FROM cn_search.outbox_dead_letters").await;
    let ids: Vec<i64> = world.letters(Side::Pg).await.iter().map(|letter| letter.id).collect();
    assert_eq!(monitor.redrive(&OutboxLetters::All).await.unwrap(), 2);
    world.until("SELECT count(*) = 1 FROM cn_search.outbox_dead_letters WHERE redrive_asked_at IS NULL").await;
    assert_eq!(world.dead(Side::Pg).await, expect(&[(20, "rejected")]));
    assert_eq!(monitor.drop_letters(&OutboxLetters::These(ids)).await.unwrap(), 1);
    let (meili, pg) = world.ids();
    assert_eq!((meili.len(), pg.len()), (20, 19));
    let report = running.stop().await;
    assert_eq!((report.meili.redriven, report.pg.redriven, report.pg.cursor), (3, 1, Some(20)));
}

/// A letter is old news when a later row of its document was applied, and must not bring back what was.
#[tokio::test]
async fn a_redriven_letter_does_not_overwrite_what_came_after_it() {
    let world = World::new().await;
    let options = world.carrying().await;
    world.meili.state().poisonous.insert("a__x".to_owned());
    world.carry("a", r#"{"n": 1}"#).await;
    let running = world.run_with(options.clone());
    world.both_passed(1).await;
    running.stop().await;
    world.meili.state().poisonous.clear();
    world.carry("a", r#"{"n": 2}"#).await;
    let running = world.run_with(options);
    world.both_passed(2).await;
    world.monitor().redrive(&OutboxLetters::All).await.unwrap();
    world.until("SELECT count(*) = 0 FROM cn_search.outbox_dead_letters").await;
    assert_eq!(world.meili.contents()["a__x"], r#"{"id":"a__x","n":2}"#);
    running.stop().await;
}

/// A letter whose failure has no reason does not hold up the rows after it.
#[tokio::test]
async fn a_redrive_that_fails_again_holds_nobody_up() {
    let world = World::new().await;
    world.pg.state().cursed.insert("a__x".to_owned());
    world.post("a", "x", "").await;
    world.post("b", "x", "").await;
    let running = world.run();
    world.both_passed(2).await;
    assert_eq!(world.dead(Side::Pg).await, expect(&[(1, "failed")]));
    world.monitor().redrive(&OutboxLetters::All).await.unwrap();
    world.until("SELECT count(*) = 1 FROM cn_search.outbox_dead_letters WHERE redrive_asked_at IS NULL").await;
    let seq = world.post("c", "x", "").await;
    world.both_passed(seq).await;
    running.stop().await;
}

#[tokio::test]
async fn tasks_that_did_not_fail_for_good_are_done_again() {
    let world = World::new().await;
    let transient = TaskState::Failed { blame: Blame::Server, why: "no space".to_owned() };
    world.meili.state().ends = vec![TaskState::Canceled, TaskState::Vanished, transient];
    world.post("a", "x", "").await;
    let running = world.run();
    world.both_passed(1).await;
    world.both_hold(&["a__x"]);
    assert_eq!(world.meili.state().sent.len(), 4);
    assert_eq!(world.dead(Side::Meili).await, []);
    running.stop().await;
}

#[tokio::test]
async fn who_fails_with_others_is_to_blame_only_if_named() {
    let world = World::new().await;
    let shared = |named: Option<&str>| {
        let blame = Blame::Batch(named.map(Into::into));
        TaskState::Failed { blame, why: "a bad place".to_owned() }
    };
    // Somebody else's document: all is done again. Nobody's: in halves, and then one of them is named.
    world.meili.state().ends =
        vec![shared(Some("elsewhere")), shared(None), TaskState::Succeeded, shared(Some("b__x"))];
    world.post("a", "x", "").await;
    world.post("b", "x", "").await;
    let running = world.run();
    world.both_passed(2).await;
    assert_eq!(world.dead(Side::Meili).await, expect(&[(2, "task_failed")]));
    assert_eq!(world.meili.contents().len(), 1);
    let sent: Vec<usize> = world.meili.state().sent.iter().map(Vec::len).collect();
    assert_eq!(sent, [2, 2, 1, 1]);
    running.stop().await;
}

#[tokio::test]
async fn the_cursor_moves_when_the_task_has_succeeded() {
    let world = World::new().await;
    world.meili.state().stalled = true;
    let seq = world.post("a", "x", "").await;
    let running = world.run();
    world.passed(Side::Pg, seq).await;
    super::super::support::until("it is sent", || world.meili.state().sent.len() == 1).await;
    assert_eq!(world.cursor(Side::Meili).await, Some(0));
    // PostgreSQL goes on meanwhile.
    let more = world.post("b", "x", "").await;
    world.passed(Side::Pg, more).await;
    assert_eq!(world.cursor(Side::Meili).await, Some(0));
    world.meili.resume();
    world.both_passed(more).await;
    world.both_hold(&["a__x", "b__x"]);
    assert_eq!(world.meili.state().sent.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_dead_side_does_not_stall_the_other() {
    for side in SIDES {
        for kind in [BackendErrorKind::Unavailable, BackendErrorKind::Timeout, BackendErrorKind::Internal] {
            let world = World::new().await;
            let down = |kind| match side {
                Side::Meili => world.meili.state().down = kind,
                Side::Pg => world.pg.state().down = kind,
            };
            down(Some(kind));
            let intake = world.intake(world.options());
            let monitor = intake.monitor();
            let stop = tokio_util::sync::CancellationToken::new();
            let running = tokio::spawn(intake.run(stop.clone()));
            for n in 0..5 {
                let seq = world.post(&n.to_string(), "x", "").await;
                world.passed(side.other(), seq).await;
            }
            while monitor.backlog(side).await.unwrap().failing.is_none() {}
            assert_eq!(world.cursor(side).await, Some(0));
            down(None);
            world.both_passed(5).await;
            assert_eq!(world.meili.contents(), world.pg.contents());
            assert_eq!(world.meili.contents()["4__x"], document("4", "x", ""));
            assert_eq!(world.letters(side).await, []);
            let backlog = monitor.backlog(side).await.unwrap();
            assert_eq!((backlog.rows, backlog.dead_letters), (0, 0));
            stop.cancel();
            running.await.unwrap().unwrap();
        }
    }
}
