//! The page in a browser: nothing overflows, nothing complains, nothing is asked of any network.

use std::{env, fs, path::Path, time::Duration};

use crossfade::page::Page;

use super::{
    HOUR, Log,
    browser::{Browser, Seen, View},
    hostile, with_everything,
};

const WIDTHS: [u32; 5] = [360, 390, 620, 900, 1280];

#[tokio::test]
async fn a_browser_has_nothing_to_complain_of() {
    let Some(mut browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().unwrap();

    let empty = Log::fresh().await;
    let nothing = Page::new(empty.overview(24 * HOUR).await).render().unwrap();
    empty.fill(1, HOUR).await;
    let one = Page::new(empty.overview(24 * HOUR).await).jobs(Vec::new()).drift(Vec::new()).render().unwrap();

    let log = Log::fresh().await;
    log.fill(3_000, 23 * HOUR).await;
    for (number, change) in [("dual", "search_write_mode"), ("25", "shadow_sample_rate")].into_iter().enumerate() {
        log.store.flags().set(change.1, change.0, "ann", &format!("step {number}")).await.unwrap();
    }
    let much = with_everything(log.overview(24 * HOUR).await).render().unwrap();
    let evil = hostile::page().await.render().unwrap();

    for (name, html, plots) in [("nothing", nothing, 0), ("one", one, 4), ("much", much, 7), ("evil", evil, 1)] {
        let file = folder.path().join(format!("{name}.html"));
        fs::write(&file, html).unwrap();
        let mut backgrounds = Vec::new();
        for width in WIDTHS {
            // In the dark it is as wide as in the light: a phone and a screen will do.
            for dark in if [390, 1280].contains(&width) { &[false, true][..] } else { &[false] } {
                let dark = *dark;
                let view = View { width, dark, print: false };
                let seen = browser.look(&file, view).await;
                assert_clean(&seen, &format!("{name}, {view:?}"));
                assert!(seen.plots >= plots, "{name}, {view:?}: {} plots are seen", seen.plots);
                backgrounds.push((dark, seen.colours));
                keep(&mut browser, &file, view).await;
            }
        }
        let colours = |dark| {
            let mut colours = backgrounds.iter().filter(|(is, _)| *is == dark).map(|(_, colours)| colours.clone());
            let first = colours.next().unwrap();
            assert!(colours.all(|other| other == first));
            first
        };
        let ((light_page, light_ink), (dark_page, dark_ink)) = (colours(false), colours(true));
        assert!(light_page != dark_page && light_ink != dark_ink, "{name}: dark looks like light");
        let printed = browser.look(&file, View { width: 720, dark: false, print: true }).await;
        assert_clean(&printed, &format!("{name}, printed"));
    }
}

/// The measure itself: what it finds if there is something.
#[tokio::test]
async fn the_browser_does_find_faults() {
    let Some(mut browser) = Browser::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = Log::fresh().await;
    log.fill(50, HOUR).await;
    let sound = Page::new(log.overview(2 * HOUR).await).render().unwrap();
    let file = folder.path().join("page.html");
    let view = View { width: 360, dark: false, print: false };

    for (what, at, fault) in [
        ("beyond the edge", "</main>", "<div style='width:900px'>wide</div></main>"),
        ("the page: ", "</main>", "<div style='width:900px'>wide</div></main>"),
        (
            "text cut off: ",
            "</main>",
            "<div style='width:80px;overflow:hidden;white-space:nowrap'>much too long for that</div></main>",
        ),
        ("text cut off by its plot", "</svg>", "<text x='1000' y='40'>far too long for a plot</text></svg>"),
    ] {
        fs::write(&file, sound.replacen(at, fault, 1)).unwrap();
        // Plots come twice; the first one is not seen on a phone.
        let view = if at == "</svg>" { View { width: 1280, ..view } } else { view };
        let seen = browser.look(&file, view).await;
        assert!(seen.overflows.iter().any(|found| found.starts_with(what)), "{what}: {:?}", seen.overflows);
    }

    for (fault, policy) in [
        ("<script>console.error('boom')</script></main>", false),
        ("<script>console.error('blocked by the policy')</script></main>", true),
        ("<img src='http://127.0.0.1:9/x.png'></main>", true),
    ] {
        let mut broken = sound.replacen("</main>", fault, 1);
        if !policy {
            broken = broken.replacen("default-src 'none'", "default-src * 'unsafe-inline'", 1);
        }
        fs::write(&file, broken).unwrap();
        let seen = browser.look(&file, view).await;
        let what = if policy { "Content Security Policy" } else { "boom" };
        let told = seen.complaints.iter().any(|complaint| complaint.contains(what));
        assert!(told, "no complaint about {fault}: {:?}", seen.complaints);
    }

    let unsafe_page = sound.replacen("default-src 'none'", "default-src *", 1);
    fs::write(&file, unsafe_page.replacen("</main>", "<img src='http://127.0.0.1:9/x.png'></main>", 1)).unwrap();
    let seen = browser.look(&file, view).await;
    assert_eq!(seen.requests, ["http://127.0.0.1:9/x.png"]);
}

fn assert_clean(seen: &Seen, what: &str) {
    assert!(seen.overflows.is_empty(), "{what}: {:#?}", seen.overflows);
    assert!(seen.complaints.is_empty(), "{what}: {:#?}", seen.complaints);
    assert!(seen.requests.is_empty(), "{what}: {:?}", seen.requests);
    assert!(seen.elements > 50, "{what}: the page was not read");
}

/// With CROSSFADE_PAGES set to a folder, pages and pictures of them stay there to be looked at.
async fn keep(browser: &mut Browser, file: &Path, view: View) {
    let Some(folder) = env::var_os("CROSSFADE_PAGES") else { return };
    let folder = Path::new(&folder);
    let name = file.file_stem().unwrap().to_str().unwrap();
    fs::copy(file, folder.join(format!("{name}.html"))).unwrap();
    let scheme = if view.dark { "dark" } else { "light" };
    tokio::time::timeout(Duration::from_secs(60), async {
        fs::write(folder.join(format!("{name}-{}-{scheme}.png", view.width)), browser.picture().await).unwrap();
    })
    .await
    .unwrap();
}
