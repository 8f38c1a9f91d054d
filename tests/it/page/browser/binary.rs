//! Finds Chromium, or installs it as the tests do with PostgreSQL.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;
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
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("none of {} is in PATH; install the package `chromium`", NAMES.join(", ")));
    }
    eprintln!("crossfade tests: no browser found, running `apt-get install -y chromium`");
    if apt_get(&["install", "-y", "--no-install-recommends", "chromium"]).await.is_err() {
        // A fresh image has no package lists yet.
        apt_get(&["update"]).await?;
        apt_get(&["install", "-y", "--no-install-recommends", "chromium"]).await?;
    }
    installed().ok_or_else(|| "installing it did not help".to_owned())
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

async fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("apt-get")
        .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("apt-get could not be run ({error})"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("apt-get {} said: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
