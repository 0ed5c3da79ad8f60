//! The expression tree that evaluation and lint walk: the parsed text with macros recognised and functions looked up.
//!
//! Contract: a tree is never deeper than [`super::limits::MAX_DEPTH`], so walking it recursively is safe.

use super::library::Function;
use super::value::Value;
use std::sync::Arc;

/// One node and where its text starts.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Byte offset into the source.
    pub at: usize,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Value),
    /// A variable or a type name; dotted only for `authorizer.requestResource`.
    Ident(Arc<str>),
    /// `operand.field`, or `operand.?field`.
    Select {
        operand: Box<Node>,
        field: Arc<str>,
        optional: bool,
    },
    /// `has(operand.field)`
    Has {
        operand: Box<Node>,
        field: Arc<str>,
    },
    /// `operand[index]`, or `operand[?index]`.
    Index {
        operand: Box<Node>,
        index: Box<Node>,
        optional: bool,
    },
    Not(Box<Node>),
    /// `a && b && …`, flattened.
    And(Vec<Node>),
    /// `a || b || …`, flattened.
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    Call(Call),
    List(Vec<Element>),
    Map(Vec<Entry>),
    Struct {
        type_name: Arc<str>,
        fields: Vec<Field>,
    },
    Macro(Box<Macro>),
}

/// A function call; operators other than the logical ones are calls too.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The name as declared, e.g. `_+_`, `startsWith`, `lists.range`.
    pub name: Arc<str>,
    /// Whether the first argument is the receiver.
    pub member: bool,
    /// The receiver, if any, then the arguments.
    pub args: Vec<Node>,
    /// `None` for a function that no library declares.
    pub function: Option<&'static Function>,
}

/// An element of a list literal.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub value: Node,
    /// `[?value]`
    pub optional: bool,
}

/// An entry of a map literal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Node,
    pub value: Node,
    /// `{?key: value}`
    pub optional: bool,
}

/// A field of a struct literal.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub at: usize,
    pub name: Arc<str>,
    pub value: Node,
    /// `T{?field: value}`
    pub optional: bool,
}

/// The macros, by what they compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacroKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    TransformList,
    TransformMap,
    TransformMapEntry,
    SortBy,
    OptMap,
    OptFlatMap,
}

/// `range.kind(variable[, second], [filter,] body)`
#[derive(Debug, Clone)]
pub(crate) struct Macro {
    pub kind: MacroKind,
    pub range: Node,
    pub variable: Arc<str>,
    /// Two-variable forms: `variable` is the index or key, `second` the element or value.
    pub second: Option<Arc<str>>,
    /// The condition of the forms that have one.
    pub filter: Option<Node>,
    pub body: Node,
}

impl Node {
    /// Calls `visit` on every node, parents first.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Literal(_) | Kind::Ident(_) => Vec::new(),
            Kind::Select { operand, .. } | Kind::Has { operand, .. } | Kind::Not(operand) => vec![operand],
            Kind::Index { operand, index, .. } => vec![operand, index],
            Kind::And(terms) | Kind::Or(terms) => terms.iter().collect(),
            Kind::Conditional(parts) => parts.iter().collect(),
            Kind::Call(call) => call.args.iter().collect(),
            Kind::List(elements) => elements.iter().map(|element| &element.value).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Kind::Struct { fields, .. } => fields.iter().map(|field| &field.value).collect(),
            Kind::Macro(m) => {
                let mut nodes = vec![&m.range];
                nodes.extend(&m.filter);
                nodes.push(&m.body);
                nodes
            }
        }
    }
}
