//! `crossfade migrate`

use crossfade::store::Store;

use crate::{failure::Failure, output};

pub(crate) async fn run(store: &Store) -> Result<(), Failure> {
    store.migrate().await?;
    Ok(output::text(&format!("the control tables in schema {} are up to date", store.schema()))?)
}
