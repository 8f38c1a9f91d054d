//! The gate file that commands take.

use std::path::PathBuf;

use clap::Args;
use crossfade::gates::Policy;

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct GateFile {
    /// The gate file; it names only what differs from the defaults (`crossfade gate --defaults`).
    #[arg(long, env = "CROSSFADE_GATES", value_name = "FILE")]
    gates: Option<PathBuf>,
}

impl GateFile {
    pub(crate) fn read(&self) -> Result<Policy, Failure> {
        let Some(path) = &self.gates else { return Ok(Policy::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| Failure::Unreadable(path.clone(), error))?;
        Policy::parse(&text).map_err(Failure::Gates)
    }
}
