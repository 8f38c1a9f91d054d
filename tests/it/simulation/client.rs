//! Clients: each makes one write after the other, and remembers what it was told.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crossfade::{
    document::{Document, DocumentId, Version},
    write::{Action, Change, Changes, IndexWrite},
};
use rand::RngExt;
use serde_json::json;
use tokio::{
    select,
    time::{Instant, sleep},
};

use super::{
    history::{History, Op, Told, What},
    process::{Answer, Replica, told},
    profile::Manner,
    world::World,
};

pub(super) async fn client(world: Arc<World>, replicas: Vec<Arc<Replica>>, history: Arc<History>, manner: Manner) {
    for _ in 0..manner.writes {
        sleep(world.up_to(manner.think)).await;
        let (what, ids) = draw(&world, manner);
        let number = history.number();
        let version = world.profile.explicit.then(|| {
            // Some come out of order.
            let order = i64::try_from(number).unwrap() + world.roll(|dice| dice.random_range(0..6));
            Version(1_000_000 + order * 1_000 + i64::try_from(number).unwrap() % 1_000)
        });
        let write = write(what, number, version, &ids);
        let (invoked, began) = (history.tick(), Instant::now());
        let replica = world.below(replicas.len());
        let Some((request, hang_up)) = replicas[replica].send(number, write) else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        world.tell(|| format!("client: {what:?} {number} of {ids:?} to {replica}"));
        let patience = match world.profile.hang_ups && world.chance(0.3) {
            true => world.up_to(Duration::from_millis(if world.chance(0.7) { 20 } else { 2_000 })),
            false => Duration::from_secs(3_600),
        };
        let answer = select! {
            biased;
            ended = request => told(ended),
            () = sleep(patience) => {
                hang_up.abort();
                Answer::Unclear
            }
        };
        let told = match answer {
            Answer::Accepted(_) => Told::Yes,
            Answer::Refused => Told::No,
            Answer::Unclear => Told::Nothing,
        };
        world.tell(|| format!("client: {number} is told {told:?}"));
        let returned = history.tick();
        for id in ids {
            let (began, ended) = (began, Instant::now());
            history.note(Op { number, id, what, told, version, invoked, returned, began, ended, late: None });
        }
    }
}

fn draw(world: &World, manner: Manner) -> (What, BTreeSet<DocumentId>) {
    let profile = &world.profile;
    let any = || DocumentId::from(format!("d{}", world.below(manner.documents)));
    let what = match world.below(20) {
        0..4 => What::Delete,
        4..10 if profile.merges && !manner.whole => What::Merge,
        10 if profile.sweeps && !manner.whole => What::Clear,
        _ => What::Put,
    };
    let mut ids = BTreeSet::from([any()]);
    match what {
        // What is swept is all there is.
        What::Clear => ids = (0..profile.documents).map(|at| format!("d{at}").into()).collect(),
        _ if world.chance(0.2) => drop(ids.insert(any())),
        _ => {}
    }
    (what, ids)
}

fn write(what: What, number: u64, version: Option<Version>, ids: &BTreeSet<DocumentId>) -> IndexWrite {
    let fields = |id: &DocumentId, name: String| -> Document {
        [("id".to_owned(), json!(id.as_str())), (name, json!(number))].into_iter().collect()
    };
    let action = |id: &DocumentId| match what {
        What::Put => Action::Put(fields(id, "put".to_owned())),
        What::Merge => Action::Merge(fields(id, format!("f{number}"))),
        What::Delete | What::Clear => Action::Delete,
    };
    let change = |id: &DocumentId| Change { id: id.clone(), version, action: action(id) };
    let changes = match what {
        What::Clear => Changes::Sweep(None),
        _ => Changes::Documents(ids.iter().map(change).collect()),
    };
    IndexWrite { index: "i".into(), changes }
}
