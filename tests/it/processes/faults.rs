//! Sides that go away and come back under load, while the service is killed as well.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crossfade::testing::meili::{Fault, Latency, MeiliDouble, Route, TaskFault};
use http::StatusCode;
use rand::RngExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    child::Running,
    kills::kills,
    load::{Load, more},
    world::World,
};

/// What goes wrong, for about as long as a round takes.
const WAYS: usize = 8;

/// Some writes, or a moment if there are none.
async fn some_writes(acknowledged: &AtomicU64) {
    let count = rand::rng().random_range(1..40);
    more(acknowledged, count, Duration::from_millis(600)).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_faults_of_both_sides() {
    let mut world = World::new(true).await;
    // A real server does not fail on demand.
    if world.meili.double().is_none() {
        return;
    }
    let mut load = Load::new(false);
    let rounds = kills().div_ceil(2).next_multiple_of(u32::try_from(WAYS).unwrap()) as usize;
    for round in 0..rounds {
        let way = round % WAYS;
        let plan = if (round / WAYS + way).is_multiple_of(2) { "dual" } else { "target_primary" };
        let service = Running::start(&world.config(plan)).await;
        let (client, stop, acknowledged) = (service.client.clone(), CancellationToken::new(), load.acknowledged());
        let trouble = async {
            some_writes(&acknowledged).await;
            break_something(&mut world, way).await;
            some_writes(&acknowledged).await;
            // Half of the services go while something is broken.
            if rand::random() {
                service.kill().await;
                heal(&mut world, way).await;
            } else {
                heal(&mut world, way).await;
                some_writes(&acknowledged).await;
                service.kill().await;
            }
            stop.cancel();
        };
        tokio::join!(load.run(&client, &stop), trouble);
    }
    let service = Running::start(&world.config("dual")).await;
    let status = service.drained().await;
    assert_eq!(status["dead_letters"], 0, "{status}");
    load.check(&world).await;
    let (acknowledged, untold) = (load.acknowledged().load(Ordering::Relaxed), load.untold());
    eprintln!("{acknowledged} writes acknowledged, {untold} untold, none lost");
    assert!(acknowledged > 10 * rounds as u64 && untold > 0, "there was load");
    world.meili.close().await.unwrap();
}

async fn break_something(world: &mut World, way: usize) {
    let double = world.meili.double().unwrap();
    match way {
        0 => world.postgres.stop().await.unwrap(),
        1 => world.postgres.kill().await.unwrap(),
        2 => {
            let code = "internal".to_owned();
            let fault = Fault::Answer { status: StatusCode::SERVICE_UNAVAILABLE, code };
            double.fail_always(Route::DocumentWrites, fault.clone());
            double.fail_always(Route::DocumentReads, fault.clone());
            double.fail_next(Route::Tasks, 20, fault);
        }
        3 => {
            double.fail_always(Route::DocumentWrites, Fault::Hang);
            double.fail_next(Route::Tasks, 2, Fault::Hang);
        }
        4 => {
            double.fail_next(Route::DocumentWrites, 100, Fault::Drop);
            double.fail_next(Route::DocumentReads, 20, Fault::Drop);
            double.slow(Route::DocumentWrites, Latency::Fixed(Duration::from_millis(20)));
        }
        5 => fail_tasks(double, |at| match at % 3 {
            0 => TaskFault::Fail { code: "internal".to_owned() },
            1 => TaskFault::Cancel,
            _ => TaskFault::VanishUndone,
        }),
        6 => {
            fail_tasks(double, |_| TaskFault::Vanish);
            double.forget_tasks();
            double.set_task_duration(Duration::from_millis(5));
        }
        _ => double.go_down().await,
    }
}

fn fail_tasks(double: &MeiliDouble, how: impl Fn(usize) -> TaskFault) {
    for at in 0..40 {
        double.fail_next_tasks(1, how(at));
    }
}

async fn heal(world: &mut World, way: usize) {
    let double = world.meili.double().unwrap();
    for route in [Route::DocumentWrites, Route::DocumentReads, Route::Tasks] {
        double.heal(route);
    }
    double.heal_tasks();
    double.set_task_duration(Duration::ZERO);
    double.come_back().await.unwrap();
    if way < 2 {
        world.postgres.restart().await.unwrap();
    }
}
