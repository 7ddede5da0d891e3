//! The named types that an interface leads to.

use super::*;

const OLDER: &str = "
    { 'enum': 'Mode', 'data': [ 'slow', 'gone' ] }
    { 'enum': 'Idle', 'data': [ 'x' ] }
    { 'alternate': 'Size', 'data': { 'number': 'int' } }
    { 'struct': 'Job', 'data': { 'id': 'str', 'mode': 'Mode', '*size': 'Size' } }
    { 'command': 'query-jobs', 'returns': [ 'Job' ] }
";

const NEWER: &str = "
    { 'enum': 'Mode', 'data': [ { 'name': 'fast', 'features': [ 'unstable' ] },
                               { 'name': 'slow', 'features': [ 'deprecated' ] } ] }
    { 'alternate': 'Size', 'data': { 'all': 'bool', 'number': 'int' } }
    { 'struct': 'Job', 'data': { 'id': 'str', 'mode': 'Mode', 'size': 'Size',
                                 'old': { 'type': 'bool', 'features': [ 'deprecated' ] } } }
    { 'command': 'query-jobs', 'returns': [ 'Job' ] }
";

#[test]
fn enumerations_and_alternates_hold_what_any_release_has() {
    let made = interface(&[OLDER, NEWER]);
    let [mode] = made.enumerations.as_slice() else { panic!("{:?}", made.enumerations) };
    assert_eq!(mode.names().collect::<Vec<_>>(), ["fast", "slow", "gone"]);
    let deprecated = |life: &Life| (life.deprecated, life.unstable);
    assert_eq!(
        mode.values.iter().map(|value| deprecated(&value.life)).collect::<Vec<_>>(),
        [(false, true), (true, false), (false, false)]
    );
    let [size] = made.alternates.as_slice() else { panic!("{:?}", made.alternates) };
    assert_eq!(size.forms, [("all".into(), Shape::Bool), ("number".into(), Shape::Int64)]);
    for module in [&mode.module, &size.module, &made.objects[0].module, &made.methods[0].module] {
        assert_eq!(module, "machine");
    }
}

#[test]
fn members_tell_what_every_release_has() {
    let made = interface(&[OLDER, NEWER]);
    let always: Vec<_> = made.objects[0].members.iter().map(|it| (&*it.name, it.always)).collect();
    assert_eq!(always, [("id", true), ("mode", true), ("old", false), ("size", false)]);
    assert!(made.objects[0].members[2].life.deprecated);
}
