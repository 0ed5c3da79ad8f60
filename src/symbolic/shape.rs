//! Whether an expression is a for-all, over the elements of a pod, over the items of a list, or over names.

/// How the truth of an expression depends on the members of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// Not at all; or only on the member at hand.
    #[default]
    Free,
    /// On one given name.
    Single,
    /// Something holds of every member.
    All,
    /// Something holds of some member.
    Some,
    /// In no way that is known.
    Mixed,
}

impl Shape {
    pub fn not(self) -> Self {
        match self {
            Self::All => Self::Some,
            Self::Some => Self::All,
            other => other,
        }
    }

    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Free, other) | (other, Self::Free) => other,
            (Self::Single | Self::All, Self::Single | Self::All) => Self::All,
            _ => Self::Mixed,
        }
    }

    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// Under a quantifier over other things.
    pub fn under(self, all: bool) -> Self {
        match (self, all) {
            (Self::Free, _) => Self::Free,
            (Self::All | Self::Single, true) => Self::All,
            (Self::Some | Self::Single, false) => Self::Some,
            _ => Self::Mixed,
        }
    }

    /// Quantified over: what is said of the member at hand must not depend on others.
    pub fn quantified(self, all: bool) -> Self {
        match (self, all) {
            (Self::Free, true) => Self::All,
            (Self::Free, false) => Self::Some,
            (Self::All, true) => Self::All,
            (Self::Some, false) => Self::Some,
            _ => Self::Mixed,
        }
    }

    /// In a place where only what does not depend may stand.
    pub fn within(self) -> Self {
        if self == Self::Free { Self::Free } else { Self::Mixed }
    }

    /// A choice between two by something that does not depend.
    pub fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Free, other) | (other, Self::Free) => other,
            (one, other) if one == other && one != Self::Single => one,
            (Self::Single, Self::All) | (Self::All, Self::Single) => Self::All,
            (Self::Single, Self::Some) | (Self::Some, Self::Single) => Self::Some,
            _ => Self::Mixed,
        }
    }
}

/// The shapes over containers and volumes, over the items of their lists, and over names of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Over {
    pub elements: Shape,
    pub items: Shape,
    pub names: Shape,
}

impl Over {
    pub fn each(self, with: impl Fn(Shape) -> Shape) -> Self {
        Self { elements: with(self.elements), items: with(self.items), names: with(self.names) }
    }

    pub fn join(self, other: Self, with: impl Fn(Shape, Shape) -> Shape) -> Self {
        Self {
            elements: with(self.elements, other.elements),
            items: with(self.items, other.items),
            names: with(self.names, other.names),
        }
    }

    /// Whether it is a for-all as it stands (`true`) or negated (`false`); `None` if it is neither.
    pub fn polarity(self) -> Option<bool> {
        let all = [self.elements, self.items, self.names];
        let has = |shape| all.contains(&shape);
        match (has(Shape::Mixed), has(Shape::All), has(Shape::Some)) {
            (true, ..) | (_, true, true) => None,
            (_, _, some) => Some(!some),
        }
    }
}
