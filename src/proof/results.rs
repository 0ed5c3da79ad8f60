//! Whether two sides make the same of the pods that both admit, facet by facet.

use super::answers::image;
use super::bits::Bits;
use super::facet::Facet;
use super::formula::Formulas;
use super::pods::Pods;
use super::projection::Scope;
use super::table::{Holds, Tabulation};
use super::{Compares, Decided, Question};
use crate::modern;
use crate::pod_view::APP_ARMOR_ANNOTATION;
use crate::symbolic::{Answer, Node, Reads, Unit, Unproven};

/// A facet, and what each side did to it.
type Trails = (usize, Vec<usize>, Vec<usize>);

/// Both admit, and what results is not the same.
pub(super) fn results_differ<'a>(
    question: &Question<'_>,
    mut first: Decided,
    mut second: Decided,
    formulas: &mut Formulas<'a>,
    pods: &mut [Pods],
) -> Result<Node, Unproven> {
    let mut agree = Vec::new();
    let mut known = std::collections::HashMap::new();
    for one in first.outcomes.clone() {
        for other in second.outcomes.clone() {
            let mut same = Vec::new();
            for (at, facet) in formulas.facets().iter().enumerate() {
                let trail = |side: &Decided, at_state: usize| -> Vec<usize> {
                    side.trails.get(at_state).and_then(|state| state.get(at)).cloned().unwrap_or_default()
                };
                let trails = (at, trail(&first, one.at.0), trail(&second, other.at.0));
                if let Some(node) = known.get(&trails) {
                    same.push(*node);
                    continue;
                }
                let Some(of_facet) = pods.get_mut(at) else { continue };
                let table = same_result(question, facet, &trails, (&mut first, &mut second), of_facet);
                let node = formulas.atom(at, table.map_err(|why| Unproven::new("the resulting pods", why))?);
                known.insert(trails, node);
                same.push(node);
            }
            let same = formulas.all(&same);
            let not_same = formulas.not(same);
            let differ = formulas.all(&[one.when, other.when, not_same]);
            agree.push(formulas.not(differ));
        }
    }
    let agree = formulas.all(&agree);
    Ok(formulas.not(agree))
}

/// In which cells both sides make the same of a facet: what depends on each other is looked at together.
fn same_result(
    question: &Question<'_>,
    facet: &Facet,
    trails: &Trails,
    (first, second): (&mut Decided, &mut Decided),
    pods: &mut Pods,
) -> Answer<Bits> {
    let (_, one, other) = trails;
    let sides = [(question.first.steps(), one), (question.second.steps(), other)];
    let taken = sides.into_iter().flat_map(|(steps, trail)| trail.iter().filter_map(|step| steps.get(*step)));
    let pieces = taken.flat_map(|step| &step.pieces).map(|piece| Scope::of(piece, facet));
    let mut all = Bits::new(facet.size(), true);
    for written in Scope::apart(pieces.chain([Scope::of(&app_armor(), facet)])) {
        let [mut scope, others] = sides.map(|(steps, trail)| written.clone().at_the_beginning(trail, steps, facet));
        scope.join(others);
        all.intersect(&same_units(question, facet, trails, (&mut *first, &mut *second), pods, (&written, &scope))?);
    }
    facet.normalise(&mut all);
    Ok(all)
}

/// Annotations and fields that say the same in today's terms.
fn app_armor() -> Reads {
    let units = [Unit::ContainerAnnotation(APP_ARMOR_ANNOTATION.to_owned()), Unit::context("appArmorProfile")];
    Reads { units: units.into(), ..Reads::default() }
}

/// In which cells both sides make the same of some units, given what that depends on.
fn same_units(
    question: &Question<'_>,
    facet: &Facet,
    (at, one, other): &Trails,
    (first, second): (&mut Decided, &mut Decided),
    pods: &mut Pods,
    (written, scope): (&Scope, &Scope),
) -> Answer<Bits> {
    let with_annotation = question.compares == Compares::PodsAndAnnotation;
    let mut test = |pods: &mut Pods, pod: usize| {
        let first = image(question.first, (*at, &facet.units), one, pods, pod, &mut first.answers)?;
        let second = image(question.second, (*at, &facet.units), other, pods, pod, &mut second.answers)?;
        let (Some(first), Some(second)) = (first, second) else { return Ok(Holds::Unreached) };
        if first == second {
            return Ok(Holds::Yes);
        }
        let second = pods.number(pods.grafted(first, second, &written.units));
        let same = pods.in_todays_terms(first, with_annotation) == pods.in_todays_terms(second, with_annotation);
        Ok(same.into())
    };
    let projection = &pods.projection(facet, scope);
    Tabulation::new(facet, pods, &question.place, projection, &mut test).presumed().table()
}

impl Pods {
    /// The number of what a pod is in today's terms.
    fn in_todays_terms(&mut self, pod: usize, with_annotation: bool) -> usize {
        if let Some(known) = self.today.get(&pod) {
            return *known;
        }
        let mut today = modern::in_todays_terms(self.get(pod), with_annotation);
        // Pods are told apart by their text, and in what order something was written is no difference.
        today.sort_all_objects();
        let number = self.number(today);
        self.today.insert(pod, number);
        number
    }
}
