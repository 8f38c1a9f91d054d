//! What the pairs of the run itself show, by phase: measured live, on the engine that answered as Meilisearch.

use std::fmt;

use crossfade::store::DEFAULT_SCHEMA;
use http::Method;
use serde::Serialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection};

use crate::{walk::Result, world::World};

/// Who answered as Meilisearch.
#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    pub name: &'static str,
    /// Whether it is a double, which answers with what a server of this version had answered.
    pub double: bool,
    pub version: String,
}

/// The pairs of one phase. Quality is taken of those that are settled, and of no others.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct Measured {
    pub phase: String,
    pub pairs: i64,
    pub settled: i64,
    pub unsettled: i64,
    pub settled_unknown: i64,
    pub overlap_at_10: Option<f64>,
    pub overlap_at_10_p10: Option<f64>,
    pub overlap_at_10_p50: Option<f64>,
    pub agreement_ndcg_at_10: Option<f64>,
    pub identical_order: Option<f64>,
}

/// What was measured, and on which engine.
#[derive(Clone, Debug, Serialize)]
pub struct Live {
    pub engine: Engine,
    /// In the order in which they were walked through.
    pub phases: Vec<Measured>,
}

/// The schema is a constant.
const SQL: &str = "
    SELECT phase, count(*) AS pairs,
        count(*) FILTER (WHERE settled) AS settled,
        count(*) FILTER (WHERE NOT settled) AS unsettled,
        count(*) FILTER (WHERE settled IS NULL) AS settled_unknown,
        avg(overlap_at_10) FILTER (WHERE settled) AS overlap_at_10,
        percentile_cont(0.1) WITHIN GROUP (ORDER BY overlap_at_10) FILTER (WHERE settled) AS overlap_at_10_p10,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY overlap_at_10) FILTER (WHERE settled) AS overlap_at_10_p50,
        avg(agreement_ndcg_at_10_linear_v1) FILTER (WHERE settled) AS agreement_ndcg_at_10,
        (avg((meili_ids[1:10] = pg_ids[1:10])::int) FILTER (WHERE settled))::float8 AS identical_order
    FROM shadow_read_logs
    WHERE outcome = 'compared'
    GROUP BY phase
    ORDER BY min(created_at)";

impl Engine {
    pub async fn of(world: &World) -> Result<Self> {
        let client = world.meili.client();
        let version = client.send(client.call(Method::GET, "/version", None::<&Value>)).await?.json();
        let version = version["pkgVersion"].as_str().ok_or("Meilisearch does not tell its version")?.to_owned();
        Ok(Self { name: "Meilisearch", double: world.double().is_some(), version })
    }
}

impl Live {
    /// Reads the log of this run, which is alone in its database.
    pub async fn of(world: &World, engine: Engine) -> Result<Self> {
        let mut connection = PgConnection::connect(world.database.url()).await?;
        sqlx::query(AssertSqlSafe(format!("SET search_path = {DEFAULT_SCHEMA}"))).execute(&mut connection).await?;
        let phases = sqlx::query_as(SQL).fetch_all(&mut connection).await?;
        connection.close().await?;
        Ok(Self { engine, phases })
    }

    pub fn of_phase(&self, phase: &str) -> Option<&Measured> {
        self.phases.iter().find(|measured| measured.phase == phase)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, .. } = self;
        match self.double {
            true => write!(f, "the double, with answers recorded from {name} {version}"),
            false => write!(f, "{name} {version}, a real server"),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, pairs, settled, unsettled, settled_unknown: unknown, .. } = self;
        write!(f, "{phase:<15}")?;
        match (self.overlap_at_10, self.agreement_ndcg_at_10) {
            (Some(overlap), Some(ndcg)) => write!(f, "overlap@10 {overlap:.3}, agreement NDCG@10 {ndcg:.3}")?,
            _ => f.write_str("nothing is known of quality")?,
        }
        if let Some(identical) = self.identical_order {
            write!(f, ", {:.1} % in the same order", identical * 100.0)?;
        }
        write!(f, ": {settled} settled of {pairs} pairs, {unsettled} unsettled, {unknown} not known")
    }
}
