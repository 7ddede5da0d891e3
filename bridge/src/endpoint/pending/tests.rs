use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{Entry, Owner, Pending};
use crate::endpoint::{Completion, Outcome};

type Told = Arc<Mutex<Vec<String>>>;

fn entry(serial: u64, id: Option<u64>, told: &Told) -> Entry {
    let told = told.clone();
    let completion = Completion::new(move |outcome| {
        let text = match outcome {
            Outcome::Return(value) => String::from_utf8_lossy(value).into_owned(),
            Outcome::Unknown(kind, _) => format!("{kind:?}"),
            other => format!("{other:?}"),
        };
        told.lock().unwrap().push(format!("{serial}: {text}"));
    });
    Entry { id, ..Entry::new(serial, Owner::Call(completion), "c".into(), Instant::now()) }
}

fn serial(entry: Option<Entry>) -> Option<u64> {
    entry.map(|entry| entry.serial)
}

#[test]
fn without_an_id_replies_pair_in_order() {
    let (mut pending, told) = (Pending::default(), Told::default());
    pending.push(entry(1, None, &told));
    pending.push_aside(entry(2, Some(20), &told));
    pending.push(entry(3, None, &told));
    assert_eq!(serial(pending.answer(None, 0)), Some(1));
    assert_eq!(serial(pending.answer(None, 0)), Some(3));
    assert_eq!(serial(pending.answer(None, 0)), None);
    assert_eq!(pending.answered(), 2);
}

#[test]
fn an_id_pairs_aside_or_with_the_front_only() {
    let (mut pending, told) = (Pending::default(), Told::default());
    pending.push(entry(1, Some(10), &told));
    pending.push(entry(2, Some(11), &told));
    pending.push_aside(entry(3, Some(20), &told));
    assert_eq!(serial(pending.answer(Some(11), 0)), None, "not its turn");
    assert_eq!(serial(pending.answer(Some(20), 0)), Some(3));
    assert_eq!(serial(pending.answer(Some(20), 0)), None);
    assert_eq!(serial(pending.answer(Some(10), 0)), Some(1));
    assert_eq!(serial(pending.answer(Some(11), 0)), Some(2));
}

#[test]
fn an_entry_of_which_no_byte_left_is_not_answered() {
    let (mut pending, told) = (Pending::default(), Told::default());
    pending.push(entry(1, Some(10), &told));
    pending.push_aside(entry(2, Some(20), &told));
    for id in [None, Some(10)] {
        assert_eq!(serial(pending.answer(id, 1)), None);
    }
    assert_eq!(serial(pending.answer(Some(20), 2)), None);
    assert_eq!(serial(pending.oldest_aside(2)), None);
    assert_eq!(pending.answered(), 0);
}

#[test]
fn an_entry_that_expired_keeps_its_place_until_forgotten() {
    let (mut pending, told) = (Pending::default(), Told::default());
    let now = Instant::now();
    pending.push(Entry { deadline: Some(now), ..entry(1, None, &told) });
    pending.push(entry(2, None, &told));
    assert_eq!(pending.deadline(), Some(now));
    assert!(pending.expire(now));
    assert!(!pending.expire(now));
    assert_eq!(*told.lock().unwrap(), ["1: Timeout"]);
    assert_eq!((pending.in_order(), pending.deadline()), (2, None));
    pending.forget_told();
    assert_eq!(serial(pending.answer(None, 0)), Some(2));
}

#[test]
fn silence_counts_from_the_last_byte() {
    let (mut pending, told) = (Pending::default(), Told::default());
    let now = Instant::now();
    let grace = Duration::from_secs(3);
    pending.push_aside(Entry { silent: true, ..entry(1, Some(1), &told) });
    assert_eq!(pending.deadline(), None);
    pending.sent(1, now, grace);
    assert!(!pending.expire(now + grace - Duration::from_millis(1)));
    assert!(told.lock().unwrap().is_empty());
    assert!(!pending.expire(now + grace), "no answer is missed");
    assert_eq!(*told.lock().unwrap(), ["1: {}"]);
}

#[test]
fn nobody_is_forgotten_at_the_end() {
    let (mut pending, told) = (Pending::default(), Told::default());
    pending.push(entry(1, None, &told));
    pending.push_aside(entry(2, Some(2), &told));
    assert!(pending.has_callers());
    assert_eq!(pending.take_all().count(), 2);
    assert!(pending.is_empty() && !pending.has_callers());
    assert_eq!(*told.lock().unwrap(), ["1: ConnectionLost", "2: ConnectionLost"]);
}
