//! What was looked at, and what to do about it.

use std::fmt;

use serde::Serialize;

use crate::printable::printable;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    /// It keeps nobody from a call, or could not be looked at.
    Note,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    verdict: Verdict,
    /// What it is about: `bus`, `socket`.
    about: &'static str,
    text: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn good(&mut self, about: &'static str, text: impl Into<String>) {
        self.add(Verdict::Good, about, text.into(), "");
    }

    /// Without a command that mends it, if that is empty.
    pub(super) fn note(&mut self, about: &'static str, text: impl Into<String>, mend: &str) {
        self.add(Verdict::Note, about, text.into(), mend);
    }

    pub(super) fn bad(&mut self, about: &'static str, text: impl Into<String>, mend: &str) {
        self.add(Verdict::Bad, about, text.into(), mend);
    }

    fn add(&mut self, verdict: Verdict, about: &'static str, text: String, mend: &str) {
        // Guests name their versions and users their files, and this goes to a terminal.
        let mend = (!mend.is_empty()).then(|| printable(mend));
        self.0.push(Finding { verdict, about, text: printable(&text), mend });
    }

    /// How many things are wrong.
    pub(super) fn wrong(&self) -> usize {
        self.0.iter().filter(|finding| finding.verdict == Verdict::Bad).count()
    }
}

/// For people: a line each, one more for what mends it, and the sum.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { verdict, about, text, mend } in &self.0 {
            let verdict = match verdict {
                Verdict::Good => "ok",
                Verdict::Note => "note",
                Verdict::Bad => "BAD",
            };
            writeln!(f, "{verdict:<5}{about:<9}{text}")?;
            if let Some(mend) = mend {
                writeln!(f, "{:<14}-> {mend}", "")?;
            }
        }
        match self.wrong() {
            0 => f.write_str("all is well"),
            1 => f.write_str("1 thing is wrong"),
            wrong => write!(f, "{wrong} things are wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_counted_and_what_mends_it_follows() {
        let mut report = Report::default();
        report.good("bus", "answers");
        report.note("socket", "there are no machines", "");
        assert!(report.to_string().ends_with("all is well"));
        report.bad("unit", "it is\u{1b} masked", "unmask it");
        assert_eq!(
            report.to_string(),
            "ok   bus      answers\n\
             note socket   there are no machines\n\
             BAD  unit     it is\\u{1b} masked\n              -> unmask it\n\
             1 thing is wrong"
        );
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.ends_with(
            r#"{"verdict":"bad","about":"unit","text":"it is\\u{1b} masked","mend":"unmask it"}]"#
        ));
    }
}
