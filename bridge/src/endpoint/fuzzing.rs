//! What fuzz targets see of the inside of an endpoint.

pub use super::{
    codec::frames::{Owned, frames},
    rig::Rig,
};
