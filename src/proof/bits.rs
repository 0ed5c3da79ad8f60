//! A set of small numbers: which cells of a facet a statement holds in.

/// A set of the numbers below a fixed length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    /// All numbers below `length`, or none.
    pub fn new(length: usize, all: bool) -> Self {
        let mut bits = Self(vec![if all { u64::MAX } else { 0 }; length.div_ceil(64)].into());
        if let (Some(last), 1.., true) = (bits.0.last_mut(), length % 64, all) {
            *last = (1 << (length % 64)) - 1;
        }
        bits
    }

    /// Adds what is not in the other, of the numbers that `all` holds.
    pub fn add_missing(&mut self, other: &Self, all: &Self) {
        let words = self.0.iter_mut().zip(other.0.iter().zip(&all.0));
        words.for_each(|(own, (other, all))| *own |= all & !other);
    }

    /// Takes away the numbers of a range.
    pub fn clear(&mut self, range: std::ops::Range<usize>) {
        range.for_each(|at| self.set(at, false));
    }

    pub fn get(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub fn set(&mut self, at: usize, value: bool) {
        if let Some(word) = self.0.get_mut(at / 64) {
            let bit = 1 << (at % 64);
            *word = if value { *word | bit } else { *word & !bit };
        }
    }

    /// Takes away what is not in the other.
    pub fn intersect(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }

    /// Whether the other holds all of it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own & !other == 0)
    }
}
