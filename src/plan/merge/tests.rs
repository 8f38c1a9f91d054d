use super::*;
use crate::plan::{Phase, Rule};

fn set(texts: &[(&str, &str)]) -> FlagSet {
    FlagSet::parse(texts.iter().copied()).unwrap()
}

fn table(texts: &[(&str, &str)]) -> Inputs {
    Inputs { has_table: true, table: Some(Table { set: set(texts), ..Table::default() }), ..Inputs::default() }
}

const PRIMARY: &[(&str, &str)] = &[("search_write_mode", "dual"), ("search_read_backend", "pg")];

#[test]
fn the_file_wins_flag_by_flag() {
    let mut inputs = table(&[("search_write_mode", "dual"), ("shadow_sample_rate", "5")]);
    assert_eq!(inputs.decide(None).unwrap().plan.phase(), Phase::Shadow);
    inputs.file = set(&[("shadow_sample_rate", "0")]);
    assert_eq!(inputs.decide(None).unwrap().plan.phase(), Phase::DualWrite);
}

#[test]
fn the_brake_by_file_takes_the_reads_and_marks_the_target_until_the_table_knows() {
    let mut inputs = table(PRIMARY);
    let before = inputs.decide(None).unwrap();
    assert_eq!(before.plan.phase(), Phase::TargetPrimary);

    inputs.file = set(&[("search_write_mode", "meili_only")]);
    for in_force in [Some(&before), None] {
        let braked = inputs.decide(in_force).unwrap();
        assert_eq!(
            (braked.plan.phase(), braked.plan.target_stale, braked.mark_pending),
            (Phase::SourceOnly, true, true)
        );
    }
    let braked = inputs.decide(Some(&before)).unwrap();

    // The file goes before the table was told: reads may not return to PostgreSQL.
    inputs.mark_pending = true;
    inputs.file = FlagSet::default();
    assert_eq!(inputs.decide(Some(&braked)).unwrap_err().rule(), Rule::TargetStale);

    // The table was told, and has taken the reads back.
    inputs.mark_pending = false;
    inputs.table = Some(Table { set: set(&[("search_write_mode", "dual")]), target_stale: true, ..Table::default() });
    let after = inputs.decide(Some(&braked)).unwrap();
    assert_eq!((after.plan.phase(), after.plan.target_stale, after.mark_pending), (Phase::DualWrite, true, false));
}

#[test]
fn steps_of_the_table_are_not_judged_twice_but_those_of_the_file_are() {
    let pg_only = &[("search_write_mode", "pg_only"), ("search_read_backend", "pg")];
    let start = table(&[]).decide(None).unwrap();
    assert_eq!(table(pg_only).decide(Some(&start)).unwrap().plan.phase(), Phase::TargetOnly);

    let mut inputs = table(&[]);
    inputs.file = set(pg_only);
    assert_eq!(inputs.decide(Some(&start)).unwrap_err().rule(), Rule::OneStep);
    assert_eq!(inputs.decide(None).unwrap_err().rule(), Rule::OneStep);

    // Nor does the end of an override jump back over a step.
    let overridden =
        Decision { plan: Plan::new(set(pg_only).over(Flags::default())), mode_from_file: true, ..Decision::default() };
    assert_eq!(table(&[]).decide(Some(&overridden)).unwrap_err().rule(), Rule::OneStep);
}

#[test]
fn the_end_of_an_override_that_wrote_both_sides_marks_the_target_until_the_table_knows() {
    let mut inputs = table(&[]);
    inputs.file = set(&[("search_write_mode", "dual")]);
    let dual = inputs.decide(None).unwrap();
    inputs.file = FlagSet::default();
    let mut braked = inputs.decide(Some(&dual)).unwrap();
    // The next poll says once more that the table has no mark.
    for _ in 0..2 {
        assert_eq!(
            (braked.plan.phase(), braked.plan.target_stale, braked.mark_pending),
            (Phase::SourceOnly, true, true)
        );
        inputs.mark_pending = braked.mark_pending;
        braked = inputs.decide(Some(&braked)).unwrap();
    }
}

#[test]
fn a_brake_in_the_table_that_has_been_cleared_already_is_not_marked_again() {
    let dual = table(&[("search_write_mode", "dual")]).decide(None).unwrap();
    let cleared = table(&[]).decide(Some(&dual)).unwrap();
    assert_eq!((cleared.plan.target_stale, cleared.mark_pending), (false, false));
}

#[test]
fn what_was_missed_while_the_table_was_away_marks_the_target() {
    let away = Inputs { has_table: true, ..Inputs::default() };
    let defaults = away.decide(None).unwrap();
    assert_eq!(defaults.plan.phase(), Phase::SourceOnly);

    let back = table(PRIMARY).decide(Some(&defaults)).unwrap();
    assert_eq!((back.plan.phase(), back.plan.target_stale, back.mark_pending), (Phase::DualWrite, true, true));

    // Nothing was missed where the table wants nothing else, or knows.
    assert!(!table(&[]).decide(Some(&defaults)).unwrap().mark_pending);
    let mut knows = table(&[("search_write_mode", "dual")]);
    knows.table = knows.table.map(|table| Table { target_stale: true, ..table });
    assert!(!knows.decide(Some(&defaults)).unwrap().mark_pending);
    // Nor where the file kept both sides written.
    let by_file = Inputs { file: set(PRIMARY), ..away }.decide(None).unwrap();
    assert_eq!(table(PRIMARY).decide(Some(&by_file)).unwrap().plan.phase(), Phase::TargetPrimary);
}

fn rolled_back(in_force: &Decision) -> Decision {
    Decision { plan: rules::latch(&in_force.plan).unwrap(), ..*in_force }
}

#[test]
fn a_rollback_here_holds_until_the_table_knows_and_then_as_long_as_the_table_says() {
    let mut inputs = table(PRIMARY);
    let primary = inputs.decide(None).unwrap();
    inputs.latch_pending = true;
    let mut in_force = rolled_back(&primary);
    // The table, which has not heard of it, still sends reads to PostgreSQL.
    for _ in 0..2 {
        in_force = inputs.decide(Some(&in_force)).unwrap();
        assert_eq!((in_force.plan.phase(), in_force.plan.latched), (Phase::DualWrite, true));
        assert!(in_force.latch_pending);
    }
    // It hears, and takes the reads back; then a person clears the latch there.
    let mut told = table(&[("search_write_mode", "dual")]);
    told.latch_pending = true;
    told.table = told.table.map(|table| Table { latched: true, ..table });
    in_force = told.decide(Some(&in_force)).unwrap();
    assert_eq!((in_force.plan.latched, in_force.latch_pending), (true, false));
    let cleared = table(&[("search_write_mode", "dual")]).decide(Some(&in_force)).unwrap();
    assert!(!cleared.plan.latched);
    assert_eq!(table(PRIMARY).decide(Some(&cleared)).unwrap().plan.phase(), Phase::TargetPrimary);
}

#[test]
fn a_rollback_survives_a_start_while_the_table_is_away() {
    let primary = table(PRIMARY).decide(None).unwrap();
    let kept = Decision { latch_pending: true, ..rolled_back(&primary) };
    let unread = Inputs { has_table: true, latch_pending: true, ..Inputs::default() };
    let restarted = unread.decide(Some(&kept)).unwrap();
    assert_eq!((restarted.plan.latched, restarted.latch_pending), (true, true));
}

#[test]
fn an_override_of_the_reads_does_not_hold_up_a_rollback_in_the_table_nor_come_over_it() {
    let mut inputs = table(PRIMARY);
    inputs.file = set(&[("search_read_backend", "pg")]);
    let primary = inputs.decide(None).unwrap();
    inputs.table = inputs.table.map(|table| Table { latched: true, ..table });
    let rolled_back = inputs.decide(Some(&primary)).unwrap();
    assert_eq!((rolled_back.plan.phase(), rolled_back.plan.latched), (Phase::DualWrite, true));
    assert_eq!(inputs.decide(Some(&rolled_back)).unwrap_err().rule(), Rule::Latched);
}

#[test]
fn a_rollback_that_the_table_never_heard_of_ends_when_it_wants_pg_only() {
    let primary = table(PRIMARY).decide(None).unwrap();
    let mut inputs = table(&[("search_write_mode", "pg_only"), ("search_read_backend", "pg")]);
    inputs.latch_pending = true;
    let over = inputs.decide(Some(&rolled_back(&primary))).unwrap();
    assert_eq!((over.plan.phase(), over.plan.latched, over.latch_pending), (Phase::TargetOnly, false, false));
}

#[test]
fn an_override_of_the_reads_does_not_hold_up_the_brake_in_the_table() {
    let mut inputs = table(PRIMARY);
    inputs.file = set(&[("search_read_backend", "pg")]);
    let primary = inputs.decide(None).unwrap();
    inputs.table =
        Some(Table { set: set(&[("search_write_mode", "meili_only")]), target_stale: true, ..Table::default() });
    assert_eq!(inputs.decide(Some(&primary)).unwrap().plan.phase(), Phase::SourceOnly);
}

#[test]
fn a_file_alone_goes_through_a_migration() {
    let mut inputs = Inputs { file: set(PRIMARY), ..Inputs::default() };
    let primary = inputs.decide(None).unwrap();
    assert_eq!(primary.plan.phase(), Phase::TargetPrimary);
    inputs.file = FlagSet::default();
    let braked = inputs.decide(Some(&primary)).unwrap();
    assert_eq!((braked.plan.phase(), braked.plan.target_stale), (Phase::SourceOnly, true));
    inputs.file = set(PRIMARY);
    assert_eq!(inputs.decide(Some(&braked)).unwrap_err().rule(), Rule::TargetStale);
}
