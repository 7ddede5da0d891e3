//! Versions of the schemas that do not exist: the real ones with compatible changes anywhere.

use std::{collections::BTreeMap, sync::LazyLock};

use proptest::{prelude::*, sample::Index};
use qapi_codegen::{
    dbus::{Ledger, Protocol},
    diff,
    model::Schema,
};

use crate::{
    changes::Change,
    released::{ledger, released, schemas, serve, signatures},
};

#[test]
fn compatible_change_of_every_place_leaves_every_promised_signature() {
    for real in Protocol::ALL.map(Real::largest) {
        for change in Change::ALL {
            let mut schema = real.schema.clone();
            let places = change.places(&schema);
            let mut applied = 0;
            for place in 0..places {
                applied += usize::from(change.apply(&mut schema, place, 3 * place));
            }
            let has_events = !real.schema.events.is_empty();
            let of_events = matches!(change, Change::AddEventMember | Change::RemoveEvent);
            assert!(applied > 0 || of_events && !has_events, "{change:?}");
            real.check(&schema).unwrap_or_else(|broken| panic!("{change:?}: {broken}"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn compatible_changes_together_leave_every_promised_signature(
        real in any::<Index>(),
        edits in prop::collection::vec(any::<(Index, Index, u16)>(), 1..40),
    ) {
        let real = real.get(&REAL);
        let mut schema = real.schema.clone();
        for (change, place, pick) in edits {
            let change = change.get(&Change::ALL);
            let places = change.places(&schema);
            if places > 0 {
                change.apply(&mut schema, place.index(places), pick.into());
            }
        }
        prop_assert_eq!(real.check(&schema), Ok(()));
    }
}

/// A real schema and what its interface promises.
struct Real {
    protocol: Protocol,
    schema: Schema,
    ledger: Ledger,
    released: BTreeMap<String, String>,
}

static REAL: LazyLock<Vec<Real>> = LazyLock::new(|| {
    let of = |protocol: Protocol| {
        schemas(protocol).into_iter().map(move |schema| {
            let ledger = ledger(protocol);
            let released = released(protocol, &ledger);
            Real { protocol, schema, ledger, released }
        })
    };
    Protocol::ALL.into_iter().flat_map(of).collect()
});

impl Real {
    fn largest(protocol: Protocol) -> &'static Self {
        let of = REAL.iter().filter(|real| real.protocol == protocol);
        of.max_by_key(|real| real.schema.commands.len()).unwrap()
    }

    /// Whether the generator serves a version of the schema as it was promised, and whether `diff`
    /// comes to the same.
    fn check(&self, version: &Schema) -> Result<(), String> {
        let served = signatures(&serve(self.protocol, version, &self.ledger));
        for (name, signature) in &self.released {
            if served.get(name) != Some(signature) {
                return Err(format!("{name} is {:?}, was {signature}", served.get(name)));
            }
        }
        let report = diff::diff(&self.schema, version, &self.ledger);
        if report.breaks() { Err(diff::print_text(&report).to_string()) } else { Ok(()) }
    }
}
