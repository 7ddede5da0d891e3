//! `qapi-dbus shell`: commands at a prompt, and events as they come.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
    thread,
};

use clap::{Args, CommandFactory, Parser};
use rustyline::ExternalPrinter;
use serde_json::Value;
use tokio::{
    signal::ctrl_c,
    sync::{mpsc, oneshot},
};

use super::{
    Verb,
    complete::split,
    event::Told,
    fault::Fault,
    follow::{Follower, News},
    machine::{self, Machine},
    offer::{Depth, Known},
    prompt::{OWN, Offers, Prompt},
    say,
    target::Target,
    text::{columns, printable},
};
use crate::endpoint::Protocol;

pub(super) const HELP: &str = "At the prompt:
  query-status                           a command, its arguments as for `qapi-dbus call`
  {\"execute\": \"stop\"}                    the same in JSON
  list, show, events, wait, exec, cp     as `qapi-dbus list` and so on
  vm NAME                                another machine
  exit, Ctrl-D                           leave; Ctrl-C gives up what is typed or waited for

Tab completes; what was typed is kept in $XDG_STATE_HOME/qapi-dbus/history, without lines that begin with a
space or hold a password. Lines of a file or a pipe are run until one fails; that ends the command, with
the exit code of `qapi-dbus call`.";

/// Type commands.
#[derive(Args, Debug)]
pub struct Shell {
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Tell no events
    #[arg(long)]
    no_events: bool,
}

/// A line, as the program itself would be given it.
#[derive(Debug, Parser)]
#[command(name = "qapi-dbus", no_binary_name = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

/// What is under way.
struct Session {
    target: Target,
    machine: Machine,
    json: bool,
    offers: Offers,
    follower: Option<Follower>,
}

/// A line that was typed; its answer is the prompt of the next.
type Asked = (String, oneshot::Sender<String>);

impl Shell {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let person = io::stdin().is_terminal();
        let mut target = self.target;
        let machine = machine::choose(target.place.machines().await?, target.vm.as_deref())?;
        target.place.bus_there = machine.endpoints.first().map(|it| it.bus().clone());
        let offers = Offers::default();
        let mut prompt = Prompt::new(Offers::clone(&offers))
            .map_err(|error| Fault::failed(format!("the terminal: {error}")))?;
        let printer = if person { prompt.editor.create_external_printer().ok() } else { None };
        let mut session = Session { target, machine, json: self.json, offers, follower: None };
        session.go(session.machine.clone()).await;
        if person && !self.no_events {
            session.follow().await?;
        }
        let (asking, asked) = mpsc::channel(1);
        let first = session.prompt();
        // It waits for the keyboard, and ends with the process.
        thread::spawn(move || read(prompt, first, &asking));
        session.serve(asked, printer, person).await
    }
}

/// Reads lines, one when the one before is done.
fn read(mut prompt: Prompt, mut text: String, asking: &mpsc::Sender<Asked>) {
    while let Ok(Some(line)) = prompt.line(&text) {
        let (answer, answered) = oneshot::channel();
        if asking.blocking_send((line, answer)).is_err() {
            return;
        }
        match answered.blocking_recv() {
            Ok(next) => text = next,
            Err(_) => return,
        }
    }
}

impl Session {
    async fn serve(
        mut self,
        mut asked: mpsc::Receiver<Asked>,
        mut printer: Option<impl ExternalPrinter>,
        person: bool,
    ) -> Result<(), Fault> {
        loop {
            let news = async {
                match &mut self.follower {
                    Some(follower) => follower.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = asked.recv() => {
                    let Some((line, answer)) = line else { return Ok(()) };
                    let obeyed = tokio::select! {
                        obeyed = self.obey(&line) => obeyed,
                        _ = ctrl_c() => Err(Fault::failed("given up; what was sent may still run")),
                    };
                    match obeyed {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(fault) if person => { fault.end(); }
                        Err(fault) => return Err(fault),
                    }
                    // Who asked may be gone with the terminal.
                    _ = answer.send(self.prompt());
                }
                news = news => {
                    let text = match news {
                        Ok(news) => self.heard(news).await,
                        // Whoever types now keeps the terminal.
                        Err(fault) => {
                            self.follower = None;
                            Some(format!("{fault}\n"))
                        }
                    };
                    if let (Some(text), Some(printer)) = (text, &mut printer) {
                        _ = printer.print(text);
                    }
                }
            }
        }
    }

    fn prompt(&self) -> String {
        match self.machine.name.as_str() {
            machine::NAMELESS => "qemu> ".into(),
            name => format!("{}> ", printable(name)),
        }
    }

    /// Does what a line says; whether others may follow.
    async fn obey(&mut self, line: &str) -> Result<bool, Fault> {
        let mut words = split(line.trim_end());
        words.retain(|word| !word.is_empty());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {}
            ["exit"] => return Ok(false),
            ["quit"] => {
                return Err(Fault::usage("`quit` ends QEMU, and the machine with it")
                    .advise("write `call quit` for that, and `exit` to leave"));
            }
            ["help" | "?"] => say(&help())?,
            ["help", rest @ ..] => self.run(&[&["show"], rest].concat()).await?,
            ["vm", name] => {
                let machines = self.target.place.machines().await?;
                self.go(machine::choose(machines, Some(name))?).await;
                if self.follower.is_some() {
                    self.follow().await?;
                }
            }
            ["events", "on"] => self.follow().await?,
            ["events", "off"] => self.follower = None,
            _ if line.trim_start().starts_with('{') => {
                let (command, arguments) = request(line)?;
                self.run(&["call", &command, &arguments]).await?;
            }
            [verb, ..] if OWN.iter().any(|(own, _)| own == verb) => self.run(&words).await?,
            _ => self.run(&[&["call"], &*words].concat()).await?,
        }
        Ok(true)
    }

    /// What the program itself would do, here.
    async fn run(&self, words: &[&str]) -> Result<(), Fault> {
        let mut verb = match Line::try_parse_from(words) {
            Ok(line) => line.verb,
            Err(error) if error.use_stderr() => {
                let text = error.to_string();
                let text = text.strip_prefix("error: ").unwrap_or(&text);
                return Err(Fault::usage(text.lines().next().unwrap_or_default()));
            }
            Err(help) => return say(&help.to_string()),
        };
        if let Verb::Call(call) = &mut verb {
            call.json |= self.json;
        }
        let Some(target) = verb.target() else {
            return Err(Fault::usage("this is a prompt already"));
        };
        target.place = self.target.place.clone();
        target.vm.get_or_insert_with(|| self.machine.name.clone());
        let ended = Box::pin(verb.run(Line::command())).await?;
        if ended != std::process::ExitCode::SUCCESS {
            crate::log::complain("the program failed");
        }
        Ok(())
    }

    /// Goes to a machine.
    async fn go(&mut self, machine: Machine) {
        let known = Known::of_machine(&machine, Depth::Members).await;
        let machines = self.target.place.machines().await.unwrap_or_default();
        set(&self.offers, known.beside(&machines));
        self.target.vm = Some(machine.name.clone());
        self.machine = machine;
    }

    /// Tells events of the machine from now on, if it can.
    async fn follow(&mut self) -> Result<(), Fault> {
        self.follower = match self.machine.endpoint(Protocol::Qmp) {
            Ok(_) => Some(Follower::new(std::slice::from_ref(&self.machine), &[]).await?),
            Err(_) => None,
        };
        Ok(())
    }

    /// What is to be said of it.
    async fn heard(&mut self, news: News) -> Option<String> {
        Some(match news {
            News::Told(_, Told::Event(event)) => event.line(None, self.json),
            News::Told(_, Told::Dropped(count)) => format!("{count} events were dropped\n"),
            News::Told(_, Told::State(state)) => {
                if state == "ready" {
                    self.go(self.machine.clone()).await;
                }
                format!("the monitor is {}\n", printable(&state))
            }
            News::Gone => "the bridge is gone; the next call may start another\n".into(),
            News::Machines | News::Back => {
                if let Some(follower) = &mut self.follower {
                    // It may not be there yet; then it is told of once more.
                    _ = follower.refresh(Some(&self.machine.name), &[]).await;
                }
                return None;
            }
        })
    }
}

fn set(offers: &Mutex<Option<Known>>, known: Known) {
    *offers.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
}

/// A request as QMP writes it: the command and its arguments.
fn request(line: &str) -> Result<(String, String), Fault> {
    let form = "write {\"execute\": COMMAND, \"arguments\": {…}}";
    let request: Value = serde_json::from_str(line)
        .map_err(|error| Fault::usage(format!("this is no JSON: {error}")).advise(form))?;
    let command = request["execute"].as_str();
    let command = command.ok_or_else(|| Fault::usage("`execute` is missing").advise(form))?;
    let arguments = request.get("arguments").map_or_else(|| "{}".to_owned(), Value::to_string);
    Ok((command.to_owned(), arguments))
}

fn help() -> String {
    let rows: Vec<_> =
        OWN.iter().map(|(word, about)| vec![(*word).to_owned(), (*about).to_owned()]).collect();
    "A command with its arguments, NAME=VALUE, or:\n".to_owned() + &columns(&rows, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_qmp_writes_them() {
        let (command, arguments) =
            request("{\"execute\": \"device_del\", \"arguments\": {\"id\": \"d\"}}").unwrap();
        assert_eq!((command.as_str(), arguments.as_str()), ("device_del", "{\"id\":\"d\"}"));
        assert_eq!(request("{\"execute\": \"stop\"}").unwrap().1, "{}");
        assert!(request("{\"exec\": 1}").is_err() && request("{").is_err());
    }

    #[test]
    fn lines_are_those_of_the_program() {
        Line::command().debug_assert();
        assert!(Line::try_parse_from(["call", "stop"]).is_ok());
    }
}
