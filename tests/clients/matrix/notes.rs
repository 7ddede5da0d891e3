//! What is known of single cells.

use crate::column::Column;

/// A remark on a cell.
#[derive(Debug)]
pub(crate) struct Note {
    client: &'static str,
    column: Column,
    /// Whether the cell is expected to be red.
    pub(crate) red: bool,
    /// Why it is red, or how it became green.
    pub(crate) text: &'static str,
}

/// The note on a cell.
pub(crate) fn note(client: &str, column: Column) -> Option<&'static Note> {
    NOTES.iter().find(|note| note.client == client && note.column == column)
}

const NOTES: &[Note] = &[
    red(
        "busctl",
        Column::Error,
        "busctl prints the text of an error and never its name; for its sake the text begins with \
         the class",
    ),
    green(
        "dbus-send",
        Column::Optional,
        "dbus-send cannot put variants into a dictionary; it sends `a{ss}`, which the bridge takes",
    ),
    green("dbus-send", Column::Nested, "through `Execute`: dbus-send cannot nest dictionaries"),
    green("qdbus", Column::Optional, "through `Execute`: qdbus cannot send a dictionary"),
    green("qdbus", Column::Nested, "through `Execute`: qdbus cannot send a dictionary"),
    red("qdbus", Column::Signal, "qdbus receives no signals"),
    red("qdbus", Column::Property, "qdbus reads properties, but receives no signals"),
    green(
        "jeepney bindgen",
        Column::Introspect,
        "bindgen writes nothing for signals; jeepney receives them by match rules",
    ),
    green(
        "qdbusxml2cpp, C++",
        Column::Introspect,
        "with `QemuEventList` declared, since Qt has no type for the structure of `EventsSince`",
    ),
];

const fn red(client: &'static str, column: Column, text: &'static str) -> Note {
    Note { client, column, red: true, text }
}

const fn green(client: &'static str, column: Column, text: &'static str) -> Note {
    Note { client, column, red: false, text }
}
