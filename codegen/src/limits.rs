//! Bounds on what a schema may cost, so that no input exhausts memory, stack or patience.

/// The bounds. The schemas of QEMU stay below a tenth of each default.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all files together: 16 MiB.
    pub bytes: u64,
    /// Files, the first one included: 1,000.
    pub files: usize,
    /// How deep brackets, includes, bases and union branches may nest, each counted on its own:
    /// 128. Each level takes stack; that of a thread holds about a thousand.
    pub nesting: usize,
    /// Members of all types together once bases are flattened into those that name them, and
    /// again those compared to check union branches: 1,000,000 each.
    pub members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, files: 1_000, nesting: 128, members: 1_000_000 }
    }
}
