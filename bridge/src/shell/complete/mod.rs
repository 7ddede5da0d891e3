//! `qapi-dbus complete`: what the completions of shells ask for.

mod line;

use clap::{Args, Command, ValueEnum};

use super::{
    fault::Fault,
    offer::{self, Depth, Known, Offer},
    say,
    target::Target,
    text::printable,
};

pub(super) use line::{quoted, split};

/// The scripts that ask, by the shell and where below the prefix each looks.
pub(crate) static SCRIPTS: [(&str, &str); 3] = [
    ("share/bash-completion/completions/qapi-dbus", include_str!("qapi-dbus.bash")),
    ("share/zsh/site-functions/_qapi-dbus", include_str!("qapi-dbus.zsh")),
    ("share/fish/vendor_completions.d/qapi-dbus.fish", include_str!("qapi-dbus.fish")),
];

/// What may come next on a line.
#[derive(Args, Debug)]
pub struct Complete {
    #[arg(value_enum)]
    shell: Shell,
    /// bash: the line as far as it is typed, and what separates words; others: the words, of which the
    /// last is to be completed
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Complete {
    /// Prints an offer a line, of the command whose command line this is.
    pub(super) async fn run(self, command: Command) -> Result<(), Fault> {
        let (words, breaks) = match (self.shell, self.words.as_slice()) {
            (Shell::Bash, [line, breaks]) => (split(line), breaks.as_str()),
            _ => (self.words.clone(), ""),
        };
        let Some((word, before)) = words.split_last() else { return Ok(()) };
        let mut command = command.disable_help_subcommand(true);
        command.build();
        let mut offers = offers(&command, before.get(1..).unwrap_or_default(), word).await;
        offers.retain(|it| it.word.starts_with(word.as_str()) && it.word == printable(&it.word));
        let keep = word.rfind(|char| breaks.contains(char)).map_or(0, |at| at + 1);
        let line = |Offer { word, about }: &Offer| match self.shell {
            Shell::Bash => format!("{}\n", quoted(&word[keep..])),
            _ => format!("{word}\t{}\n", printable(about)),
        };
        say(&offers.iter().map(line).collect::<String>())
    }
}

/// What was typed of a command before the word in question.
#[derive(Debug, Default)]
struct Typed<'a> {
    target: Target,
    positional: Vec<&'a str>,
    /// The option whose value comes next.
    waits: Option<&'a clap::Arg>,
    /// No options follow.
    closed: bool,
}

async fn offers(root: &Command, before: &[String], word: &str) -> Vec<Offer> {
    let Some((name, before)) = before.split_first() else {
        let commands = root.get_subcommands().filter(|it| !it.is_hide_set());
        let about = |it: &Command| it.get_about().map(ToString::to_string).unwrap_or_default();
        let commands = commands.map(|it| Offer::new(it.get_name(), about(it)));
        return commands.chain(options(root, word)).collect();
    };
    let Some(command) = root.find_subcommand(name) else { return Vec::new() };
    let typed = Typed::read(command, before);
    if let Some(option) = typed.waits {
        return values(command, option, &typed, word).await;
    }
    if let Some((name, _)) =
        word.split_once('=').filter(|_| !typed.closed && word.starts_with("--"))
    {
        let Some(option) = option(command, name) else { return Vec::new() };
        let value = &word[name.len() + 1..];
        let values = values(command, option, &typed, value).await.into_iter();
        return values.map(|it| Offer::new(format!("{name}={}", it.word), it.about)).collect();
    }
    if word.starts_with('-') && !typed.closed {
        return options(command, word).collect();
    }
    let places: Vec<_> = command.get_positionals().collect();
    match places.get(typed.positional.len()).or(places.last()) {
        Some(place) => values(command, place, &typed, word).await,
        None => Vec::new(),
    }
}

impl<'a> Typed<'a> {
    fn read(command: &'a Command, words: &'a [String]) -> Self {
        let mut typed = Self::default();
        for option in command.get_arguments() {
            if let Some(value) = option.get_env().and_then(std::env::var_os) {
                typed.target.set(option.get_id().as_str(), &value.to_string_lossy());
            }
        }
        let trailing =
            command.get_positionals().next().is_some_and(clap::Arg::is_trailing_var_arg_set);
        for word in words {
            if let Some(waits) = typed.waits.take() {
                typed.target.set(waits.get_id().as_str(), word);
            } else if typed.closed || !word.starts_with('-') || word == "-" {
                typed.positional.push(word);
                typed.closed |= trailing;
            } else if word == "--" {
                typed.closed = true;
            } else if let Some((name, value)) = word.split_once('=') {
                if let Some(option) = option(command, name) {
                    typed.target.set(option.get_id().as_str(), value);
                }
            } else {
                let takes = |it: &&clap::Arg| it.get_action().takes_values();
                typed.waits = option(command, word).filter(takes);
            }
        }
        typed
    }
}

/// The option of this name.
fn option<'a>(command: &'a Command, name: &str) -> Option<&'a clap::Arg> {
    command.get_arguments().find(|it| match name.strip_prefix("--") {
        Some(long) => it.get_long() == Some(long),
        None => name.strip_prefix('-').is_some_and(|it_short| {
            it.get_short().is_some_and(|short| it_short == short.to_string())
        }),
    })
}

fn options<'a>(command: &'a Command, word: &str) -> impl Iterator<Item = Offer> + use<'a> {
    let wanted = word.starts_with('-');
    let all = command.get_arguments().filter(move |it| wanted && !it.is_hide_set());
    all.filter_map(|it| {
        let about = it.get_help().map(ToString::to_string).unwrap_or_default();
        it.get_long().map(|long| Offer::new(format!("--{long}"), about))
    })
}

/// The values of an option or of a word in its place; none where a shell knows better: of files.
async fn values(command: &Command, what: &clap::Arg, typed: &Typed<'_>, word: &str) -> Vec<Offer> {
    let possible = what.get_possible_values();
    if !possible.is_empty() {
        let about = |it: &clap::builder::PossibleValue| {
            it.get_help().map(ToString::to_string).unwrap_or_default()
        };
        return possible.iter().map(|it| Offer::new(it.get_name(), about(it))).collect();
    }
    let known = |depth| Known::of(&typed.target, depth);
    let first = typed.positional.first().copied().unwrap_or_default();
    match (command.get_name(), what.get_id().as_str()) {
        ("serve", _) => Vec::new(),
        (_, "vm") => offer::machines(&typed.target).await,
        (_, "bus") => vec![Offer::new("session", ""), Offer::new("system", "")],
        ("call", "command") => known(Depth::Names).await.commands(),
        ("show", "command") => {
            let known = known(Depth::Names).await;
            [known.commands(), known.events()].concat()
        }
        ("call", "arguments") | ("show", "given") => {
            let before: Vec<_> =
                typed.positional.iter().skip(1).map(|it| (*it).to_owned()).collect();
            known(Depth::Members).await.arguments(first, &before, word)
        }
        ("wait", "event") | ("events", "names") => {
            let done = word.rfind(',').map_or("", |at| &word[..=at]);
            let events = known(Depth::Names).await.events().into_iter();
            events.map(|it| Offer::new(format!("{done}{}", it.word), it.about)).collect()
        }
        ("wait" | "events", "filter") => known(Depth::Members).await.conditions(first, word),
        ("cp", _) if "guest:".starts_with(word) => {
            vec![Offer::new("guest:", "a file of the guest")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    async fn next(line: &str) -> Vec<String> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let words = split(line);
        let (word, before) = words.split_last().unwrap();
        // No bridge is asked.
        let nowhere = ["--bus".to_owned(), "unix:path=/nonexistent".to_owned()];
        let mut before = before[1..].to_vec();
        if let Some(at) = before.iter().position(|it| it == "@") {
            before.splice(at..=at, nowhere);
        }
        let offers = offers(&command, &before, word).await.into_iter().map(|it| it.word);
        offers.filter(|it| it.starts_with(word.as_str())).collect()
    }

    #[tokio::test]
    async fn commands_options_and_their_values() {
        let commands = next("qapi-dbus ").await;
        assert!(commands.contains(&"call".into()) && !commands.contains(&"complete".into()));
        assert_eq!(next("qapi-dbus che").await, ["check-config"]);
        assert!(next("qapi-dbus call --").await.contains(&"--timeout".into()));
        assert_eq!(next("qapi-dbus list @ ").await, ["machines", "commands", "events"]);
        assert_eq!(next("qapi-dbus call --bus se").await, ["session"]);
        assert_eq!(next("qapi-dbus call --bus=se").await, ["--bus=session"]);
        assert!(next("qapi-dbus serve --qmp /").await.is_empty());
        assert!(next("qapi-dbus nonsense ").await.is_empty());
    }

    #[tokio::test]
    async fn words_of_the_interface() {
        assert_eq!(next("qapi-dbus call @ block_resi").await, ["block_resize"]);
        assert_eq!(next("qapi-dbus call @ --json guest-file-open mode=r ").await, ["path="]);
        assert_eq!(next("qapi-dbus wait @ STOP,DEVICE_DELE").await, ["STOP,DEVICE_DELETED"]);
        assert_eq!(next("qapi-dbus wait @ DEVICE_DELETED p").await, ["path="]);
        assert!(next("qapi-dbus exec @ ls --").await.is_empty());
        assert_eq!(next("qapi-dbus cp g").await, ["guest:"]);
    }
}
