//! Many rows. Fewer in the suite than a million, unless asked for: CROSSFADE_PAGE_ROWS=1000000.

use std::{env, time::Duration};

use crossfade::page::Page;
use tokio::time::Instant;

use super::{HOUR, Log};

#[tokio::test]
async fn many_rows_make_a_small_page_soon() {
    let rows = env::var("CROSSFADE_PAGE_ROWS").map_or(60_000, |rows| rows.parse().unwrap());
    let log = Log::fresh().await;
    log.fill(rows, 24 * HOUR).await;

    let begun = Instant::now();
    let overview = log.overview(25 * HOUR).await;
    let read = begun.elapsed();
    let html = Page::new(overview).render().unwrap();
    let took = begun.elapsed();
    println!("{rows} rows: {} bytes, read in {read:?}, all in {took:?}", html.len());

    assert!(html.len() < 500_000, "{} bytes", html.len());
    // On a machine that does much else at the same time.
    assert!(took < Duration::from_secs(60), "{took:?}");
    let shown = html.split("sampled reads</dt><dd class=\"figure\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(shown.replace(',', ""), rows.to_string(), "every row counts");
}
