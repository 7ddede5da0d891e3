//! The prompt: line editing, history, completion.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rustyline::{
    Context, Editor, Helper,
    completion::{Completer, Pair},
    config::{CompletionType, Config},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::Validator,
};

use super::{
    complete::{quoted, split},
    offer::{Known, Offer},
};

/// Lines that are kept.
const KEPT: usize = 1000;

/// What lines may hold that are not kept.
const SECRET: [&str; 3] = ["password", "secret", "passphrase"];

/// What is offered at the prompt; it changes with the machine.
pub(super) type Offers = Arc<Mutex<Option<Known>>>;

/// Reads lines of a person, or of a script.
pub(super) struct Prompt {
    pub(super) editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
}

impl Prompt {
    /// Begins with what was typed before.
    pub(super) fn new(offers: Offers) -> rustyline::Result<Self> {
        let config = Config::builder().completion_type(CompletionType::List);
        let config = config.max_history_size(KEPT)?.history_ignore_space(true).build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Words(offers)));
        let history = history();
        if let Some(file) = &history {
            // At first there is none.
            _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// The next line; none at the end.
    pub(super) fn line(&mut self, prompt: &str) -> rustyline::Result<Option<String>> {
        loop {
            match self.editor.readline(prompt) {
                Ok(line) => {
                    self.keep(&line);
                    return Ok(Some(line));
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn keep(&mut self, line: &str) {
        let lower = line.to_lowercase();
        if SECRET.iter().any(|it| lower.contains(it)) {
            return;
        }
        let kept = self.editor.add_history_entry(line);
        if let (Ok(true), Some(file)) = (kept, &self.history) {
            // A history that cannot be written is none.
            _ = self.editor.append_history(file);
        }
    }
}

/// Where lines are kept: in the folder that the XDG specification has for it.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    let folder = state.join("qapi-dbus");
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder.join("history"))
}

/// What a prompt itself understands.
pub(super) const OWN: [(&str, &str); 10] = [
    ("call", "run a command whose name is one of these"),
    ("cp", "copy a file into the guest or out of it"),
    ("events", "on, off, or what happened"),
    ("exec", "run a program in the guest"),
    ("exit", "leave; Ctrl-D does so, too"),
    ("help", "say what can be typed"),
    ("list", "machines, commands, events"),
    ("show", "say what a command or an event is"),
    ("vm", "go to another machine"),
    ("wait", "wait for an event"),
];

/// Completes words.
pub(super) struct Words(Offers);

impl Words {
    fn offers(&self, before: &[String], word: &str) -> Vec<Offer> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = known.as_ref() else { return Vec::new() };
        let own = || OWN.iter().map(|(word, about)| Offer::new(*word, *about)).collect::<Vec<_>>();
        match before {
            [] => [own(), known.commands()].concat(),
            [verb] if verb == "show" => [known.commands(), known.events()].concat(),
            [verb] if verb == "call" => known.commands(),
            [verb] if verb == "wait" => known.events(),
            [verb, event, ..] if verb == "wait" => known.conditions(event, word),
            [verb] if verb == "events" => vec![Offer::new("on", ""), Offer::new("off", "")],
            [verb] if verb == "vm" => known.machines(),
            [verb, command, before @ ..] if verb == "call" || verb == "show" => {
                known.arguments(command, before, word)
            }
            [command, before @ ..] => known.arguments(command, before, word),
        }
    }
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..position];
        let words = split(typed);
        let Some((word, before)) = words.split_last() else { return Ok((position, Vec::new())) };
        // A word in quotes is somebody's own.
        if !typed.ends_with(word.as_str()) {
            return Ok((position, Vec::new()));
        }
        let mut offers = self.offers(before, word);
        offers.retain(|it| it.word.starts_with(word.as_str()));
        let pair = |Offer { word, .. }: Offer| {
            let goes_on = word.ends_with(['=', '.', ':', '/']);
            let replacement = quoted(&word) + if goes_on { "" } else { " " };
            Pair { display: word, replacement }
        };
        Ok((position - word.len(), offers.into_iter().map(pair).collect()))
    }
}

impl Helper for Words {}
impl Highlighter for Words {}
impl Hinter for Words {
    type Hint = String;
}
impl Validator for Words {}
