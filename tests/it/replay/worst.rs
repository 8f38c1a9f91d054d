//! Which pairs are the worst.

use std::time::Duration;

use crossfade::{search::SearchQuery, shadow::Outcome};
use jiff::Timestamp;

use super::{
    ground::{Ground, Kept, wrong},
    storm,
};

#[tokio::test]
async fn the_worst_are_settled_differ_and_are_of_one_request_each() {
    let ground = Ground::new().await;
    let calm = ground.read(&SearchQuery::new("calm")).await;
    ground.settings(&wrong(&["title"])).await;
    let kept = |age| Kept { age: Duration::from_secs(age), ..Kept::default() };
    // overlap 0: only in overviews.
    let zero = ground.read_as(&SearchQuery::new("comes"), kept(50)).await;
    let earlier = ground.read_as(&storm(), kept(40)).await;
    let half = ground.read_as(&storm(), kept(30)).await;
    let old = ground.read_as(&SearchQuery::new("happens"), kept(7_200)).await;
    for settled in [Some(false), None] {
        ground.read_as(&SearchQuery::new("nothing"), Kept { settled, ..Kept::default() }).await;
    }
    ground.read_as(&SearchQuery::new("a"), Kept { outcome: Outcome::ShadowError, ..Kept::default() }).await;
    // The same first ten, and more of them on Meilisearch.
    let full =
        ground.read_as(&SearchQuery { sort: vec!["year:asc".to_owned()], ..SearchQuery::new("calm") }, kept(20)).await;

    let worst = async |since: u64, many| {
        let since = Timestamp::now() - Duration::from_secs(since);
        let rows = ground.store.shadow_rows().worst(since, many).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let all = worst(3_600, 10).await;
    assert!(!all.contains(&calm) && !all.contains(&earlier), "{all:?}");
    assert_eq!(all.iter().filter(|id| **id != full).copied().collect::<Vec<_>>(), [zero, half]);
    assert_eq!(worst(3_600, 1).await, [zero]);
    assert_eq!(worst(10_000, 10).await.iter().filter(|id| [old, zero].contains(id)).count(), 2);
    assert!(worst(5, 10).await.is_empty());
}
