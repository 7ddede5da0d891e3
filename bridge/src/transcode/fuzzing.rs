//! What fuzz targets see of the inside of the transcoders.

use super::{Call, Refused, reader::Reader, refusal::Problem, shape::Method, to_json::read};

/// [`super::call`] on bytes that no bus has let pass.
///
/// # Errors
///
/// As there.
pub fn call(
    method: &Method,
    signature: &str,
    body: &[u8],
    big_endian: bool,
) -> Result<Call, Refused> {
    read(method, signature.as_bytes(), Reader::new(body, big_endian), &|_| None)
        .map_err(|problem| Problem::refuse(problem, method, signature))
}
