//! The top of the page: where the migration stands.

use maud::{Markup, html};

use super::{format, said};
use crate::{
    page::{Page, Verdict},
    plan::{FlagSet, Flags, Phase, Plan},
    store::Overview,
};

pub(super) fn head(page: &Page) -> Markup {
    let overview = &page.overview;
    let report = &overview.report;
    let plan = plan(overview);
    html! {
        header {
            p.brand { "Crossfade" span { "Meilisearch → PostgreSQL" } }
            h1 { (plan.as_ref().map_or("The flags cannot be read".to_owned(), |plan| headline(plan.phase(), &plan.flags))) }
            p.window {
                "Sampled reads from " (time(format::time(report.since))) " to " (time(format::time(report.until)))
                @if let Some(endpoint) = &page.endpoint { ", of the endpoint " (said(endpoint, 200)) " only" }
                "."
            }
            @match &plan {
                Ok(plan) => (stepper(plan.phase())),
                Err(why) => (alert("fail", "The flags in the table", html! { (said(why, 500)) })),
            }
            (alerts(page, plan.ok().map(|plan| plan.phase())))
        }
    }
}

/// What the flags of the table make; the reason, if they make nothing.
fn plan(overview: &Overview) -> Result<Plan, String> {
    let set = FlagSet::parse(overview.flags.reading().texts).map_err(|refusal| refusal.to_string())?;
    Ok(Plan::new(set.over(Flags::default())))
}

fn headline(phase: Phase, flags: &Flags) -> String {
    match phase {
        Phase::SourceOnly => "Meilisearch alone is written and read".to_owned(),
        Phase::DualWrite => "Both sides are written, Meilisearch answers".to_owned(),
        Phase::Shadow => {
            format!("Meilisearch answers, {}\u{a0}% of the reads are compared", flags.shadow_sample_rate)
        }
        Phase::Canary => format!("PostgreSQL answers {}\u{a0}% of the readers", flags.read_pg_percent),
        Phase::TargetPrimary => "PostgreSQL answers, Meilisearch is kept current".to_owned(),
        Phase::TargetOnly => "PostgreSQL alone is written and read".to_owned(),
    }
}

fn stepper(now: Phase) -> Markup {
    html! {
        ol.stepper aria-label="The phases of a migration" {
            @for phase in Phase::ALL {
                @let (class, word) = match phase.cmp(&now) {
                    std::cmp::Ordering::Less => ("done", "passed"),
                    std::cmp::Ordering::Equal => ("now", "now"),
                    std::cmp::Ordering::Greater => ("ahead", "ahead"),
                };
                li class=(class) aria-current=[(phase == now).then_some("step")] {
                    span.phase { (phase.as_str()) }
                    span.state { (word) }
                }
            }
        }
    }
}

/// What must not be overlooked.
fn alerts(page: &Page, phase: Option<Phase>) -> Markup {
    let overview = &page.overview;
    let live = overview.replicas.iter().filter(|replica| replica.live);
    let elsewhere = |phase: Phase| live.clone().filter(|replica| replica.phase != phase.as_str()).count();
    let elsewhere = phase.map_or(0, elsewhere);
    let silent = overview.replicas.iter().filter(|replica| !replica.live).count();
    html! {
        @if overview.flags.target_stale {
            (alert("fail", "PostgreSQL is stale", html! {
                "It has missed writes. Reads from it are refused until a backfill or a drift repair, and then "
                code { "crossfade flags clear-stale" } "."
            }))
        }
        @if let Some(latch) = page.verdicts.as_ref().and_then(|table| table.latch.as_deref()) {
            (alert("fail", "Nothing advances until a person clears it", said(latch, 500)))
        }
        @if elsewhere > 0 {
            (alert("hold", "Not all processes are here", html! {
                (elsewhere) " of " (live.count()) " live processes are in another phase than the table calls for: a local flag file \
                 overrides it, or they have not heard of it."
            }))
        }
        @if silent > 0 {
            (alert("hold", "Silent processes", html! {
                (silent) " of " (overview.replicas.len()) " processes have not reported for a while: gone, or cut off and going on as before."
            }))
        }
    }
}

fn alert(class: &str, title: &str, text: Markup) -> Markup {
    html! { div class={ "alert " (class) } role="note" { strong { (title) ". " } (text) } }
}

fn time(text: String) -> Markup {
    html! { span.time { (text) } }
}

/// The word of a verdict, as a badge.
pub(super) fn badge(verdict: Verdict) -> Markup {
    html! { span class={ "badge " (verdict.as_str()) } { (verdict.as_str()) } }
}
