//! Binding chains as a picture: subjects, bindings, roles and policies in four columns, lines between them.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::text::t;
use crate::report::migration::chains::Chain;

const COLUMNS: [&str; 4] = ["subject", "binding", "role", "policy"];
const COLUMN: usize = 270;
const BOX: usize = 218;
const STEP: usize = 34;
const HEIGHT: usize = 26;
const TOP: usize = 24;
/// How many characters fit into a box.
const FITS: usize = 28;
/// More boxes than this in a column are no picture any more.
const MOST: usize = 16;

/// Boxes by column, and lines from a box of one column to a box of the next.
#[derive(Default)]
struct Picture<'a> {
    columns: [Vec<&'a str>; 4],
    lines: BTreeSet<(usize, usize, usize)>,
    left_out: usize,
}

pub(super) fn diagram(name: &str, chains: &[Chain]) -> Markup {
    let picture = Picture::of(chains);
    let rows = picture.columns.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (COLUMN * 3 + BOX + 2, TOP + rows * STEP);
    html! {
        div.picture tabindex="0" role="region" aria-label={ "Diagram of " (name) } { svg.diagram role="img" aria-labelledby={ "diagram-" (name) } viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
            title id={ "diagram-" (name) } { "How " (name) " comes to its policies; the table below says the same" }
            @for (column, head) in COLUMNS.iter().enumerate() { text.head x=(left(column)) y="14" { (head) } }
            @for (column, from, to) in &picture.lines { path d=(line(*column, *from, *to)) {} }
            @for (column, labels) in picture.columns.iter().enumerate() {
                @for (row, label) in labels.iter().enumerate() {
                    g {
                        title { (t(label)) }
                        rect x=(left(column)) y=(top(row)) width=(BOX) height=(HEIGHT) rx="4" {}
                        text x=(left(column) + 8) y=(top(row) + 17) { (t(&shortened(label))) }
                    }
                }
            }
        }
        }
        @if picture.left_out > 0 { p.faint { "… and " (picture.left_out) " more chains that do not fit into the picture" } }
    }
}

impl<'a> Picture<'a> {
    fn of(chains: &'a [Chain]) -> Self {
        let mut picture = Self::default();
        for chain in chains {
            let parts = [chain.subject.as_str(), &chain.binding, &chain.role];
            if !picture.add(parts, &chain.policies) {
                picture.left_out += 1;
            }
        }
        picture
    }

    /// Adds a chain as far as there is room, and tells whether there was room for all of it.
    fn add(&mut self, [subject, binding, role]: [&'a str; 3], policies: &'a [String]) -> bool {
        let (Some(subject), Some(binding), Some(role)) =
            (self.place(0, subject), self.place(1, binding), self.place(2, role))
        else {
            return false;
        };
        self.lines.extend([(0, subject, binding), (1, binding, role)]);
        let mut all = true;
        for policy in policies {
            match self.place(3, policy) {
                Some(policy) => drop(self.lines.insert((2, role, policy))),
                None => all = false,
            }
        }
        all
    }

    /// The row of a label in its column, a new one if there is room.
    fn place(&mut self, column: usize, label: &'a str) -> Option<usize> {
        let labels = self.columns.get_mut(column)?;
        if let Some(row) = labels.iter().position(|known| *known == label) {
            return Some(row);
        }
        (labels.len() < MOST).then(|| {
            labels.push(label);
            labels.len() - 1
        })
    }
}

fn left(column: usize) -> usize {
    1 + column * COLUMN
}

fn top(row: usize) -> usize {
    TOP + row * STEP
}

/// A curve from the right edge of a box to the left edge of one in the next column.
fn line(column: usize, from: usize, to: usize) -> String {
    let (x, end) = (left(column) + BOX, left(column + 1));
    let middle = usize::midpoint(x, end);
    let (y, goal) = (top(from) + HEIGHT / 2, top(to) + HEIGHT / 2);
    format!("M{x} {y}C{middle} {y} {middle} {goal} {end} {goal}")
}

/// The label, its middle left out where it does not fit: what tells names apart stands at their ends.
fn shortened(label: &str) -> String {
    let characters: Vec<char> = label.chars().collect();
    if characters.len() <= FITS {
        return label.to_owned();
    }
    let half = (FITS - 1) / 2;
    let front = characters.iter().take(half + 1);
    let back = characters.iter().skip(characters.len() - half);
    front.chain([&'…']).chain(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(subject: &str, policies: &[&str]) -> Chain {
        Chain {
            subject: subject.to_owned(),
            binding: "b".to_owned(),
            role: "r".to_owned(),
            aggregated_from: None,
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_several_chains_share_is_drawn_once() {
        let chains = [chain("x", &["p"]), chain("y", &["p", "q"])];
        let picture = Picture::of(&chains);
        assert_eq!(picture.columns, [vec!["x", "y"], vec!["b"], vec!["r"], vec!["p", "q"]]);
        assert_eq!(picture.lines.len(), 5);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let chains: Vec<Chain> = (0..MOST + 3).map(|n| chain(&n.to_string(), &["p"])).collect();
        assert_eq!(Picture::of(&chains).left_out, 3);
    }

    #[test]
    fn long_names_keep_both_ends() {
        let label = shortened("ServiceAccount a-very-long-namespace/an-account");
        assert!(label.starts_with("Service") && label.ends_with("account"), "{label}");
        assert_eq!(label.chars().count(), FITS);
    }
}
