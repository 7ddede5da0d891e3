//! A list of structures as the body of a message, for the bridge's own methods: QAPI has none.

use serde::{
    Serialize, Serializer,
    ser::{SerializeSeq, SerializeTuple},
};
use zbus::wire::{DynamicType, Signature};

use super::{
    shape::Shape,
    to_dbus::{Part, signature},
};

/// The list of arguments, the array and the structure around each value.
const DEPTH: usize = 3;

/// `a(…)`: rows with one value for each column, whose shapes the values fit.
#[derive(Debug)]
pub struct Rows<'a> {
    columns: &'a [Shape],
    rows: &'a [Vec<Part<'a>>],
}

impl<'a> Rows<'a> {
    /// Rows of these columns; without rows the columns still say the type.
    pub fn new(columns: &'a [Shape], rows: &'a [Vec<Part<'a>>]) -> Self {
        Self { columns, rows }
    }
}

impl DynamicType for Rows<'_> {
    fn signature(&self) -> Signature {
        let fields = self.columns.iter().map(|shape| signature(*shape));
        Signature::array(Signature::structure(fields.collect::<Vec<_>>()))
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.rows.len()))?;
        self.rows.iter().try_for_each(|row| list.serialize_element(&Row(row)))?;
        list.end()
    }
}

struct Row<'a>(&'a [Part<'a>]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|part| fields.serialize_element(&part.typed(DEPTH)))?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcode::{Head, Json, shape::UNKNOWN};
    use zbus::{Message, Variant};

    const COLUMNS: [Shape; 2] = [Shape::Uint64, Shape::Object(&UNKNOWN)];

    fn message(rows: &[Vec<Part<'_>>]) -> Message {
        let message =
            crate::transcode::message(Head::signal("/x", "x.y", "Z"), &Rows::new(&COLUMNS, rows))
                .unwrap();
        message.body().validate().unwrap();
        assert_eq!(message.body().signature().to_string(), "a(ta{sv})");
        message
    }

    fn row(number: u64, json: Json<'_>) -> Vec<Part<'_>> {
        let [first, second] = COLUMNS;
        vec![
            Part { name: "number", shape: first, value: Json::from(number) },
            Part { name: "data", shape: second, value: json },
        ]
    }

    #[test]
    fn rows_are_structures() {
        type Read<'a> = Vec<(u64, std::collections::HashMap<&'a str, Variant<'a>>)>;
        message(&[]);
        let data = Json::parse(br#"{"a":1}"#).unwrap();
        let message = message(&[row(1, data.clone()), row(2, data)]);
        let body = message.body();
        let read: Read<'_> = body.deserialize().unwrap();
        assert_eq!((read[0].0, read[1].0), (1, 2));
        assert_eq!(read[1].1["a"], Variant::from(1i64));
    }

    #[test]
    fn deep_values_are_within_the_limit() {
        for levels in 15..30 {
            let text = format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
            message(&[row(1, Json::parse(text.as_bytes()).unwrap())]);
        }
    }
}
