//! Finds Chromium, or installs it as the tests do with PostgreSQL.

use std::{env, path::PathBuf};

use crossfade::testing::packages;
use tokio::sync::OnceCell;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

pub(super) async fn find_or_install() -> Result<PathBuf, String> {
    // Once a process: a second apt-get would only wait for the first.
    static FOUND: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    FOUND.get_or_init(look).await.clone()
}

async fn look() -> Result<PathBuf, String> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    let absent = format!("none of {} is in PATH; install the package `chromium`", NAMES.join(", "));
    packages::install("chromium", &absent).await?;
    installed().ok_or_else(|| "installing it did not help".to_owned())
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}
