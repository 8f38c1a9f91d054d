//! SIGKILL at any moment of any write.

use std::{sync::atomic::Ordering, time::Duration};

use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    child::Running,
    load::{Load, more},
    world::World,
};

/// How long some writes may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn kills() -> u32 {
    std::env::var("CROSSFADE_KILLS").ok().map_or(20, |kills| kills.parse().unwrap())
}

/// Half of the services decide in PostgreSQL, and some have the roles swapped under load. Each finds the work that is left
/// by those before it.
#[tokio::test]
async fn what_was_acknowledged_survives_kills() {
    let world = World::new(false).await;
    let mut load = Load::new(true);
    for round in 0..kills() {
        let (plan, other) = match round % 2 {
            0 => ("dual", "target_primary"),
            _ => ("target_primary", "dual"),
        };
        let service = Running::start(&world.config(plan)).await;
        let (client, stop, acknowledged) = (service.client.clone(), CancellationToken::new(), load.acknowledged());
        let writes = || rand::rng().random_range(1..40);
        let kill = async {
            more(&acknowledged, writes(), PATIENCE).await;
            if round % 5 < 2 {
                service.client.switch(other).await;
                more(&acknowledged, writes(), PATIENCE).await;
            }
            service.kill().await;
            stop.cancel();
        };
        tokio::join!(load.run(&client, &stop), kill);
    }
    let service = Running::start(&world.config("dual")).await;
    let status = service.drained().await;
    assert_eq!(status["dead_letters"], 0, "{status}");
    load.check(&world).await;
    let (acknowledged, untold) = (load.acknowledged().load(Ordering::Relaxed), load.untold());
    eprintln!("{acknowledged} writes acknowledged, {untold} untold, none lost");
    assert!(acknowledged > 10 * u64::from(kills()) && untold > 0, "there was load");
    world.meili.close().await.unwrap();
}
