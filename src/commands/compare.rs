//! `compare`: two sets of rules beside each other, for all pods; or the policies of one set.

mod given;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde_json::Value;

use super::Ending;
use crate::cli::{Compare, CompareFormat};
use crate::cluster::{Cluster, PolicyState};
use crate::proof::{Rules, between};
use crate::relation::Relation;
use crate::report::between::{Findings, PolicyFindings, SetComparison, together};
use given::{Given, GivenRules, cluster, everybody};

pub(super) fn run(arguments: &Compare) -> Result<Ending> {
    let (first, second) = match arguments.input.paths.as_slice() {
        [one] => (one, None),
        [one, other] => (one, Some(other)),
        _ => bail!("one set or two are wanted: files or folders, or a level as `psa:restricted@v1.30`"),
    };
    let first = Given::read(first, arguments)?;
    let second = second.map(|path| Given::read(path, arguments)).transpose()?;
    let broken = first.broken | second.as_ref().is_some_and(|given| given.broken);
    let comparison = match &second {
        Some(second) => sets(&first, second, arguments)?,
        None => policies(&first, arguments)?,
    };
    match arguments.format {
        CompareFormat::Text => anstream::print!("{}", comparison.text()),
        CompareFormat::Json => anstream::println!("{}", serde_json::to_string_pretty(&comparison.json())?),
    }
    Ok(match comparison.is_equal() {
        _ if broken && !arguments.input.keep_going => Ending::Incomplete,
        true => Ending::Equal,
        false => Ending::Different,
    })
}

/// Two sets.
fn sets(first: &Given, second: &Given, arguments: &Compare) -> Result<SetComparison> {
    let namespaces: Vec<Value> = first.namespaces.iter().chain(&second.namespaces).cloned().collect();
    // Documents ask the roles and bindings of the policies that they stand beside.
    let wired_by = |given: &Given, other: &Given| match (&given.rules, &other.rules) {
        (GivenRules::Policies, _) => given.cluster(arguments),
        (_, GivenRules::Policies) => other.cluster(arguments),
        _ => cluster(&[], &everybody(), arguments),
    };
    let (one, other) = (wired_by(first, second)?, wired_by(second, first)?);
    let (of_first, of_second) =
        (first.decider(&one, &namespaces, arguments), second.decider(&other, &namespaces, arguments));
    let one = first.rules(&one, of_first.as_deref(), arguments);
    let other = second.rules(&other, of_second.as_deref(), arguments);
    let classes = between(one, other, &namespaces, arguments.target_version);
    let mut findings: Vec<Findings> = classes.into_iter().map(|class| Findings::of(class, one, other)).collect();
    findings.sort_by_key(|findings| (findings.relation, findings.subjects.len()));
    Ok(SetComparison {
        first: first.name.clone(),
        second: Some(second.name.clone()),
        classes: findings,
        policies: if of_first.is_none() && of_second.is_none() {
            changed(first, second, arguments)?
        } else {
            Vec::new()
        },
        notes: [first, second].into_iter().flat_map(notes).collect(),
    })
}

/// What the reader must know about one side.
fn notes(given: &Given) -> Vec<String> {
    let wires_nothing = matches!(given.rules, GivenRules::Policies) && given.rbac.is_empty();
    let note = format!("`{}` has no roles and bindings: everybody may use all of its policies", given.name);
    if wires_nothing { vec![note] } else { Vec::new() }
}

/// A policy that takes part, as if it were the only one and everybody might use it.
struct Alone {
    name: String,
    cluster: Cluster,
}

fn alone(given: &Given, arguments: &Compare) -> Result<BTreeMap<String, Alone>> {
    let mut alone = BTreeMap::new();
    for policy in &given.policies {
        let cluster = cluster(std::slice::from_ref(policy), &everybody(), arguments)?;
        let used = cluster.policies().iter().find(|known| known.state == PolicyState::Used);
        if let Some(name) = used.map(|known| known.name().to_owned()) {
            alone.insert(name.clone(), Alone { name, cluster });
        }
    }
    Ok(alone)
}

/// One policy beside another, for somebody who may use either.
fn beside(first: &Alone, second: &Alone, arguments: &Compare) -> Option<PolicyFindings> {
    let (one, other) = (Rules::of_policies(&first.cluster), Rules::of_policies(&second.cluster));
    let class = between(one, other, &[], arguments.target_version).into_iter().next()?;
    let findings = Findings { subjects: Vec::new(), ..Findings::of(class, one, other) };
    Some(PolicyFindings { first: first.name.clone(), second: second.name.clone(), findings, advice: None })
}

/// The policies of one name that are not the same in both sets.
fn changed(first: &Given, second: &Given, arguments: &Compare) -> Result<Vec<PolicyFindings>> {
    let (before, after) = (alone(first, arguments)?, alone(second, arguments)?);
    let pairs = before.iter().filter_map(|(name, before)| Some((before, after.get(name)?)));
    let pairs: Vec<(&Alone, &Alone)> = pairs
        .filter(|(before, after)| {
            before.cluster.parameters_of(&before.name) != after.cluster.parameters_of(&after.name)
        })
        .collect();
    Ok(pairs.into_par_iter().filter_map(|(before, after)| beside(before, after, arguments)).collect())
}

/// The policies of one set beside each other, and which of them can go.
fn policies(given: &Given, arguments: &Compare) -> Result<SetComparison> {
    if !matches!(given.rules, GivenRules::Policies) {
        bail!("`{}` holds no PodSecurityPolicies: give a second set to compare it with", given.name);
    }
    let alone: Vec<Alone> = alone(given, arguments)?.into_values().collect();
    let pairs = alone.iter().enumerate().flat_map(|(at, one)| alone.iter().skip(at + 1).map(move |other| (one, other)));
    let pairs: Vec<(&Alone, &Alone)> = pairs.collect();
    let mut pairs: Vec<PolicyFindings> =
        pairs.into_par_iter().filter_map(|(one, other)| beside(one, other, arguments)).collect();
    let contained: BTreeSet<String> = pairs.iter().filter_map(contained).map(str::to_owned).collect();
    let mut removable = BTreeMap::new();
    for name in contained {
        let relation = without(given, &name, arguments)?;
        removable.insert(name, relation);
    }
    for pair in &mut pairs {
        pair.advice = advice(pair, &removable);
    }
    pairs.retain(|pair| pair.advice.is_some() || pair.findings.relation == Relation::Unproven);
    Ok(SetComparison {
        first: given.name.clone(),
        second: None,
        classes: Vec::new(),
        policies: pairs,
        notes: notes(given),
    })
}

/// The policy of a pair that admits nothing that the other does not.
fn contained(pair: &PolicyFindings) -> Option<&str> {
    match pair.findings.relation {
        Relation::Equal | Relation::Stricter => Some(&pair.second),
        Relation::Looser => Some(&pair.first),
        Relation::Incomparable | Relation::Unproven => None,
    }
}

/// How the set relates to itself without a policy, for everybody; and whether pods stay the same.
fn without(given: &Given, name: &str, arguments: &Compare) -> Result<(Relation, bool)> {
    let is_other = |policy: &&Value| policy.pointer("/metadata/name").is_none_or(|it| it != name);
    let others: Vec<Value> = given.policies.iter().filter(is_other).cloned().collect();
    let (whole, rest) = (given.cluster(arguments)?, cluster(&others, &given.wiring(), arguments)?);
    let (whole, rest) = (Rules::of_policies(&whole), Rules::of_policies(&rest));
    let classes = between(whole, rest, &given.namespaces, arguments.target_version);
    let findings: Vec<Findings> = classes.into_iter().map(|class| Findings::of(class, whole, rest)).collect();
    Ok((together(&findings), findings.iter().all(Findings::is_equal)))
}

/// What to make of a pair.
fn advice(pair: &PolicyFindings, removable: &BTreeMap<String, (Relation, bool)>) -> Option<String> {
    let small = contained(pair)?;
    let large = if small == pair.first { &pair.second } else { &pair.first };
    let what = match (pair.findings.relation, pair.findings.pods_equal) {
        (Relation::Equal, Some(true)) => format!("`{small}` and `{large}` are the same"),
        (Relation::Equal, _) => format!("`{small}` and `{large}` admit the same pods, and fill some in differently"),
        _ => format!("whatever `{small}` admits `{large}` admits too"),
    };
    let then = match removable.get(small) {
        Some((Relation::Equal, true)) => format!("without `{small}` nothing changes for anybody"),
        Some((Relation::Equal, false)) => {
            format!("without `{small}` every decision stays the same, and some pods are filled in differently")
        }
        Some((Relation::Unproven, _)) | None => format!("whether `{small}` can go was not proved"),
        Some(_) => format!("but not everybody who may use `{small}` may use `{large}`: grant that first"),
    };
    Some(format!("{what}; {then}"))
}
