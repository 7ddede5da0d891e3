//! What benches see of the inside of an endpoint.

use super::{Budget, Limits, Protocol, codec::Decoder};

/// Cuts a peer's bytes into messages, and returns their number.
pub fn frames(mut bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new(&Limits::new(Protocol::Qmp), &Budget::new());
    let mut count = 0;
    while decoder.next(&mut bytes).is_some() {
        count += 1;
    }
    count
}
