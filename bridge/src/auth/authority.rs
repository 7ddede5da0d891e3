//! The one who decides.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};
use tracing::warn;
use zbus::{
    Address,
    message::{Flags, Header},
};
use zbus_polkit::policykit1::Subject;

use crate::{endpoint::Pace, transcode::shape::Class};

use super::{
    audit,
    cache::Cache,
    line::{self, Line},
    polkit::{self, Answer},
    rules::Rules,
    users::{Credentials, Place, Users},
};

/// Questions to the bus and to polkit at once; a dbus-daemon refuses the 129th.
const CHECKS: usize = 64;

/// Prompts that are open at once; one of each user.
const PROMPTS: usize = 16;

/// How long a verdict may take if nobody has to authenticate.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long somebody may take to authenticate.
const PROMPT: Duration = Duration::from_secs(120);

/// Characters of a name that is shown to the one who is asked.
const MAX_NAME: usize = 256;

/// Decides about calls.
#[derive(Debug)]
pub struct Authority {
    rules: RwLock<Arc<Rules>>,
    line: Line,
    cache: Arc<Cache>,
    users: Arc<Users>,
    checks: Semaphore,
    prompts: Semaphore,
    log: Pace,
    overruns: Pace,
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    name: String,
    subject: Subject,
    /// Whether the call says that its caller may be asked to authenticate.
    interactive: bool,
}

/// What is to be decided: whether this command may be run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub(super) class: Class,
    pub(super) machine: String,
    pub(super) command: String,
    pub(super) protocol: &'static str,
    /// Whether the caller wrote the request itself.
    raw: bool,
}

/// What was decided; why not is for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call may be done.
    Allowed,
    /// It may not.
    Denied(String),
    /// It may if somebody authenticates.
    Challenge(String),
    /// Too many calls of the user wait.
    Busy(String),
}

impl Authority {
    /// One that asks the polkit on the bus at this address; of one user, `most` calls may wait.
    pub fn new(address: Address, rules: Rules, most: usize) -> Self {
        let cache = Arc::<Cache>::default();
        Self {
            rules: RwLock::new(Arc::new(rules)),
            line: Line::new(address, Arc::clone(&cache)),
            cache,
            users: Arc::new(Users::new(most)),
            checks: Semaphore::new(CHECKS),
            prompts: Semaphore::new(PROMPTS),
            log: Pace::default(),
            overruns: Pace::default(),
        }
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other rules in force, for calls that are not decided yet.
    pub fn set_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        self.cache.clear();
    }

    /// Makes known who is behind a name that no bus gave.
    pub fn introduce(&self, caller: &str, uid: u32, pid: u32) {
        self.users.introduce(caller, Credentials { uid, pid: Some(pid) });
    }

    /// The sender of a call; who has no name cannot be told from others. polkit knows names of the
    /// bus only, so one of another connection is its process.
    pub fn caller(&self, call: &Header<'_>) -> Option<Caller> {
        let mut caller = Caller::of(call)?;
        if let Some(Credentials { uid, pid: Some(pid) }) = self.users.introduced(&caller.name) {
            // polkit itself looks when the process began: others may be hidden from the bridge.
            caller.subject = Subject::new_for_pid(pid, Some(0), Some(uid)).ok()?;
        }
        Some(caller)
    }

    /// What is to be decided about a command, whose class is this one without a configuration.
    pub fn question(
        &self,
        class: Class,
        machine: &str,
        command: &str,
        protocol: &'static str,
    ) -> Question {
        Question::new(self.rules().class(command, class), machine, command, protocol)
    }

    /// Whether the caller was allowed the same a moment ago, and it was only to read.
    pub fn remembers(&self, caller: &Caller, question: &Question) -> bool {
        question.class == Class::Read && self.cache.holds(&caller.name, question)
    }

    /// Decides, and tells the audit log.
    ///
    /// # Cancel safety
    ///
    /// Cancelled, nothing is decided, and a prompt that is open is taken away.
    pub async fn decide(&self, caller: &Caller, question: &Question) -> Verdict {
        let asked = self.cache.epoch();
        let verdict = self.weigh(caller, question).await.unwrap_or_else(|refused| refused);
        if verdict == Verdict::Allowed && question.class == Class::Read {
            self.cache.keep(&caller.name, question.clone(), asked);
        }
        audit::record(&caller.name, self.users.known(&caller.name), question, &verdict);
        verdict
    }

    /// Whether the audit log may be told now of a call for which there is no room. Such a call
    /// costs its caller nothing, so of many only one a second is told.
    pub fn overrun_is_due(&self) -> bool {
        self.overruns.is_due()
    }

    /// Tells the audit log of a call for which there is no room.
    pub fn overrun(&self, caller: &Caller, question: &Question, why: &str) {
        let (known, verdict) = (self.users.known(&caller.name), Verdict::Busy(why.to_owned()));
        audit::record(&caller.name, known, question, &verdict);
    }

    /// Forgets a caller who left.
    pub fn forget(&self, caller: &str) {
        self.cache.forget(caller);
        self.users.forget(caller);
    }

    async fn weigh(&self, caller: &Caller, question: &Question) -> Result<Verdict, Verdict> {
        let checked = timeout(PATIENCE, self.check(caller, question)).await;
        let (answer, place) = checked.map_err(|_| self.unreachable("no answer in time"))??;
        match answer {
            Answer::Yes => Ok(Verdict::Allowed),
            Answer::No => Err(question.denied()),
            Answer::Challenge if !caller.interactive => Err(question.challenge()),
            Answer::Challenge => self.prompt(caller, question, place).await,
        }
    }

    async fn check(
        &self,
        caller: &Caller,
        question: &Question,
    ) -> Result<(Answer, Place), Verdict> {
        let credentials = self.credentials(&caller.name).await?;
        if let Some(why) = self.rules().forbids(&question.command, question.raw) {
            return Err(Verdict::Denied(why));
        }
        let place = self.users.enter(credentials.uid).map_err(Verdict::Busy)?;
        let answer = async {
            let _turn = self.checks.acquire().await;
            polkit::check(&self.line.connection().await?, &caller.subject, question).await
        };
        let answer = answer.await.map_err(|error: zbus::Error| self.unreachable(&error))?;
        Ok((answer, place))
    }

    async fn credentials(&self, caller: &str) -> Result<Credentials, Verdict> {
        if let Some(known) = self.users.known(caller) {
            return Ok(known);
        }
        let asked = async {
            let _turn = self.checks.acquire().await;
            line::credentials(&self.line.connection().await?, caller).await
        };
        let told = asked.await.map_err(|error: zbus::Error| self.unreachable(&error))?;
        self.users.keep(caller, told);
        Ok(told)
    }

    async fn prompt(
        &self,
        caller: &Caller,
        question: &Question,
        place: Place,
    ) -> Result<Verdict, Verdict> {
        let asked = async {
            let _own = place.prompt.lock().await;
            let _turn = self.prompts.acquire().await;
            polkit::prompt(&self.line.connection().await?, &caller.subject, question).await
        };
        match timeout(PROMPT, asked).await {
            Ok(Ok(Answer::Yes)) => Ok(Verdict::Allowed),
            Ok(Ok(Answer::No)) => Err(question.denied()),
            Ok(Ok(Answer::Challenge)) => Err(question.challenge()),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(Verdict::Denied("nobody authenticated in time".into())),
        }
    }

    /// Whatever goes wrong, the call is refused.
    fn unreachable(&self, why: impl std::fmt::Display) -> Verdict {
        let text = format!("authorization service not reachable: {why}");
        if self.log.is_due() {
            warn!("{text}");
        }
        Verdict::Denied(text)
    }
}

impl Caller {
    /// The sender of a call on the bus.
    fn of(call: &Header<'_>) -> Option<Self> {
        Some(Self {
            name: call.sender()?.to_string(),
            subject: Subject::new_for_message_header(call).ok()?,
            interactive: call.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH),
        })
    }

    /// Its name on the bus.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Question {
    pub(super) fn new(class: Class, machine: &str, command: &str, protocol: &'static str) -> Self {
        let (machine, command) = (shown(machine), shown(command));
        Self { class, machine, command, protocol, raw: false }
    }

    /// The same about a request that the caller wrote itself.
    pub fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    fn denied(&self) -> Verdict {
        let Self { class, machine, command, .. } = self;
        Verdict::Denied(format!(
            "polkit does not allow you org.qemu.Bridge.{} (`{command}` on `{machine}`)",
            class.name()
        ))
    }

    fn challenge(&self) -> Verdict {
        let Self { class, machine, command, .. } = self;
        Verdict::Challenge(format!(
            "org.qemu.Bridge.{} (`{command}` on `{machine}`) needs authentication: call with \
             interactive authorization allowed, in a session with an authentication agent",
            class.name()
        ))
    }
}

/// Fit to be shown in a prompt and a log: a name that comes from outside.
fn shown(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_control_characters_and_cut() {
        let question = Question::new(Class::Host, "vm\n1\u{1b}[2J", &"x".repeat(300), "qmp");
        assert_eq!(question.machine, "vm1[2J");
        assert_eq!(question.command.len(), MAX_NAME);
    }

    #[tokio::test]
    async fn a_bus_that_is_not_there_denies() {
        let address = "unix:path=/nonexistent/bus".try_into().unwrap();
        let authority = Authority::new(address, Rules::default(), 1);
        let call = zbus::Message::method_call("/x", "Y").sender(":1.5").build(&()).unwrap();
        let caller = Caller::of(&call.header()).unwrap();
        let question = authority.question(Class::Read, "vm1", "query-status", "qmp");
        let Verdict::Denied(text) = authority.decide(&caller, &question).await else {
            panic!("it must deny");
        };
        assert!(text.contains("authorization service not reachable"), "{text}");
        assert!(!authority.remembers(&caller, &question));
    }
}
