//! Texts that are taken apart: a list of parts in any order, as SELinux levels are compared.

use super::Look;
use crate::cel::ast::{Call, Kind, Macro, MacroKind, Node};
use crate::cel::policy::symbolic::truth::literal;
use crate::symbolic::Seen;

impl Look<'_> {
    /// `[v.substring(3).split(',')].exists(l, l.size() == 2 && l.filter(x, x == 'c1').size() == 1 && …)`, where the parts that
    /// are counted are as many as there are: that is one constant after any head, told in any order.
    pub(super) fn taken_apart(&mut self, quantifier: &Macro) -> Option<Seen> {
        let [rest, separator] = call(only_member(quantifier)?, "split")? else { return None };
        let [text, skipped] = call(rest, "substring")? else { return None };
        let skipped = integer(skipped).filter(|skipped| *skipped > 0 && string(separator).as_deref() == Some(","))?;
        let parts = counted(quantifier)?;
        let mut seen = self.at_value(text);
        let values = std::mem::take(&mut seen.abs);
        let head = format!("{}:", "x".repeat(skipped - 1));
        seen.compare_parts(&values, &head, &parts.iter().map(String::as_str).collect::<Vec<_>>());
        Some(seen)
    }
}

/// The one member of the list of which a quantifier asks whether something is said of some member.
fn only_member(quantifier: &Macro) -> Option<&Node> {
    match &quantifier.range.kind {
        Kind::List(elements) if quantifier.kind == MacroKind::Exists && quantifier.second.is_none() => {
            let [element] = elements.as_slice() else { return None };
            Some(&element.value)
        }
        _ => None,
    }
}

/// The parts that a list must have, if all are counted: `l.size() == 2 && l.filter(x, x == 'c1').size() == 1 && …`
fn counted(quantifier: &Macro) -> Option<Vec<String>> {
    let Kind::And(terms) = &quantifier.body.kind else { return None };
    let (size, counts) = terms.split_first()?;
    let is_list = |node: &Node| matches!(&node.kind, Kind::Ident(name) if *name == quantifier.variable);
    let wanted = sized(size).filter(|(list, _)| is_list(list))?.1;
    let mut parts: Vec<String> = Vec::new();
    for term in counts {
        let (filtered, count) = sized(term)?;
        let Kind::Macro(filter) = &filtered.kind else { return None };
        let [item, part] = call(&filter.body, "_==_")? else { return None };
        let is_item = matches!(&item.kind, Kind::Ident(name) if *name == filter.variable);
        let is_plain = filter.kind == MacroKind::Filter && filter.second.is_none() && filter.filter.is_none();
        let part = string(part).filter(|part| is_plain && is_item && is_list(&filter.range) && !part.contains(','))?;
        if parts.contains(&part) || count == 0 {
            return None;
        }
        parts.extend(std::iter::repeat_n(part, count));
    }
    (parts.len() == wanted).then_some(parts)
}

/// `list.size() == 2`
fn sized(node: &Node) -> Option<(&Node, usize)> {
    let [size, count] = call(node, "_==_")? else { return None };
    let [list] = call(size, "size")? else { return None };
    Some((list, integer(count)?))
}

fn call<'n>(node: &'n Node, wanted: &str) -> Option<&'n [Node]> {
    match &node.kind {
        Kind::Call(Call { name, args, .. }) if **name == *wanted => Some(args),
        _ => None,
    }
}

fn string(node: &Node) -> Option<String> {
    literal(node)?.as_str().map(str::to_owned)
}

fn integer(node: &Node) -> Option<usize> {
    usize::try_from(literal(node)?.as_u64()?).ok()
}
