//! `crossfade observe`

use clap::{Args, Subcommand};
use crossfade::observe;

use crate::{failure::Failure, output};

#[derive(Args)]
pub(crate) struct Observe {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A dashboard for Grafana, as JSON.
    ///
    /// Import it (Dashboards, New, Import), or put the file into a folder that Grafana is provisioned from. Data source, job and
    /// instance are chosen at its top. Histograms are expected to have buckets; see the documentation of `crossfade::observe`.
    Grafana,
    /// Alert rules for Prometheus, as YAML.
    ///
    /// Name the file under `rule_files` of the configuration of Prometheus; `promtool check rules FILE` checks it. The annotation
    /// `runbook` points to a heading of docs/runbook.md.
    Alerts {
        /// Look at the metrics of this job alone. Some names are so plain (`plan_info`, `journal_pending`) that other programs may
        /// have them too.
        #[arg(long, value_name = "NAME")]
        job: Option<String>,
    },
}

pub(crate) fn run(observe: Observe) -> Result<(), Failure> {
    match observe.what {
        What::Grafana => output::json(&observe::dashboard())?,
        What::Alerts { job } => output::text(observe::alerts(job.as_deref()).trim_end())?,
    }
    Ok(())
}
