//! `sqlx::migrate!` embeds the folder: a file added to it must rebuild the crate.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
