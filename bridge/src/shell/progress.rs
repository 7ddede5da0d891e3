//! How far a copy is, on a terminal.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use super::{terminal, text::printable};

/// Between two looks.
const PACE: Duration = Duration::from_millis(100);

/// Cells of the bar.
const CELLS: u64 = 30;

/// A line that is written over and over.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    done: u64,
    size: Option<u64>,
    start: Instant,
    shown: Option<Instant>,
    /// Nobody looks.
    silent: bool,
}

impl Progress {
    pub(super) fn new(path: &str, size: Option<u64>, quiet: bool) -> Self {
        let name = printable(path.rsplit('/').next().unwrap_or(path));
        let silent = quiet || !io::stderr().is_terminal();
        Self { name, done: 0, size, start: Instant::now(), shown: None, silent }
    }

    /// So many bytes more.
    pub(super) fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        if self.shown.is_none_or(|shown| shown.elapsed() >= PACE) {
            self.shown = Some(Instant::now());
            self.show("");
        }
    }

    /// All is done.
    pub(super) fn end(&self) {
        self.show("\n");
    }

    fn show(&self, end: &str) {
        if !self.silent {
            let room = terminal::width(io::stderr()).unwrap_or(usize::MAX);
            let line = fitting(&self.name, self.done, self.size, self.start.elapsed(), room);
            // A terminal that is gone stops nothing.
            _ = write!(io::stderr(), "\r{line}\u{1b}[K{end}");
        }
    }
}

/// The line where there is room for less than so many characters: a longer one would go on below, and stay.
fn fitting(name: &str, done: u64, size: Option<u64>, time: Duration, room: usize) -> String {
    let full = line(name, done, size, time, CELLS);
    let over = (full.chars().count() + 1).saturating_sub(room) as u64;
    let line =
        if over > 0 { line(name, done, size, time, CELLS.saturating_sub(over)) } else { full };
    line.chars().take(room - 1).collect()
}

fn line(name: &str, done: u64, size: Option<u64>, time: Duration, all: u64) -> String {
    let rate = done as f64 / time.as_secs_f64().max(0.001);
    let speed = format!("{}/s", amount(rate));
    let Some(size) = size.filter(|size| *size >= done) else {
        return format!("{name}  {}  {speed}", amount(done as f64));
    };
    let full = size.max(1);
    let cells = usize::try_from(done * all / full).unwrap_or_default();
    let bar = "=".repeat(cells) + &" ".repeat(all as usize - cells);
    let left = Duration::from_secs_f64(((size - done) as f64 / rate.max(1.0)).min(1e6)).as_secs();
    let left = format!("{}:{:02}", left / 60, left % 60);
    let percent = done * 100 / full;
    format!(
        "{name} {percent:3} % [{bar}] {} of {}  {speed}  {left}",
        amount(done as f64),
        amount(size as f64)
    )
}

/// Bytes as people say them.
fn amount(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            let digits = usize::from(unit != "B");
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line("a", 512 << 10, Some(1 << 20), second, CELLS),
            "a  50 % [===============               ] 512.0 KiB of 1.0 MiB  512.0 KiB/s  0:01"
        );
        assert_eq!(line("a", 100, None, second, CELLS), "a  100 B  100 B/s");
        // The file grows while it is read.
        assert_eq!(line("a", 100, Some(10), second, CELLS), "a  100 B  100 B/s");
        assert!(line("a", 0, Some(0), Duration::ZERO, CELLS).contains("  0 % ["));
    }

    #[test]
    fn a_narrow_terminal_has_a_shorter_bar_and_less_text() {
        let fit = |room| fitting("name", 512 << 10, Some(1 << 20), Duration::from_secs(1), room);
        for room in [20, 60, 80] {
            assert_eq!(fit(room).chars().count(), room - 1, "{}", fit(room));
        }
        assert!(fit(80).ends_with("0:01") && fit(80).contains("=  "));
        assert!(fit(200).contains(&"=".repeat(15)));
    }
}
