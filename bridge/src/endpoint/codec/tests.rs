use proptest::prelude::*;

use super::{
    Bound, Decoder, Excess, Frame,
    frames::{Owned, frames},
};
use crate::endpoint::{Budget, Limits, Protocol};

impl Owned {
    fn message(text: &str) -> Self {
        Self::Message(text.into())
    }
}

fn limits() -> Limits {
    Limits { message: 64, nodes: 12, depth: 4, ..Limits::new(Protocol::Qmp) }
}

fn whole(text: impl AsRef<[u8]>) -> Vec<Owned> {
    frames(limits(), [text.as_ref()])
}

#[test]
fn messages_are_found_by_their_brackets() {
    assert_eq!(
        whole("{\"a\": 1}\r\n \t{}{\"b\":\"}\\\"{\"}\n"),
        [Owned::message("{\"a\": 1}"), Owned::message("{}"), Owned::message(r#"{"b":"}\"{"}"#)]
    );
    let pretty = "{\r\n    \"return\": [\r\n        {\r\n        }\r\n    ]\r\n}";
    assert_eq!(whole(pretty), [Owned::message(pretty)]);
}

#[test]
fn text_that_is_no_message_is_skipped_to_the_end_of_its_line() {
    let next = Owned::message("{}");
    for text in ["<html>{}\n{}", "]]\n{}", "\"a\"\n{}", "\0\n{}", "1 2\r\n{}"] {
        assert_eq!(whole(text), [Owned::Garbage, next.clone()], "{text:?}");
    }
    assert_eq!(whole(b"x{}\xFF{}"), [Owned::Garbage, Owned::Mark, next]);
}

#[test]
fn a_message_that_breaks_off_does_not_swallow_the_next() {
    let next = "{\"return\":{}}";
    for half in [
        "{",
        "{\"a",
        "{\"a\"",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":[1",
        "{\"a\":\"b",
        "{\"a\":\"b\\",
        "{\"a\":[{},{\"b\"",
        "{\"a\":[1}",
    ] {
        let text = format!("{half}\n{next}");
        assert_eq!(whole(&text), [Owned::Garbage, Owned::message(next)], "{half}");
    }
    for half in ["{\"a\":", "{\"a\":[", "{\"a\":[1,"] {
        let text = format!("{half}\n{next}\n{next}\n{next}");
        let found = whole(&text);
        assert_eq!(found[0], Owned::Garbage, "{half}");
        assert_eq!(found.last(), Some(&Owned::message(next)), "{half}");
    }
    assert_eq!(whole(b"{\"a\":\xFF{}"), [Owned::Garbage, Owned::Mark, Owned::message("{}")]);
    assert_eq!(whole(b"{\"a\":\"\xFF{}"), [Owned::Garbage, Owned::Mark, Owned::message("{}")]);
}

#[test]
fn limits_are_exact() {
    let bytes = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    let nodes = |nodes: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(nodes - 3));
    let depth =
        |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    for (fits, exceeds) in [(bytes(64), bytes(65)), (nodes(12), nodes(13)), (depth(4), depth(5))] {
        assert_eq!(whole(&fits), [Owned::message(&fits)]);
        let next = format!("{exceeds}\n{{}}");
        assert_eq!(whole(&next), [Owned::TooLarge(exceeds.into()), Owned::message("{}")]);
    }
}

#[test]
fn of_a_message_above_a_limit_only_beginning_and_end_are_kept() {
    let text = format!("{{\"return\":\"{}\",\"id\":7}}", "x".repeat(1 << 20));
    let mut decoder = Decoder::new(&limits(), &Budget::new());
    let mut found = Vec::new();
    for mut piece in text.as_bytes().chunks(1000) {
        while let Some(frame) = decoder.next(&mut piece) {
            found.push(Owned::from(frame));
        }
        assert!(decoder.kept.capacity() <= 4096);
    }
    let kept = [&text.as_bytes()[..1024], &text.as_bytes()[text.len() - 64..]].concat();
    assert_eq!(found, [Owned::TooLarge(kept)]);
}

#[test]
fn the_memory_of_a_large_message_is_given_back() {
    let text = format!("{{\"return\":\"{}\"}}", "x".repeat(1 << 20));
    let mut decoder = Decoder::new(&Limits::new(Protocol::Qmp), &Budget::new());
    let (head, mut tail) = text.as_bytes().split_at(1 << 19);
    let mut head = head;
    assert_eq!(decoder.next(&mut head), None);
    assert!(decoder.next(&mut tail).is_some());
    assert_eq!(decoder.next(&mut tail), None);
    assert_eq!(decoder.kept.capacity(), 0);
}

#[test]
fn the_limit_can_change_between_messages() {
    let mut decoder = Decoder::new(&limits(), &Budget::new());
    decoder.bound(Bound { bytes: 2, beyond: Excess::Limit });
    let mut input = &b"{\"a\":1}{\"a\":1}"[..];
    assert_eq!(decoder.next(&mut input), Some(Frame::TooLarge(b"{\"a\":1}", Excess::Limit)));
    decoder.bound(Bound { bytes: 7, beyond: Excess::Limit });
    assert_eq!(decoder.next(&mut input), Some(Frame::Message(b"{\"a\":1}")));
}

/// A message of so many bytes, in pieces as a socket gives them.
fn feed(decoder: &mut Decoder, size: usize) -> Option<Owned> {
    let text = format!("{{\"return\":\"{}\"}}", "x".repeat(size - 13));
    let mut found = None;
    for mut piece in text.as_bytes().chunks(64 << 10) {
        while let Some(frame) = decoder.next(&mut piece) {
            found = Some(frame.into());
        }
    }
    found
}

#[test]
fn the_limits_of_both_protocols_are_exact() {
    let longest = 16 << 20;
    for protocol in [Protocol::Qmp, Protocol::Qga] {
        let mut decoder = Decoder::new(&Limits::new(protocol), &Budget::new().share());
        assert!(matches!(feed(&mut decoder, longest), Some(Owned::Message(_))));
        assert!(matches!(feed(&mut decoder, longest + 1), Some(Owned::TooLarge(_))));
    }
    let mut decoder = Decoder::new(&Limits::new(Protocol::Qmp), &Budget::new());
    let nodes = |nodes: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(nodes - 3));
    let depth =
        |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    for (fits, exceeds) in [(nodes(200_000), nodes(200_001)), (depth(512), depth(513))] {
        assert!(matches!(decoder.next(&mut fits.as_bytes()), Some(Frame::Message(_))));
        assert!(matches!(
            decoder.next(&mut exceeds.as_bytes()),
            Some(Frame::TooLarge(_, Excess::Limit))
        ));
    }
}

#[test]
fn who_drips_a_long_line_leaves_room_for_the_others() {
    let budget = Budget::new();
    let mut dripping = Decoder::new(&Limits::new(Protocol::Qga), &budget.share());
    let mut line = &[b"{\"return\":\"", &vec![b'x'; 15 << 20][..]].concat()[..];
    assert_eq!(dripping.next(&mut line), None);
    let mut other = Decoder::new(&Limits::new(Protocol::Qmp), &budget.share());
    assert!(matches!(feed(&mut other, 10 << 20), Some(Owned::Message(_))));
    assert!(matches!(feed(&mut other, 12 << 20), Some(Owned::TooLarge(_))));
    drop(dripping);
    assert!(matches!(feed(&mut other, 12 << 20), Some(Owned::Message(_))));
    drop(other);
    assert_eq!(budget.free(), Budget::new().free());
}

#[test]
fn what_nobody_waits_for_any_more_is_given_back_at_once() {
    let budget = Budget::new();
    let mut decoder = Decoder::new(&Limits::new(Protocol::Qga), &budget);
    let mut line = &[b"{\"return\":\"", &vec![b'x'; 1 << 20][..]].concat()[..];
    assert_eq!(decoder.next(&mut line), None);
    decoder.bound(Bound { bytes: 64 << 10, beyond: Excess::Unawaited });
    assert!(decoder.kept.capacity() <= 4096);
    assert_eq!(budget.free(), Budget::new().free());
    let rest = decoder.next(&mut &b"\"}"[..]).map(Owned::from);
    assert!(matches!(rest, Some(Owned::TooLarge(_))));
}

#[test]
fn a_message_that_began_unawaited_stays_so() {
    let mut decoder = Decoder::new(&Limits::new(Protocol::Qga), &Budget::new());
    decoder.bound(Bound { bytes: 4, beyond: Excess::Unawaited });
    assert_eq!(decoder.next(&mut &b"{\"a"[..]), None);
    decoder.bound(Bound { bytes: 6, beyond: Excess::Limit });
    let found = decoder.next(&mut &b"\":1}"[..]);
    assert!(matches!(found, Some(Frame::TooLarge(_, Excess::Unawaited))), "{found:?}");
}

/// Pieces of JSON, whole and broken, of garbage, and single bytes.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let parts =
        prop::sample::select(vec![
        &b"{\"return\":{}}"[..], b"{\"a\":[1,{\"b\":null}]}\r\n", b"{", b"}", b"[", b"]", b",",
        b":", b"\"", b"\\", b"\\\"", b"\n", b" ", b"\xFF", b"\0", b"x", b"\"key\"", b"12",
        b"\"a long string without anything special in it, longer than the limit of these tests\"",
        b"{\"d\":[[[[[[]]]]]]}", b"{\"n\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0]}",
    ]);
    prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_how_the_bytes_are_cut(text in soup(), size in 1_usize..40) {
        let at_once = whole(&text);
        prop_assert_eq!(&frames(limits(), text.chunks(size)), &at_once);
        prop_assert_eq!(&frames(limits(), text.chunks(1)), &at_once);
    }

    #[test]
    fn a_message_is_found_behind_anything_and_a_mark(text in soup()) {
        let text = [&text[..], b"\xFF{\"return\":1}"].concat();
        let found = whole(&text);
        let (mark, message) = (Owned::Mark, Owned::message("{\"return\":1}"));
        prop_assert_eq!(&found[found.len() - 2..], [mark, message]);
    }

    #[test]
    fn every_value_of_a_peer_is_one_message(value in prop::collection::vec(any::<(String, String)>(), 0..6)) {
        let map: serde_json::Map<_, _> =
            value.into_iter().map(|(key, value)| (key, value.into())).collect();
        let text = serde_json::to_string(&map).unwrap();
        let unlimited = Limits::new(Protocol::Qmp);
        let found = frames(unlimited, text.as_bytes().chunks(7));
        prop_assert_eq!(found, [Owned::message(&text)]);
    }
}
