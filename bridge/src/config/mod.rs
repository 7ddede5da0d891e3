//! The configuration file: read and judged as a whole, before anything comes of it.

mod limits;

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

use crate::{
    auth::Rules,
    daemon::{Bus, Limits, Machine},
};

use limits::{KEYS, Key};

/// Bytes of a file: more than all machines take.
const LONGEST: u64 = 16 << 20;

/// Bytes of a line that an error shows.
const SHOWN: usize = 80;

/// What a configuration file says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The bus.
    pub bus: Option<Bus>,
    /// Bus name.
    pub name: Option<String>,
    /// Folders in which sockets appear.
    pub watch: Vec<PathBuf>,
    /// Whether events go to subscribers only.
    pub unicast: bool,
    /// Machines.
    pub machines: Vec<Machine>,
    /// Bounds.
    pub limits: Limits,
    /// What is forbidden to callers, or harder than usual.
    pub rules: Rules,
}

/// Everything that is wrong with a file, a line each: file, line, column, what, and where.
#[derive(Debug)]
pub struct Errors(Vec<String>);

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bus: Option<String>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    watch: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    unicast: bool,
    #[serde(default)]
    machine: BTreeMap<Spanned<String>, Sockets>,
    #[serde(default)]
    limits: BTreeMap<Spanned<String>, Spanned<i64>>,
    #[serde(default)]
    authorization: Rules,
}

/// One machine as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sockets {
    qmp: Option<Spanned<PathBuf>>,
    qga: Option<Spanned<PathBuf>>,
    timeout: Option<u64>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; with its syntax, the first.
    pub fn read(path: &Path) -> Result<Self, Errors> {
        let unreadable = |text: &str| Errors(vec![format!("{}: {text}", path.display())]);
        let text = contents(path).map_err(|text| unreadable(&text))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Errors> {
        let mut complaints = Complaints { path, text, list: Vec::new() };
        match toml::from_str::<File>(text) {
            Ok(file) => {
                let config = file.judge(&mut complaints);
                if complaints.list.is_empty() { Ok(config) } else { Err(Errors(complaints.list)) }
            }
            Err(error) => {
                complaints.add(error.span().unwrap_or(0..0), error.message());
                Err(Errors(complaints.list))
            }
        }
    }
}

/// The text of a regular file: whoever names another kind would wait for ever.
fn contents(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let kind = fs::metadata(path).map_err(told)?;
    if !kind.is_file() {
        return Err("it is no regular file".into());
    }
    let mut text = String::new();
    let file = fs::File::open(path).map_err(told)?;
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(told)?;
    if text.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    Ok(text)
}

impl File {
    fn judge(self, complaints: &mut Complaints<'_>) -> Config {
        let bus = self.bus.map(|bus| match bus.as_str() {
            "session" => Bus::Session,
            "system" => Bus::System,
            _ => Bus::Address(bus),
        });
        if let Some(name) = &self.name
            && let Err(error) = zbus::names::WellKnownName::try_from(name.get_ref().as_str())
        {
            let text = format!("`name` is no bus name like org.example.Bridge: {error}");
            complaints.add(name.span(), &text);
        }
        for dir in self.watch.iter().filter(|dir| !dir.get_ref().is_absolute()) {
            complaints.add(dir.span(), "`watch` takes absolute paths");
        }
        let machines = self.machine.into_iter().map(|(name, it)| it.judge(&name, complaints));
        let machines = machines.collect();
        let mut limits = Limits::default();
        let mut last = 0..0;
        for (name, number) in &self.limits {
            last = number.span();
            match Key::named(name.get_ref()) {
                Some(key) => {
                    if let Err(text) = key.set(&mut limits, *number.get_ref()) {
                        complaints.add(number.span(), &text);
                    }
                }
                None => {
                    let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
                    let text = format!("no limit has this name; there are {}", names.join(", "));
                    complaints.add(name.span(), &text);
                }
            }
        }
        if let Err(text) = limits::check(&limits) {
            complaints.add(last, &text);
        }
        Config {
            bus,
            name: self.name.map(Spanned::into_inner),
            watch: self.watch.into_iter().map(Spanned::into_inner).collect(),
            unicast: self.unicast,
            machines,
            limits,
            rules: self.authorization,
        }
    }
}

impl Sockets {
    fn judge(self, name: &Spanned<String>, complaints: &mut Complaints<'_>) -> Machine {
        for path in [&self.qmp, &self.qga].into_iter().flatten() {
            if !path.get_ref().is_absolute() {
                complaints.add(path.span(), "a socket's path must be absolute");
            }
        }
        let machine = Machine {
            name: name.get_ref().clone(),
            qmp: self.qmp.map(|path| path.into_inner().into()),
            qga: self.qga.map(|path| path.into_inner().into()),
            timeout: self.timeout.map(Duration::from_millis),
        };
        if let Err(text) = machine.check() {
            complaints.add(name.span(), &format!("machine `{}`: {text}", name.get_ref()));
        }
        machine
    }
}

/// What is wrong so far.
struct Complaints<'a> {
    path: &'a Path,
    text: &'a str,
    list: Vec<String>,
}

impl Complaints<'_> {
    /// Something is wrong with this part of the text.
    fn add(&mut self, span: Range<usize>, what: &str) {
        let at = self.text.floor_char_boundary(span.start);
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let (line, column) =
            (before.matches('\n').count() + 1, before[start..].chars().count() + 1);
        let mut shown = self.text[start..].lines().next().unwrap_or_default().trim();
        shown = &shown[..shown.floor_char_boundary(SHOWN)];
        let path = self.path.display();
        let what = what.trim_end().replace('\n', "; ");
        self.list.push(format!("{path}:{line}:{column}: {what}, in `{shown}`"));
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Errors {}

/// What it means, for people: everything that differs from what goes without saying, and the
/// limits all.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bus) = &self.bus {
            writeln!(f, "bus: {bus}")?;
        }
        if let Some(name) = &self.name {
            writeln!(f, "name: {name}")?;
        }
        self.watch.iter().try_for_each(|dir| writeln!(f, "watch: {}", dir.display()))?;
        writeln!(f, "events: to {}", if self.unicast { "subscribers" } else { "everybody" })?;
        for machine in &self.machines {
            writeln!(f, "machine {:?} at {}", machine.name, machine.path())?;
            for (protocol, socket) in machine.sockets() {
                writeln!(f, "  {}: {}", protocol.name(), socket.display())?;
            }
            if let Some(timeout) = machine.timeout {
                writeln!(f, "  timeout: {} ms", timeout.as_millis())?;
            }
        }
        writeln!(f, "authorization: {}", self.rules)?;
        let limits = KEYS.iter().map(|key| format!("{} {}", key.name, key.get(&self.limits)));
        write!(f, "limits: {}", limits.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests;
