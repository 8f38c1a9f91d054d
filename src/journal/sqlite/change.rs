//! What changes the file: appending, resolving, settling, disposing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Duties, Duty, End, Outcome, Redrive, Seq, Settled},
    book::Effect,
    error::Sql,
    op::{Change, Held, RawMark},
    row::{REDO, SWEEP, list, millis},
    sql::{self, Alike, Appended},
    writer::{Draft, Standing, Writer},
};

impl Writer {
    /// From the beginning to the commit. What comes most often, appends and outcomes, takes the two along.
    pub(super) async fn draft(&mut self, changes: &mut [Change], draft: &mut Draft) -> Sql<()> {
        let resolves = changes.iter().any(|change| matches!(change, Change::Resolve { .. }));
        let others = changes.iter().any(|change| matches!(change, Change::Settle { .. } | Change::Dispose { .. }));
        self.append(changes, draft, !resolves && !others).await?;
        self.resolve(changes, draft, !others).await?;
        if draft.committed {
            return Ok(());
        }
        self.begin(draft).await?;
        self.settle_and_dispose(changes, draft).await?;
        let (last, highest) = draft.standing.meta();
        match draft.saved == (last, highest) {
            true => sql::run(&mut self.conn, "COMMIT").await,
            false => sql::commit_with_meta(&mut self.conn, last, highest).await,
        }
    }

    async fn begin(&mut self, draft: &mut Draft) -> Sql<()> {
        match draft.begin.take() {
            Some(begin) => sql::run(&mut self.conn, begin).await,
            None => Ok(()),
        }
    }

    async fn settle_and_dispose(&mut self, changes: &mut [Change], draft: &mut Draft) -> Sql<()> {
        for change in changes {
            match change {
                Change::Settle { duty, ends, answer } => {
                    self.settle(*duty, ends, draft).await?;
                    answer.answer = Some(());
                }
                Change::Dispose { which, how, answer } => {
                    let chosen = sql::count_letters(&mut self.conn, which).await?;
                    let count = chosen.iter().map(|(_, count)| count).sum::<i64>();
                    if *how == Redrive::Again {
                        sql::redrive(&mut self.conn, which, draft.standing.last, draft.times).await?;
                        draft.standing.last += count;
                        draft.standing.pending += count;
                        for (bits, count) in chosen {
                            draft.standing.count(Duties::from_bits((bits & 7) as u8), count);
                        }
                        draft.effects.push(Effect::Swept);
                    }
                    sql::drop_letters(&mut self.conn, which).await?;
                    draft.standing.letters -= count;
                    answer.answer = Some(count.unsigned_abs());
                }
                Change::Append { .. } | Change::Resolve { .. } => {}
            }
        }
        Ok(())
    }

    async fn append(&mut self, changes: &mut [Change], draft: &mut Draft, ends: bool) -> Sql<()> {
        let mut appended = Vec::new();
        for change in changes {
            let Change::Append { rows, outcome, answer } = change else { continue };
            let mut seqs = Vec::with_capacity(rows.len());
            for row in rows.iter() {
                draft.standing.last += 1;
                draft.standing.highest = draft.standing.highest.max(row.version);
                seqs.push(Seq(draft.standing.last));
                if *outcome == Outcome::Refused {
                    continue;
                }
                draft.standing.pending += 1;
                draft.standing.asked += i64::from(*outcome == Outcome::Asked);
                draft.standing.count(Duties::from_bits((row.duties(*outcome) & 7) as u8), 1);
                if row.flags & SWEEP != 0 {
                    draft.effects.push(Effect::Swept);
                }
                appended.push(Appended { seq: draft.standing.last, row, outcome: *outcome });
            }
            answer.answer = Some(seqs);
        }
        if appended.is_empty() {
            return Ok(());
        }
        let meta = draft.standing.meta();
        let begin = draft.begin.take().unwrap_or_default();
        sql::append(&mut self.conn, begin, &appended, draft.times, meta, ends).await?;
        (draft.saved, draft.committed) = (meta, ends);
        Ok(())
    }

    /// All marks at once: the first of an entry counts.
    async fn resolve(&mut self, changes: &mut [Change], draft: &mut Draft, ends: bool) -> Sql<()> {
        let mut given_up: Vec<(&mut Held<_>, Vec<_>)> = Vec::new();
        let mut first = BTreeSet::new();
        let mut groups: BTreeMap<(u8, bool), Vec<&RawMark>> = BTreeMap::new();
        for change in changes {
            let Change::Resolve { marks, answer } = change else { continue };
            let mut places = Vec::with_capacity(marks.len());
            for mark in marks.iter() {
                let new = first.insert(mark.seq);
                places.push((mark.seq, new));
                if new {
                    groups.entry((kind(mark.outcome), mark.deed.is_some())).or_default().push(mark);
                }
            }
            given_up.push((answer, places));
        }
        let mut resolved = BTreeSet::new();
        let ends = ends && groups.len() == 1 && draft.saved == draft.standing.meta();
        for ((_, as_put), marks) in groups {
            let Some(outcome) = marks.first().map(|mark| mark.outcome) else { continue };
            let done = self.resolve_alike(&marks, outcome, as_put, draft, ends).await?;
            resolved.extend(done);
        }
        for (answer, places) in given_up {
            let left = places.into_iter().filter(|(seq, new)| !new || !resolved.contains(seq));
            answer.answer = Some(left.map(|(seq, _)| Seq(seq)).collect());
        }
        Ok(())
    }

    async fn resolve_alike(
        &mut self,
        marks: &[&RawMark],
        outcome: Outcome,
        as_put: bool,
        draft: &mut Draft,
        ends: bool,
    ) -> Sql<Vec<i64>> {
        if matches!(outcome, Outcome::Asked | Outcome::Refused) {
            self.begin(draft).await?;
            let asked = sql::asked(&mut self.conn, list(marks.iter().map(|mark| mark.seq))).await?;
            if outcome == Outcome::Refused {
                sql::delete(&mut self.conn, &asked).await?;
                let gone = i64::try_from(asked.len()).unwrap_or(0);
                draft.standing.pending -= gone;
                draft.standing.asked -= gone;
            }
            return Ok(asked);
        }
        let pairs = sql::marks(marks.iter().map(|mark| match mark.outcome {
            Outcome::Accepted(task) => (mark.seq, task),
            _ => (mark.seq, None),
        }));
        let due = if outcome == Outcome::Unknown { draft.times.limbo_over } else { 0 };
        let (begin, ends) = (draft.begin.take().unwrap_or_default(), ends && !as_put);
        let resolved = sql::resolve(&mut self.conn, begin, pairs, outcome, as_put, due, ends).await?;
        draft.committed = ends;
        let due = (outcome == Outcome::Unknown).then(|| self.opened + millis(due));
        for (seq, flags, duties) in &resolved {
            draft.standing.asked -= 1;
            draft.standing.count(*duties, 1);
            draft.gained(*seq, *flags, *duties, *duties, due);
        }
        let resolved: Vec<i64> = resolved.into_iter().map(|(seq, ..)| seq).collect();
        if as_put {
            let still: BTreeSet<i64> = resolved.iter().copied().collect();
            for mark in marks.iter().filter(|mark| still.contains(&mark.seq)) {
                if let Some((deed, sum)) = &mark.deed {
                    sql::set_deed(&mut self.conn, mark.seq, deed, *sum).await?;
                }
            }
        }
        Ok(resolved)
    }

    async fn settle(&mut self, duty: Duty, ends: &[Settled], draft: &mut Draft) -> Sql<()> {
        let over = draft.ended(duty);
        let mut live: BTreeMap<i64, &End> = BTreeMap::new();
        for Settled { seq, end } in ends {
            // What is not claimed has been settled already.
            if self.book.queue(duty).is_claimed(seq.0) && !over.contains(&seq.0) {
                live.entry(seq.0).or_insert(end);
            }
        }
        let ended: Vec<i64> =
            live.iter().filter(|(_, end)| !matches!(end, End::Retry { .. })).map(|(seq, _)| *seq).collect();
        let mut stands = self.stands(&ended).await?;
        let followers = stands.iter().filter(|alike| alike.followers).flat_map(|alike| &alike.seqs);
        let supersede = followers.filter(|seq| matches!(live.get(seq), Some(End::Done { supersedes: true })));
        let supersede = list(supersede.copied());
        let (mut overtaken, mut superseded) = (Vec::new(), Vec::new());
        if supersede != "[]" {
            if duty == Duty::Pg {
                overtaken = sql::overtaken(&mut self.conn, supersede.clone()).await?;
            }
            superseded = sql::superseded(&mut self.conn, supersede, duty).await?;
        }
        superseded.retain(|seq| match live.get(seq) {
            Some(end) => matches!(end, End::Retry { .. }),
            None => over.contains(seq) || !self.book.queue(duty).is_claimed(*seq),
        });
        stands.extend(self.stands(&superseded).await?);
        for (seq, end) in &live {
            draft.effects.push(match end {
                End::Retry { after, why, counts } => {
                    Effect::Retry { duty, seq: *seq, due: draft.now + *after, why: why.clone(), counts: *counts }
                }
                _ => Effect::Ended(duty, *seq),
            });
        }
        draft.effects.extend(superseded.iter().map(|seq| Effect::Superseded(duty, *seq)));
        for (seq, end) in &live {
            if let End::Dead { why, .. } = end {
                sql::bury(&mut self.conn, *seq, duty, why, draft.times.at).await?;
                draft.standing.letters += 1;
            }
        }
        let mut gone = Vec::new();
        let mut groups: BTreeMap<(u8, i64), Vec<i64>> = BTreeMap::new();
        for Alike { flags, duties: before, seqs, .. } in stands {
            for seq in seqs {
                let (then, redo) = match live.get(&seq) {
                    Some(End::Then { duties, redo }) => (*duties, if *redo { REDO } else { 0 }),
                    Some(End::Dead { then, .. }) => (*then, 0),
                    Some(End::Done { .. }) if overtaken.contains(&seq) => (Duties::RECONCILE, 0),
                    _ => (Duties::NONE, 0),
                };
                let after = before.without(duty).and(then);
                draft.standing.count(before, -1);
                draft.standing.count(after, 1);
                if after.is_empty() {
                    gone.push(seq);
                    if flags & SWEEP != 0 {
                        draft.effects.push(Effect::Swept);
                    }
                } else {
                    groups.entry((after.bits(), redo)).or_default().push(seq);
                    let kept = Duties::from_bits(before.without(duty).bits() & !Duties::RECONCILE.bits());
                    draft.gained(seq, flags, after, Duties::from_bits(after.bits() & !kept.bits()), None);
                }
            }
        }
        gone.sort_unstable();
        groups.values_mut().for_each(|seqs| seqs.sort_unstable());
        draft.standing.pending -= i64::try_from(gone.len()).unwrap_or(0);
        if !gone.is_empty() {
            sql::delete(&mut self.conn, &gone).await?;
        }
        for ((bits, redo), seqs) in groups {
            sql::set_duties(&mut self.conn, &seqs, Duties::from_bits(bits), redo).await?;
        }
        Ok(())
    }
}

impl Writer {
    async fn stands(&mut self, seqs: &[i64]) -> Sql<Vec<Alike>> {
        if seqs.is_empty() { Ok(Vec::new()) } else { sql::alike(&mut self.conn, seqs).await }
    }
}

impl Draft {
    /// Claims for a duty that this transaction has ended.
    fn ended(&self, duty: Duty) -> BTreeSet<i64> {
        let ended = self.effects.iter().filter_map(|effect| match effect {
            Effect::Ended(of, seq) | Effect::Retry { duty: of, seq, .. } if *of == duty => Some(*seq),
            _ => None,
        });
        ended.collect()
    }

    /// An entry has `duties`, of which some are `new`.
    fn gained(&mut self, seq: i64, flags: i64, duties: Duties, new: Duties, due: Option<tokio::time::Instant>) {
        for duty in Duty::ALL.into_iter().filter(|duty| new.has(*duty)) {
            // To reconcile comes after all others.
            if duty != Duty::Reconcile || duties == Duties::RECONCILE {
                self.effects.push(Effect::Gained { duty, seq, due });
            }
        }
        if flags & SWEEP != 0 {
            self.effects.push(Effect::Swept);
        }
    }
}

impl Standing {
    /// The last place and the highest version.
    pub(super) fn meta(&self) -> (i64, i64) {
        (self.last, self.highest)
    }

    /// Whether any entry has a duty.
    pub(super) fn has(&self, duty: Duty) -> bool {
        Duty::ALL.into_iter().zip(self.duties).any(|(each, entries)| each == duty && entries > 0)
    }

    fn count(&mut self, duties: Duties, entries: i64) {
        for (duty, count) in Duty::ALL.into_iter().zip(&mut self.duties) {
            *count += if duties.has(duty) { entries } else { 0 };
        }
    }
}

fn kind(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Asked => 0,
        Outcome::Accepted(_) => 1,
        Outcome::Refused => 2,
        Outcome::Unknown => 3,
    }
}
