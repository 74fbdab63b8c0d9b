//! A row of the table, and whether its target is met.

use std::process::ExitCode;

/// What of ours is allowed, beside the floor.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// At most this many times the floor.
    Times(f64),
    /// At most this much more than the floor.
    More(f64),
    /// Anything: the figure is told.
    Told,
}

impl Target {
    fn is_met(self, ours: f64, floor: f64) -> bool {
        match self {
            Self::Times(most) => ours <= floor * most,
            Self::More(most) => ours - floor <= most,
            Self::Told => true,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Times(most) => format!("≤ {most:.2} ×"),
            Self::More(most) if most < 0.0 => format!("≤ - {:.0}", -most),
            Self::More(most) => format!("≤ + {most:.0}"),
            Self::Told => "stated".to_owned(),
        }
    }

    pub(crate) fn guarded(self, guard: Self) -> Limit {
        Limit { target: self, guard }
    }
}

/// For a figure that is counted: what it should be, and what it must not exceed. The second is the
/// first, unless what was counted is far from it: then it holds what was reached, so that it does
/// not get worse unseen.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    target: Target,
    guard: Target,
}

impl From<Target> for Limit {
    fn from(target: Target) -> Self {
        Self { target, guard: target }
    }
}

/// The rows that were printed.
#[derive(Default)]
pub(crate) struct Table {
    broken: u32,
}

impl Table {
    /// A figure that is the same whatever else runs: to break its guard is to fail.
    pub(crate) fn counted(&mut self, name: &str, unit: &str, [ours, floor]: [f64; 2], limit: Limit) {
        let guard =
            if limit.guard.is_met(ours, floor) { limit.guard.text() } else { "**BROKEN**".to_owned() };
        self.broken += u32::from(!limit.guard.is_met(ours, floor));
        row(name, unit, [ours, floor], limit.target, "", &guard);
    }

    /// Fails if a guard was broken.
    pub(crate) fn end(self) -> ExitCode {
        if self.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// A figure that differs from run to run, and that nothing is held to. `note` goes beside the
/// ratio.
pub(crate) fn measured(name: &str, unit: &str, values: [f64; 2], target: Target, note: &str) {
    row(name, unit, values, target, note, "");
}

/// A line of a table in Markdown.
fn row(name: &str, unit: &str, [ours, floor]: [f64; 2], target: Target, note: &str, guard: &str) {
    let ratio = ours / floor;
    let verdict = if target.is_met(ours, floor) { "ok" } else { "NOT" };
    let target = target.text();
    println!(
        "| {name} | {unit} | {ours:.0} | {floor:.0} | {ratio:.3}{note} | {target} | {verdict} | {guard} |"
    );
}

/// The values at a quarter, a half and three quarters.
pub(crate) fn quarters(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

/// A row of rounds that were measured in turns, each as ours and floor: the ratio is the middle
/// one, and in parentheses is where the middle half of them lies.
pub(crate) fn in_turns(name: &str, unit: &str, rounds: &[(f64, f64)], target: Target) {
    let [least, ratio, most] = quarters(rounds.iter().map(|(ours, floor)| ours / floor).collect());
    let [_, floor, _] = quarters(rounds.iter().map(|(_, floor)| *floor).collect());
    measured(name, unit, [ratio * floor, floor], target, &format!(" ({least:.2}–{most:.2})"));
}
