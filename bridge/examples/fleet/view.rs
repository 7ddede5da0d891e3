//! What a person sees.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

/// All there is to say of one host.
#[derive(Debug)]
pub(crate) struct News {
    /// Its name.
    pub(crate) host: String,
    /// Whether it is reached.
    pub(crate) link: String,
    /// Its machines.
    pub(crate) machines: Rows,
}

/// What is said of each machine, by name.
pub(crate) type Rows = BTreeMap<String, String>;

/// The list: on a terminal as it stands, else a line for each change.
#[derive(Debug)]
pub(crate) struct View {
    terminal: bool,
    hosts: BTreeMap<String, Rows>,
}

impl View {
    pub(crate) fn new(terminal: bool) -> Self {
        Self { terminal, hosts: BTreeMap::new() }
    }

    /// Shows what is new of a host.
    pub(crate) fn show(&mut self, news: News) -> io::Result<()> {
        let mut rows = news.machines;
        rows.insert(ITSELF.to_owned(), news.link);
        let before = self.hosts.insert(news.host.clone(), rows).unwrap_or_default();
        let text = if self.terminal { self.whole() } else { self.changes(&news.host, &before) };
        io::stdout().write_all(text.as_bytes())
    }

    fn whole(&self) -> String {
        let rows = self.hosts.iter().flat_map(|(host, rows)| {
            rows.iter().map(move |(machine, text)| line(host, machine, text))
        });
        CLEAR.chars().chain(rows.collect::<String>().chars()).collect()
    }

    fn changes(&self, host: &str, before: &Rows) -> String {
        let now = &self.hosts[host];
        let gone = before.keys().filter(|machine| !now.contains_key(*machine));
        let gone = gone.map(|machine| line(host, machine, "gone"));
        let other = now.iter().filter(|(machine, text)| before.get(*machine) != Some(text));
        gone.chain(other.map(|(machine, text)| line(host, machine, text))).collect()
    }
}

/// Stands where a machine would, before all others.
const ITSELF: &str = "";

/// From the top of an empty screen.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What hosts and guests say is not to move the cursor.
fn line(host: &str, machine: &str, text: &str) -> String {
    let machine = if machine == ITSELF { "-" } else { machine };
    let line = format!("{host:<15} {machine:<15} {text}");
    let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    line.chars().map(printable).chain(['\n']).collect()
}
