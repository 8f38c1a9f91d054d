//! From what was seen to what may be done. Pure.

use jiff::SignedDuration;

use super::{
    Class, Decision, Gate, Goal, Judged, Kind, Look, Metric, Noise, Policy, Seen, Statistic, Step, StepKind, Verdict,
    decision::{ClassQuality, WorstClass},
    samples::Tally,
    words::in_words,
};
use crate::{
    plan::{Plan, Refusal},
    search::QueryClass,
    stats::Bounds,
};

/// What all gates of a policy say of a look, and whether the next step may be taken.
///
/// # Errors
/// The table holds a value that this version does not know.
pub fn decide(policy: &Policy, look: &Look) -> Result<Decision, Refusal> {
    let plan = look.flags.plan()?;
    let step = policy.ladder.next(&plan.flags);
    let gates: Vec<Judged> = policy.gates.iter().map(|gate| judge(gate, look, step)).collect();
    let blocked = step.map(|step| blocked(policy, look, &plan, step)).unwrap_or_default();
    let of_gates = Verdict::all(gates.iter().filter(|judged| judged.counts).map(|judged| judged.verdict));
    let verdict = match step {
        Some(_) if blocked.is_empty() => of_gates,
        // Whatever blocks is no evidence against PostgreSQL.
        Some(_) => of_gates.max(Verdict::Hold),
        None => Verdict::Hold,
    };
    let widest = look.windows.values().next_back();
    let tally = widest.map(|seen| &seen.samples.all);
    Ok(Decision {
        at: look.now,
        phase: plan.phase(),
        since: look.since,
        flags: plan.flags.to_texts(),
        revision: look.flags.revision,
        step: step.map(Into::into),
        verdict,
        blocked,
        classes: widest.map(classes).unwrap_or_default(),
        noise: tally.and_then(noise),
        unsettled: tally.and_then(|tally| value(&tally.see(Metric::Unsettled, None, policy.level))),
        gates,
    })
}

/// What stands in the way of a step apart from gates.
fn blocked(policy: &Policy, look: &Look, plan: &Plan, step: Step) -> Vec<String> {
    let mut blocked = Vec::new();
    if let Some(latch) = &look.flags.latch {
        blocked.push(format!(
            "a rollback of {} is latched ({}); `crossfade rollback clear --why ...` lets go",
            latch.by, latch.why
        ));
    }
    if plan.target_stale && step.kind > StepKind::DualWrite {
        blocked.push(
            "PostgreSQL has missed writes since the emergency brake; run a backfill or a drift repair, then `crossfade \
             flags clear-stale`"
                .to_owned(),
        );
    }
    if step.kind == StepKind::TargetOnly {
        blocked.extend(last_step(policy, look));
    }
    blocked
}

/// What stands in the way of writing PostgreSQL alone, whoever takes that step: it is the one without an instant way back.
pub fn last_step(policy: &Policy, look: &Look) -> Vec<String> {
    let mut blocked = Vec::new();
    let stood = look.reads_since.map_or(SignedDuration::ZERO, |since| look.now.duration_since(since));
    let (stood, wanted) = (stood.unsigned_abs(), policy.observe);
    if stood < wanted {
        blocked.push(format!(
            "pg has answered all readers for {} of {}: after this step there is no instant way back",
            in_words(stood),
            in_words(wanted)
        ));
    }
    let gate = Gate {
        name: String::new(),
        metric: Metric::DriftDocuments,
        statistic: None,
        goal: Goal::AtMost(0.0),
        window: DRIFT_AGE,
        min_samples: 1,
        before: [StepKind::TargetOnly].into(),
        class: Class::All,
    };
    let (verdict, why) = gate.judge(&look.fact(&gate));
    if verdict != Verdict::Pass {
        blocked.push(format!("drift is not known to be 0 ({why}): after this step there is no instant way back"));
    }
    blocked
}

/// The oldest comparison that the last step goes by.
const DRIFT_AGE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

fn judge(gate: &Gate, look: &Look, step: Option<Step>) -> Judged {
    let counts = step.is_some_and(|step| gate.before.contains(&step.kind));
    let window = look.windows.get(&gate.window);
    let see = |class: Option<QueryClass>| see(gate, look, class);
    let worst = worst(gate, look);
    let class = match &gate.class {
        Class::All => None,
        Class::One(class) => Some(*class),
        Class::Worst => worst.as_ref().map(|worst| worst.class),
    };
    let seen = match gate.class {
        Class::Worst if class.is_none() => {
            Seen::Unknown(format!("no class of queries has {} samples yet", gate.min_samples))
        }
        _ => see(class),
    };
    let (verdict, mut why) = gate.judge(&seen);
    let bounds = bounds(&seen);
    let of_pairs = gate.metric.is_of_pairs();
    if let (true, Verdict::Hold, Some(window)) = (of_pairs, verdict, window) {
        let left_out = window.samples.all.unsettled();
        if left_out > window.samples.all.settled() && gate.metric.by_class() {
            why.push_str(&format!("; {left_out} pairs do not count, since writes were under way or nobody knew"));
        }
    }
    Judged {
        gate: gate.name.clone(),
        metric: gate.metric,
        statistic: gate.statistic,
        class,
        counts,
        verdict,
        value: value(&seen),
        lower: bounds.map(|bounds| bounds.lower).filter(|lower| *lower > 0.0 || gate.metric.unit().most() == 1.0),
        upper: bounds.map(|bounds| bounds.upper).filter(|upper| upper.is_finite()),
        goal: gate.goal,
        unit: gate.metric.unit(),
        samples: match seen {
            Seen::Sampled { samples, .. } => Some(samples),
            Seen::Known { .. } | Seen::Unknown(_) => None,
        },
        min_samples: gate.min_samples,
        since: window.filter(|_| gate.metric.kind() != Kind::Fact).map(|seen| seen.window.since),
        why,
        worst: worst.filter(|_| gate.class != Class::Worst),
    }
}

fn see(gate: &Gate, look: &Look, class: Option<QueryClass>) -> Seen {
    if gate.metric.kind() == Kind::Fact {
        return look.fact(gate);
    }
    let Some(seen) = look.windows.get(&gate.window) else {
        return Seen::Unknown("nothing was read of this window".to_owned());
    };
    match gate.metric {
        Metric::Completeness => {
            let all = seen.recorded.stored + seen.recorded.lost;
            let share = (all > 0).then(|| seen.recorded.stored as f64 / all as f64);
            // Counted, not drawn: there is nothing to be unsure of.
            let bounds = share.map_or(Bounds::UNKNOWN_SHARE, Bounds::exactly);
            Seen::Sampled { value: share, bounds, samples: all }
        }
        Metric::ReadFallbacks => {
            let reads = seen.reads;
            let value = (reads.wanted > 0).then(|| reads.fallbacks as f64 / reads.wanted as f64);
            let bounds = crate::stats::share(reads.fallbacks, reads.wanted, seen.window.level);
            Seen::Sampled { value, bounds, samples: reads.wanted }
        }
        metric => {
            let none = Tally::default();
            let tally = match class {
                None => &seen.samples.all,
                Some(class) => seen.samples.classes.get(&class).unwrap_or(&none),
            };
            tally.see(metric, gate.statistic, seen.window.level)
        }
    }
}

/// The class of queries for which a gate would say the worst, of those with samples enough.
fn worst(gate: &Gate, look: &Look) -> Option<WorstClass> {
    if !gate.metric.by_class() {
        return None;
    }
    let of_class = |class: QueryClass| {
        let seen = see(gate, look, Some(class));
        match seen {
            Seen::Sampled { samples, .. } if samples >= gate.min_samples => {
                Some(WorstClass { class, verdict: gate.judge(&seen).0, value: value(&seen), samples })
            }
            _ => None,
        }
    };
    QueryClass::ALL.into_iter().filter_map(of_class).reduce(|worst, other| {
        let is_worse = match (worst.verdict.cmp(&other.verdict), worst.value, other.value) {
            (std::cmp::Ordering::Equal, Some(one), Some(another)) => gate.goal.is_worse(another, one),
            (order, ..) => order.is_lt(),
        };
        if is_worse { other } else { worst }
    })
}

fn classes(seen: &super::look::Seen) -> Vec<ClassQuality> {
    let class = |(class, tally): (&QueryClass, &Tally)| {
        let mean = tally.see(Metric::OverlapAt10, Some(Statistic::Mean), seen.window.level);
        let bounds = bounds(&mean).unwrap_or(Bounds::UNKNOWN_SHARE);
        let p95 = tally.see(Metric::PgLatencyMs, Some(Statistic::Percentile(95)), seen.window.level);
        ClassQuality {
            class: *class,
            pairs: tally.settled(),
            overlap_at_10: tally.overlap(),
            bounds,
            identical_order: tally.identical(),
            agreement_ndcg_at_10: tally.agreement(),
            pg_p95_ms: value(&p95),
        }
    };
    seen.samples.classes.iter().map(class).collect()
}

fn noise(tally: &Tally) -> Option<Noise> {
    let (overlap_at_10, pairs) = tally.noise()?;
    // The level does not matter for the figure itself.
    let relative = value(&tally.see(Metric::OverlapOfCeiling, None, 0.5));
    Some(Noise { overlap_at_10, pairs, relative })
}

fn value(seen: &Seen) -> Option<f64> {
    match seen {
        Seen::Sampled { value, .. } => *value,
        Seen::Known { value, .. } => Some(*value),
        Seen::Unknown(_) => None,
    }
}

fn bounds(seen: &Seen) -> Option<Bounds> {
    match seen {
        Seen::Sampled { bounds, .. } => Some(*bounds),
        Seen::Known { .. } | Seen::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests;
