//! What an agent's endpoint knows of the machine around it, told by the machine's monitor.

use super::{NotSent, State};

/// Why an agent cannot answer, and what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// Nobody reads what is sent.
    Absent(&'static str),
    /// What is sent is read later.
    Stopped(&'static str),
}

/// What the monitor tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Why the machine does not run.
    pub(super) halt: Option<Hindrance>,
    /// Whether the agent has its port open, if that is news.
    pub(super) open: Option<bool>,
    /// Who read what was sent so far is no more.
    pub(super) lost: bool,
}

/// What the agent's endpoint knows.
#[derive(Debug, Default)]
pub(super) struct Guest {
    halt: Option<Hindrance>,
    closed: bool,
}

const NO_AGENT: Hindrance = Hindrance::Absent("no agent is running in the guest");

impl Hindrance {
    pub(super) fn state(self) -> State {
        match self {
            Self::Absent(_) => State::Absent,
            Self::Stopped(_) => State::Unresponsive,
        }
    }

    /// What a call that comes meanwhile is told.
    pub(super) fn refusal(self) -> (NotSent, &'static str) {
        match self {
            Self::Absent(text) => (NotSent::Absent, text),
            Self::Stopped(text) => (NotSent::Busy, text),
        }
    }
}

impl News {
    /// Nothing is known that hinders the agent.
    pub(super) const NONE: Self = Self { halt: None, open: Some(true), lost: false };

    /// These news with older ones that were not heard yet.
    pub(super) fn after(self, older: Self) -> Self {
        Self { open: self.open.or(older.open), lost: self.lost || older.lost, ..self }
    }
}

impl Guest {
    /// Takes news; returns whether what is on the wire is lost by them.
    pub(super) fn hear(&mut self, news: News) -> bool {
        let was_absent = self.is_absent();
        self.halt = news.halt;
        self.closed = news.open.map_or(self.closed, |open| !open);
        !was_absent && (news.lost || self.is_absent())
    }

    /// The agent answers: it is there, even if its port has no id and the monitor tells no event.
    pub(super) fn answered(&mut self) {
        self.closed = false;
    }

    /// Why the agent cannot answer now.
    pub(super) fn hindrance(&self) -> Option<Hindrance> {
        match self.halt {
            Some(Hindrance::Absent(_)) => self.halt,
            _ if self.closed => Some(NO_AGENT),
            halt => halt,
        }
    }

    /// Whether what is sent is read later.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.hindrance(), Some(Hindrance::Stopped(_)))
    }

    fn is_absent(&self) -> bool {
        matches!(self.hindrance(), Some(Hindrance::Absent(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Hindrance = Hindrance::Absent("down");
    const STOPPED: Hindrance = Hindrance::Stopped("stopped");

    #[test]
    fn an_absence_loses_what_is_on_the_wire_once() {
        let mut guest = Guest::default();
        let closed = News { open: Some(false), ..News::default() };
        assert!(!guest.hear(News::NONE));
        assert!(guest.hear(closed) && !guest.hear(closed));
        assert_eq!(guest.hindrance(), Some(NO_AGENT));
        assert!(!guest.hear(News { halt: Some(DOWN), ..closed }));
        assert_eq!(guest.hindrance(), Some(DOWN), "the more telling of both");
        guest.answered();
        assert!(!guest.hear(News { halt: Some(STOPPED), ..News::default() }));
        assert_eq!(guest.hindrance(), Some(STOPPED), "a stop says nothing of the port");
    }

    #[test]
    fn a_reset_that_is_heard_late_still_loses() {
        let reset = News { open: Some(false), lost: true, ..News::default() };
        let news = News::NONE.after(reset);
        let mut guest = Guest::default();
        assert!(guest.hear(news));
        assert_eq!(guest.hindrance(), None);
    }
}
