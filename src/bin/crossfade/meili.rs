//! Which Meilisearch, and which index in it.

use std::time::Duration;

use clap::Args;
use crossfade::backend::meili::MeiliOptions;

use crate::failure::Failure;

/// How long a request may take: pages are large, and nobody waits for an answer.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct MeiliServer {
    /// The Meilisearch server, http://host:port.
    #[arg(long, env = "MEILI_URL", hide_env_values = true, value_name = "URL")]
    meili_url: Option<String>,
    /// Its key; better given by the environment, where `ps` does not show it.
    #[arg(long, env = "MEILI_MASTER_KEY", hide_env_values = true, value_name = "KEY")]
    meili_key: Option<String>,
}

#[derive(Args)]
pub(crate) struct MeiliIndex {
    /// The index; it has the same name on both sides.
    #[arg(long, value_name = "NAME")]
    index: String,
    #[command(flatten)]
    server: MeiliServer,
}

impl MeiliServer {
    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.meili_url.as_deref().is_some_and(|url| !url.is_empty())
    }

    pub(crate) fn options(&self) -> Result<MeiliOptions, Failure> {
        let url = self.meili_url.as_deref().filter(|url| !url.is_empty()).ok_or(Failure::NoMeili)?;
        let key = self.meili_key.as_deref().filter(|key| !key.is_empty());
        Ok(MeiliOptions::new(url, key)?.timeout(LONGEST_REQUEST))
    }
}

impl MeiliIndex {
    pub(crate) fn name(&self) -> &str {
        &self.index
    }

    pub(crate) fn options(&self) -> Result<MeiliOptions, Failure> {
        self.server.options()
    }
}
