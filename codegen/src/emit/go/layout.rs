//! Lines as gofmt aligns them.

/// Lines of columns, and comments between them.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    section: Vec<[String; 3]>,
}

impl Lines {
    /// Adds a line of three columns.
    pub(super) fn row(&mut self, columns: [String; 3]) {
        self.section.push(columns);
    }

    /// Adds a comment; columns are aligned up to it, and anew behind it.
    pub(super) fn comment(&mut self, text: &str) {
        self.flush();
        self.text.push_str(&super::comment("\t", text));
    }

    /// All of it.
    pub(super) fn finish(mut self) -> String {
        self.flush();
        self.text
    }

    fn flush(&mut self) {
        let width = |column: usize| {
            self.section.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let (first, second) = (width(0), width(1));
        for [a, b, c] in self.section.drain(..) {
            self.text.push_str(&format!("\t{a:first$} {b:second$} {c}\n"));
        }
    }
}
