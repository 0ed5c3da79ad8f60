//! Quantifiers over what a pod holds: containers, volumes, the items of their lists, names of capabilities.

use super::{Abs, Named, Path, Seen, Shape, Unit};

/// What the quantifiers around an expression range over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    elements: Elements,
    items: Vec<Path>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Elements {
    #[default]
    Nothing,
    Containers,
    Volumes,
}

impl Around {
    /// Whether there is no quantifier over parts of the pod.
    pub fn is_nothing(&self) -> bool {
        self.elements == Elements::Nothing && self.items.is_empty()
    }

    /// Steps into a quantifier over a list; gives what was around before.
    pub fn enter(&mut self, list: &Abs) -> Self {
        let outer = self.clone();
        if list.is_elements() {
            let volumes = list.at.iter().any(|(path, _)| path.last().is_some_and(|last| last == "volumes"));
            self.elements = if volumes { Elements::Volumes } else { Elements::Containers };
        } else if is_item_list(list) {
            self.items.extend(list.paths());
        }
        outer
    }

    /// Steps out again: what is said of all members of the list, or of some, where `body` is said of one.
    pub fn leave(&mut self, outer: Self, range: &Seen, mut body: Seen, all_of: bool) -> Seen {
        let inner = std::mem::replace(self, outer);
        let list = &range.abs;
        let judged = body.abs.clone();
        body.consume(&judged);
        let mut all = Seen::default();
        all.takes(range);
        let mut over = body.over;
        if list.is_elements() {
            let outermost = self.elements == Elements::Nothing;
            let related = !outermost && !only_mounts(self.elements, inner.elements, &body);
            over.elements = if related { Shape::Mixed } else { over.elements.quantified(all_of) };
            over.items = over.items.under(all_of);
            over.names = over.names.under(all_of);
            all.reads.units.extend(inner.presence(&body));
        } else if list.is_names() {
            over.names = if body.over.names == Shape::Free { Shape::Free.quantified(all_of) } else { Shape::Mixed };
            all.consume(list);
        } else if is_item_list(list) {
            over = over.each(|shape| shape.under(all_of));
            over.items = if self.holds(list) { body.over.items.quantified(all_of) } else { Shape::Mixed };
            if list.is_mounts() {
                body.reads.units.insert(Unit::Mount);
            } else {
                body.consume(list);
            }
        } else {
            over = over.each(|shape| shape.under(all_of));
            // A given list of names: each is judged by itself.
            if body.over.names == Shape::Free && !list.elements.is_empty() && reads_names(&body) {
                over.names = Shape::Free.quantified(all_of);
            }
        }
        all.takes(&body);
        all.over =
            over.join(range.over.each(Shape::within), |one, other| if other == Shape::Free { one } else { other });
        all
    }

    /// What tells whether there are elements at all, where nothing is read of them: all of none is true, whatever is said.
    fn presence(&self, body: &Seen) -> Option<Unit> {
        match self.elements {
            Elements::Volumes => Some(Unit::Volume),
            Elements::Containers if body.reads.units.iter().any(Unit::is_of_container) => None,
            Elements::Containers => Some(Unit::Container(vec!["image".to_owned()])),
            Elements::Nothing => None,
        }
    }

    /// Whether a list of items belongs to the item at hand, or to the element at hand.
    fn holds(&self, list: &Abs) -> bool {
        let is_nested = list.paths().iter().all(|path| self.items.iter().all(|outer| path.starts_with(outer)));
        let of_pod = list.paths().iter().any(|path| matches!(Unit::named(path), Named::Unit(Unit::Pod(_), _)));
        is_nested && !(of_pod && self.elements != Elements::Nothing)
    }
}

fn is_item_list(list: &Abs) -> bool {
    !list.at.is_empty() && !list.is_elements() && !list.is_names()
}

/// Whether a quantifier over containers inside one over volumes looks at nothing of a container but its mounts.
fn only_mounts(outer: Elements, inner: Elements, body: &Seen) -> bool {
    let of_container = body.reads.units.iter().any(Unit::is_of_container);
    outer == Elements::Volumes && inner == Elements::Containers && !of_container
}

fn reads_names(body: &Seen) -> bool {
    body.reads.units.contains(&Unit::Container(vec!["securityContext".into(), "capabilities".into()]))
}
