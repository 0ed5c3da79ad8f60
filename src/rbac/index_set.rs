//! A set of small numbers, above all of policies by their position in the list that [`super::Rbac`] was built with.
//!
//! Numbers below 64 need no allocation. Equal sets are equal values: no trailing empty words are kept.

/// Policies by position, iterated in ascending order: with policies listed by name, the plug-in's order.
pub type PolicySet = IndexSet;

/// A set of positions in some list, iterated in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexSet {
    first: u64,
    rest: Vec<u64>,
}

impl IndexSet {
    /// Puts a position in.
    pub fn insert(&mut self, index: usize) {
        let bit = 1 << (index % 64);
        match (index / 64).checked_sub(1) {
            None => self.first |= bit,
            Some(word) => {
                if self.rest.len() <= word {
                    self.rest.resize(word + 1, 0);
                }
                if let Some(slot) = self.rest.get_mut(word) {
                    *slot |= bit;
                }
            }
        }
    }

    /// Whether the position is in.
    pub fn contains(&self, index: usize) -> bool {
        self.word(index / 64) >> (index % 64) & 1 == 1
    }

    /// Puts everything in that the other set holds.
    pub fn union_with(&mut self, other: &Self) {
        self.first |= other.first;
        if self.rest.len() < other.rest.len() {
            self.rest.resize(other.rest.len(), 0);
        }
        for (mine, theirs) in self.rest.iter_mut().zip(&other.rest) {
            *mine |= theirs;
        }
    }

    /// Whether every position of the other set is in.
    pub fn includes(&self, other: &Self) -> bool {
        other.iter().all(|index| self.contains(index))
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.first == 0 && self.rest.is_empty()
    }

    /// How many positions are in.
    pub fn len(&self) -> usize {
        let bits = |word: &u64| usize::try_from(word.count_ones()).unwrap_or(0);
        bits(&self.first) + self.rest.iter().map(bits).sum::<usize>()
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..=self.rest.len()).flat_map(|word| Bits(self.word(word)).map(move |bit| word * 64 + bit))
    }

    fn word(&self, index: usize) -> u64 {
        match index.checked_sub(1) {
            None => self.first,
            Some(index) => self.rest.get(index).copied().unwrap_or(0),
        }
    }
}

impl FromIterator<usize> for IndexSet {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        let mut set = Self::default();
        indices.into_iter().for_each(|index| set.insert(index));
        set
    }
}

/// The positions of the ones in a word, ascending.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = usize::try_from(self.0.trailing_zeros()).ok()?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_set_of_numbers(a: Vec<u8>, b: Vec<u8>) {
            let numbers = |list: &[u8]| list.iter().map(|&n| usize::from(n)).collect::<BTreeSet<_>>();
            let (a, b) = (numbers(&a), numbers(&b));
            let mut set: IndexSet = a.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), a.clone());
            let other: IndexSet = b.iter().copied().collect();
            prop_assert_eq!(set.includes(&other), a.is_superset(&b));
            set.union_with(&other);
            let both: BTreeSet<usize> = a.union(&b).copied().collect();
            prop_assert!((0..300).all(|n| set.contains(n) == both.contains(&n)));
            prop_assert_eq!(set.len(), both.len());
            prop_assert_eq!(set.is_empty(), both.is_empty());
            prop_assert_eq!(set, both.into_iter().collect());
        }
    }
}
