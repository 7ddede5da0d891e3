//! Runs every cell in turn, round by round.

use crate::{
    Effort,
    cell::{Cell, Sample},
    rig::Rig,
    rows::ROWS,
};
use std::collections::HashMap;

/// What each cell came to in each round.
pub(crate) type Samples = HashMap<Cell, Vec<Sample>>;

/// Runs the rounds. Each begins with another cell, so that none always follows the same one.
pub(crate) async fn run(rig: &mut Rig, effort: Effort) -> Samples {
    let mut samples = Samples::new();
    for round in 0..effort.rounds {
        for pinned in [true, false] {
            rig.place(pinned);
            let mut cells = cells(pinned);
            let first = round % cells.len();
            cells.rotate_left(first);
            for cell in cells {
                let count = (cell.count() / effort.part).max(2);
                let sample = cell.run(rig, count).await;
                samples.entry(cell).or_default().push(sample);
            }
        }
    }
    samples
}

/// Those of all rows, each once.
fn cells(pinned: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for cell in ROWS.iter().flat_map(|row| [row.other, row.ours]) {
        if cell.pinned == pinned && !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// The median of what `of` takes from each round.
pub(crate) fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
