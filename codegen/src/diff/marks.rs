//! Features and conditions: what a schema says of a definition or a part of it.

use super::{change::Kind, recorder::Recorder};
use crate::model::{Condition, Feature, Info};

/// What the old schema says of the future of something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) deprecated: bool,
    pub(super) unstable: bool,
}

impl Marks {
    pub(super) fn of(info: &Info) -> Self {
        Self::from(info.features.as_slice())
    }
}

impl From<&[Feature]> for Marks {
    fn from(features: &[Feature]) -> Self {
        let has = |name| features.iter().any(|feature| feature.name == name);
        Self { deprecated: has("deprecated"), unstable: has("unstable") }
    }
}

/// Compares what is said of a whole definition.
pub(super) fn compare_info(recorder: &mut Recorder, old: &Info, new: &Info) {
    compare_features(recorder, "", &old.features, &new.features);
    compare_conditions(recorder, "", old.condition.as_ref(), new.condition.as_ref());
}

/// Compares the features of the part at `path`.
pub(super) fn compare_features(
    recorder: &mut Recorder,
    path: &str,
    old: &[Feature],
    new: &[Feature],
) {
    let marks = Marks::from(old);
    for feature in new {
        match old.iter().find(|other| other.name == feature.name) {
            Some(other) => {
                let path = join(path, &format!("feature {}", feature.name));
                let conditions = (other.condition.as_ref(), feature.condition.as_ref());
                compare_conditions(recorder, &path, conditions.0, conditions.1);
            }
            None if feature.name == "deprecated" => {
                recorder.add(Kind::Deprecated, path, None, None, marks);
            }
            None => {
                recorder.add(Kind::FeatureAdded, path, None, Some(feature.name.clone()), marks);
            }
        }
    }
    for feature in old.iter().filter(|old| !new.iter().any(|new| new.name == old.name)) {
        recorder.add(Kind::FeatureRemoved, path, Some(feature.name.clone()), None, marks);
    }
}

/// Compares the conditions of the part at `path`.
pub(super) fn compare_conditions(
    recorder: &mut Recorder,
    path: &str,
    old: Option<&Condition>,
    new: Option<&Condition>,
) {
    if old != new {
        let (before, after) = (old.map(text), new.map(text));
        recorder.add(Kind::ConditionChanged, path, before, after, Marks::default());
    }
}

/// A path and a part of what it leads to.
pub(super) fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.into() } else { format!("{path}.{part}") }
}

fn text(condition: &Condition) -> String {
    let all = |conditions: &[Condition], operator: &str| {
        conditions.iter().map(operand).collect::<Vec<_>>().join(operator)
    };
    match condition {
        Condition::Symbol(symbol) => symbol.clone(),
        Condition::All(conditions) => all(conditions, " && "),
        Condition::Any(conditions) => all(conditions, " || "),
        Condition::Not(condition) => format!("!{}", operand(condition)),
    }
}

fn operand(condition: &Condition) -> String {
    match condition {
        Condition::Symbol(_) | Condition::Not(_) => text(condition),
        Condition::All(_) | Condition::Any(_) => format!("({})", text(condition)),
    }
}
