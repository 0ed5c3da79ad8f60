//! The smallest pod on which two sides differ: put together from its parts, made smaller, and replayed.

use serde_json::Value;

use super::assembly::{Assembly, Edit, Place};
use super::bits::Bits;
use super::facet::{Facet, Group, Kind, add};
use super::solve::Model;
use super::theory::{self, Part};
use super::{Difference, Question};
use crate::validity::is_valid;

/// Why a pod of the model is no witness.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoWitness {
    /// The API server does not take it, or the two servers do not see the same pod.
    NotTaken(Value),
    /// Both whole deciders agree on it.
    Agreed(Value),
}

/// The smallest pod around a model that shows the difference.
pub(super) fn witness(
    question: &Question<'_>,
    facets: &[Facet],
    model: &Model,
    init: bool,
    difference: Difference,
) -> Result<Value, NoWitness> {
    let assembly = assemble(facets, model, init);
    let shows = |assembly: &Assembly| {
        let pod = assembly.pod(&question.place);
        is_valid(&pod, question.target_minor) && (question.replay)(&pod).shows(difference)
    };
    if !shows(&assembly) {
        let pod = assembly.pod(&question.place);
        let replay = is_valid(&pod, question.target_minor).then(|| (question.replay)(&pod));
        return Err(match replay {
            Some(replay) if replay.is_comparable => NoWitness::Agreed(pod),
            _ => NoWitness::NotTaken(pod),
        });
    }
    Ok(smallest(assembly, shows).pod(&question.place))
}

/// A pod with the parts of a model, and the least of what it does not speak of.
pub(super) fn assemble(facets: &[Facet], model: &Model, init: bool) -> Assembly {
    let mut assembly = Assembly::default();
    for (at, facet) in facets.iter().enumerate() {
        let part = model.get(&at).cloned().or_else(|| theory::part(facet, &Bits::new(facet.size(), true), &[], init));
        if let Some(part) = part {
            add_part(facet, &part, &mut assembly);
        }
    }
    let [_, of_init] = &mut assembly.containers;
    if init && of_init.is_empty() {
        of_init.push(Vec::new());
    }
    assembly
}

/// Adds a part: its containers join those that are there, one by one, and what is missing is repeated.
pub(super) fn add_part(facet: &Facet, part: &Part, assembly: &mut Assembly) {
    facet.add_row(part.row, assembly);
    for (at, group) in facet.groups.iter().enumerate() {
        let chosen: Vec<Assembly> =
            part.elements.iter().filter(|(of, _, _)| *of == at).filter_map(|it| one(group, it)).collect();
        match group.kind {
            Kind::Container => join(&chosen, 0, assembly),
            Kind::InitContainer => join(&chosen, 1, assembly),
            Kind::Volume => assembly.volumes.extend(chosen.into_iter().flat_map(|it| it.volumes)),
            Kind::Item(_) => assembly.items.extend(chosen.into_iter().flat_map(|it| it.items)),
        }
    }
}

fn one(group: &Group, (_, index, vector): &(usize, usize, Vec<usize>)) -> Option<Assembly> {
    let mut assembly = Assembly::default();
    add(&group.kind, group.elements.get(*index)?, vector, &mut assembly);
    Some(assembly)
}

fn join(chosen: &[Assembly], list: usize, assembly: &mut Assembly) {
    let containers = |it: &Assembly| it.containers.get(list).cloned().unwrap_or_default();
    let new: Vec<Vec<Edit>> = chosen.iter().flat_map(containers).collect();
    let (Some(there), Some(first)) = (assembly.containers.get_mut(list), new.first()) else { return };
    let before = there.first().cloned().unwrap_or_default();
    while there.len() < new.len() {
        there.push(before.clone());
    }
    for (at, container) in there.iter_mut().enumerate() {
        container.extend(new.get(at).unwrap_or(first).iter().cloned());
    }
}

/// Takes away what is not needed to show the difference, until nothing more can be taken away.
fn smallest(mut assembly: Assembly, shows: impl Fn(&Assembly) -> bool) -> Assembly {
    loop {
        let smaller = smaller(assembly.clone(), &shows);
        if smaller == assembly {
            return assembly;
        }
        assembly = smaller;
    }
}

/// Takes away, one thing after the other.
fn smaller(mut assembly: Assembly, shows: &impl Fn(&Assembly) -> bool) -> Assembly {
    for list in [1, 0] {
        let count = assembly.containers.get(list).map_or(0, Vec::len);
        for at in (list ^ 1..count).rev() {
            attempt(&mut assembly, shows, |it| {
                drop(it.containers.get_mut(list).map(|containers| containers.remove(at)))
            });
        }
    }
    for at in (0..assembly.volumes.len()).rev() {
        attempt(&mut assembly, shows, |it| drop(it.volumes.remove(at)));
    }
    for at in (0..assembly.items.len()).rev() {
        attempt(&mut assembly, shows, |it| drop(it.items.remove(at)));
    }
    assembly.pod.retain(|(_, value)| !value.is_null());
    for at in (0..assembly.pod.len()).rev() {
        attempt(&mut assembly, shows, |it| drop(it.pod.remove(at)));
    }
    for list in [0, 1] {
        for container in 0..assembly.containers.get(list).map_or(0, Vec::len) {
            let edits = |it: &Assembly| it.containers.get(list).and_then(|all| all.get(container)).map_or(0, Vec::len);
            for at in (0..edits(&assembly)).rev() {
                attempt(&mut assembly, shows, |it| {
                    let edits = it.containers.get_mut(list).and_then(|containers| containers.get_mut(container));
                    drop(edits.map(|edits| edits.remove(at)));
                });
            }
        }
    }
    assembly
}

/// Makes a change, unless the difference is lost with it.
fn attempt(assembly: &mut Assembly, shows: &impl Fn(&Assembly) -> bool, change: impl FnOnce(&mut Assembly)) {
    let mut smaller = assembly.clone();
    change(&mut smaller);
    if smaller == *assembly || shows(&smaller) {
        *assembly = smaller;
    }
}

/// Some pod of all facets, drawn by numbers; `None` where a facet has no part under the row drawn.
pub(super) fn drawn(facets: &[Facet], place: &Place, draw: &mut impl FnMut(usize) -> usize) -> Value {
    let init = draw(3) == 0;
    let mut assembly = Assembly::default();
    for facet in facets {
        if let Some(part) = draw_part(facet, init, draw) {
            add_part(facet, &part, &mut assembly);
        }
    }
    assembly.pod(place)
}

fn draw_part(facet: &Facet, init: bool, draw: &mut impl FnMut(usize) -> usize) -> Option<Part> {
    let row = draw(facet.rows.len());
    let mut elements = Vec::new();
    for (at, group) in facet.groups.iter().enumerate() {
        let count = match group.kind {
            Kind::Container => 1 + draw(2),
            Kind::InitContainer => usize::from(init) * (1 + draw(2)),
            Kind::Volume => draw(3),
            Kind::Item(_) if facet.has(row, &group.kind) => 1 + draw(2),
            Kind::Item(_) => 0,
        };
        for _ in 0..count {
            let index = draw(group.elements.len());
            let element = group.elements.get(index)?;
            let sparse = draw(2) == 0;
            let vector = element.names.iter().map(|_| if sparse && draw(4) > 0 { 0 } else { draw(4) }).collect();
            elements.push((at, index, vector));
        }
    }
    Some(Part { row, elements })
}
