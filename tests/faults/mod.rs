//! Faults: whatever goes wrong, each call has one reply that tells the truth, and nobody else is
//! disturbed.

mod bus;
mod host;
mod lifecycle;
mod peers_absent;
mod peers_garbage;
mod peers_greeting;
mod peers_lost;
mod peers_panic;
mod peers_reading;
mod peers_slow;
mod peers_stale;
mod peers_values;
