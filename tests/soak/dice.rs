//! Chance that a seed repeats.

/// A generator of numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The generator of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A number of milliseconds in a range.
    pub(crate) fn millis(&mut self, range: std::ops::Range<usize>) -> std::time::Duration {
        let millis = range.start + self.below(range.len());
        std::time::Duration::from_millis(millis as u64)
    }

    /// One of a list.
    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// One of a list in which each stands with its weight.
    pub(crate) fn weighed<T: Copy>(&mut self, list: &[(T, usize)]) -> T {
        let total = list.iter().map(|(_, weight)| weight).sum();
        let mut place = self.below(total);
        for &(item, weight) in list {
            match place.checked_sub(weight) {
                Some(rest) => place = rest,
                None => return item,
            }
        }
        unreachable!("the place is below the sum of the weights")
    }

    /// That many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
