//! What fails is an error, never an empty report.

use std::{sync::Arc, time::Duration};

use crossfade::{
    backend::postgres::PoolSize,
    drift::{DriftCheck, DriftError, DriftPass, DriftRepair},
    error::{BackendErrorKind, Side},
    plan::{Flags, PlanHandle, ReadBackend, WriteMode},
    testing::{
        TestPostgres,
        meili::{Fault, Route},
    },
};
use http::{Method, StatusCode};

use super::ground::{Ground, Plant, plan};

fn kind_of(error: &DriftError) -> (Side, BackendErrorKind) {
    match error {
        DriftError::Backend(error) => (error.side(), error.kind()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_side_that_fails_at_any_point_is_an_error() {
    let ground = Ground::new(Plant { stale: 1, ..Plant::clean(300) }).await;
    let Some(double) = ground.meili.double() else { return };
    let check = ground.check().page(100);
    // The fault comes later and later, until the check is through before it.
    let mut errors = 0;
    for before in 0.. {
        let fault = Fault::Answer { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal".to_owned() };
        let start = double.requests(Route::DocumentReads);
        let mut armed = false;
        let report = check.run(|_| {
            if !armed && double.requests(Route::DocumentReads) - start >= before {
                armed = true;
                double.fail_always(Route::DocumentReads, fault.clone());
            }
        });
        let report = report.await;
        double.heal(Route::DocumentReads);
        match report {
            Ok(report) => {
                assert_eq!(report.counts.stale, 1);
                break;
            }
            Err(error) => assert_eq!(kind_of(&error), (Side::Meili, BackendErrorKind::Internal)),
        }
        errors += 1;
        assert!(errors < 100);
    }
    assert!(errors > 2, "{errors}");

    double.go_down().await;
    let down = check.run(|_| {}).await.unwrap_err();
    assert_eq!(kind_of(&down), (Side::Meili, BackendErrorKind::Unavailable));
    assert!(down.is_outage());
}

/// A single page that fails: what it held would be missed, and nothing else would fail.
#[tokio::test]
async fn one_page_that_cannot_be_read_is_an_error() {
    let ground = Ground::new(Plant { missing: 5, ..Plant::clean(300) }).await;
    let Some(double) = ground.meili.double() else { return };
    let check = ground.check().page(100);
    let mut errors = 0;
    for before in 0..100 {
        let fault = Fault::Answer { status: StatusCode::INTERNAL_SERVER_ERROR, code: "internal".to_owned() };
        let start = double.requests(Route::DocumentReads);
        let mut armed = false;
        let report = check.run(|progress| {
            if !armed && progress.pass != DriftPass::Looks && double.requests(Route::DocumentReads) - start >= before {
                armed = true;
                double.fail_next(Route::DocumentReads, 1, fault.clone());
            }
        });
        let report = report.await;
        double.heal(Route::DocumentReads);
        match report {
            Ok(report) => assert_eq!(report.counts.missing, 5, "{before}"),
            Err(error) => {
                errors += 1;
                assert_eq!(kind_of(&error), (Side::Meili, BackendErrorKind::Internal));
            }
        }
        if !armed {
            break;
        }
    }
    assert!(errors > 2, "{errors}");
}

#[tokio::test]
async fn postgres_that_goes_away_is_an_error() {
    let mut server = TestPostgres::private().await.unwrap();
    let ground = Ground::in_database(server.create_database().await.unwrap(), Plant::clean(50)).await;
    // Not as long for a connection as by default.
    let pool = PoolSize {
        max_connections: 2,
        acquire_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_secs(5),
    };
    let source = ground.meili_options().index(ground.index.as_str());
    let check = DriftCheck::new(source, ground.pg_options().pool(pool).index(ground.index.as_str()));
    assert!(check.run(|_| {}).await.unwrap().agrees);
    server.kill().await.unwrap();
    let down = check.run(|_| {}).await.unwrap_err();
    assert_eq!(kind_of(&down), (Side::Pg, BackendErrorKind::Unavailable));
}

#[tokio::test]
async fn an_index_that_is_not_there_is_an_error() {
    let ground = Ground::new(Plant::clean(1)).await;
    let source = ground.meili_options().index(ground.index.as_str());
    let nowhere = ground.pg_options().index("nowhere");
    let here = DriftCheck::new(source, nowhere).run(|_| {}).await.unwrap_err();
    assert_eq!(kind_of(&here), (Side::Pg, BackendErrorKind::IndexNotFound));
    let there = DriftCheck::new(ground.meili_options().index("nowhere"), ground.target());
    let there = there.run(|_| {}).await.unwrap_err();
    assert_eq!(kind_of(&there), (Side::Meili, BackendErrorKind::IndexNotFound));
}

#[tokio::test]
async fn nothing_is_repaired_while_one_side_is_not_written() {
    let ground = Ground::new(Plant { missing: 1, ..Plant::clean(1) }).await;
    for (mode, advice) in [(WriteMode::MeiliOnly, "`dual` first"), (WriteMode::PgOnly, "no longer kept current")] {
        let mut flags = plan(Side::Pg).load().flags;
        if mode == WriteMode::MeiliOnly {
            flags = Flags::default();
        }
        let plan = PlanHandle::fixed(Flags { write_mode: mode, ..flags });
        let (source, target) = (ground.meili_options().writer(), ground.pg_options().writer());
        let repair = DriftRepair::new(ground.check(), Arc::new(source), Arc::new(target), plan);
        let refused = repair.run(|_| {}).await.unwrap_err();
        assert!(matches!(refused, DriftError::NotDual { .. }));
        assert!(refused.to_string().contains(advice), "{refused}");
    }
    assert_eq!(ground.check().run(|_| {}).await.unwrap().counts.missing, 1);
}

#[tokio::test]
async fn a_repair_that_does_not_come_forward_says_why() {
    let ground = Ground::new(Plant { extra: 3, ..Plant::clean(1) }).await;
    let Some(double) = ground.meili.double() else { return };
    let answer = Fault::Answer { status: StatusCode::SERVICE_UNAVAILABLE, code: "too_many_search_requests".to_owned() };
    double.fail_always(Route::DocumentWrites, answer);
    let repair = ground.repair(Side::Pg).patience(Duration::from_millis(300));
    let stuck = repair.run(|_| {}).await.unwrap_err();
    assert!(matches!(stuck, DriftError::Stuck { pending: 3, .. }), "{stuck}");
    assert!(stuck.to_string().contains("meili failed"), "{stuck}");
}

/// A side that decides and is empty, or the wrong one, must not empty the other.
#[tokio::test]
async fn a_large_part_of_a_side_is_deleted_only_if_that_is_allowed() {
    let ground = Ground::new(Plant { extra: 101, ..Plant::clean(500) }).await;
    let refused = ground.repair(Side::Meili).run(|_| {}).await.unwrap_err();
    let expected = "101 of the 601 documents in pg would be deleted";
    assert!(refused.to_string().contains(expected), "{refused}");
    assert_eq!(ground.all_here().await.len(), 601);
    assert!(ground.repair(Side::Meili).allow_deletions(true).run(|_| {}).await.unwrap().agrees);
    assert_eq!(ground.all_here().await.len(), 500);

    let ground = Ground::new(Plant { missing: 101, ..Plant::clean(0) }).await;
    let refused = ground.repair(Side::Pg).run(|_| {}).await.unwrap_err();
    assert!(matches!(refused, DriftError::TooManyDeletions { deletions: 101, documents: 101, side: Side::Meili }));
    assert_eq!(ground.all_there().await.len(), 101);
}

/// An index that goes away after it was listed is not one without documents.
#[tokio::test]
async fn an_index_that_goes_away_meanwhile_is_an_error() {
    let ground = Ground::new(Plant { stale: 1, ..Plant::clean(3) }).await;
    let index = ground.meili_options().index(ground.index.as_str());
    assert!(index.settled_documents(&["alike-1".into()]).await.unwrap()[0].is_some());
    ground.meili.write(Method::DELETE, &format!("/indexes/{}", ground.index), None).await.unwrap();
    let gone = index.documents(&["alike-1".into()]).await.unwrap_err();
    assert_eq!(gone.kind(), BackendErrorKind::IndexNotFound);
}

#[tokio::test]
async fn a_repair_stops_when_another_side_decides() {
    let ground = Ground::new(Plant { missing: 5, ..Plant::clean(3) }).await;
    let plan = plan(Side::Meili);
    let (source, target) = (ground.meili_options().writer(), ground.pg_options().writer());
    let repair = DriftRepair::new(ground.check(), Arc::new(source), Arc::new(target), plan.clone()).rate(4);
    let swapped = Flags { read_backend: ReadBackend::Pg, ..plan.load().flags };
    // In batches of one, after the first of which the roles are swapped.
    let stopped = repair.run(|progress| {
        if progress.looked_at == 1 && progress.pass == DriftPass::Repair {
            plan.publish(swapped).unwrap();
        }
    });
    assert!(matches!(stopped.await, Err(DriftError::PlanChanged)));
    assert_eq!(ground.all_here().await.len(), 4);
}
