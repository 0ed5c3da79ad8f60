//! The table of API types, read once from `fields.txt`. The text is generated, so a line that makes no sense is skipped;
//! a test proves that there is none.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A struct of the API, e.g. `v1.PodSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StructId(usize);

/// The type of the object with this `apiVersion` and `kind`; `None` when the table does not hold it.
pub fn object_type(api_version: &str, kind: &str) -> Option<StructId> {
    let names = &TABLE.names;
    names.get(format!("{api_version}.{kind}").as_str()).copied()
}

/// What the JSON form of a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Int32,
    Int64,
    String,
    Quantity,
    IntOrString,
    Time,
    Bytes,
    /// Any JSON at all.
    Any,
    List(Box<Type>),
    Map(Box<Type>),
    Struct(StructId),
}

/// A shape, and whether absence is told apart from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) pointer: bool,
    pub(super) shape: Shape,
}

/// Which releases know a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Always,
    OnlyIn124,
    After124,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) known: Known,
    pub(super) of: Type,
}

/// A struct's fields, sorted by name.
#[derive(Debug)]
pub(super) struct Struct {
    pub(super) fields: Vec<Field>,
}

impl Struct {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        self.fields.get(index)
    }
}

impl StructId {
    /// The struct's fields.
    pub(super) fn get(self) -> &'static Struct {
        static NO_FIELDS: Struct = Struct { fields: Vec::new() };
        TABLE.structs.get(self.0).unwrap_or(&NO_FIELDS)
    }

    /// The id of the struct with this name in `fields.txt`.
    pub(super) fn named(name: &str) -> Option<Self> {
        TABLE.names.get(name).copied()
    }

    /// Every struct of the table.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.structs.len()).map(Self)
    }
}

/// The JSON types that programs tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JsonType {
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// An object, or a map.
    Object,
}

/// The JSON types that a value at this path below an object may have, `[]` standing for the items of a list; `None` if no
/// release knows the path, so that a server drops what stands there.
pub(crate) fn json_types(of: StructId, path: &[String]) -> Option<&'static [JsonType]> {
    shape_at(of, path, |shape| -> &'static [JsonType] {
        match shape {
            Shape::Bool => &[JsonType::Bool],
            Shape::Int32 | Shape::Int64 => &[JsonType::Number],
            Shape::String | Shape::Time | Shape::Bytes => &[JsonType::Text],
            Shape::Quantity | Shape::IntOrString => &[JsonType::Number, JsonType::Text],
            Shape::Any => &[JsonType::Bool, JsonType::Number, JsonType::Text, JsonType::List, JsonType::Object],
            Shape::List(_) => &[JsonType::List],
            Shape::Map(_) | Shape::Struct(_) => &[JsonType::Object],
        }
    })
}

/// The names of the fields of the object at this path below an object; none where there is no object, or a map.
pub(crate) fn field_names(of: StructId, path: &[String]) -> Vec<String> {
    let names = shape_at(of, path, |shape| match shape {
        Shape::Struct(id) => id.get().fields.iter().map(|field| field.name.to_owned()).collect(),
        _ => Vec::new(),
    });
    names.unwrap_or_default()
}

fn shape_at<T>(of: StructId, path: &[String], give: impl FnOnce(&Shape) -> T) -> Option<T> {
    let mut at = &Shape::Struct(of);
    for step in path {
        at = match at {
            Shape::Struct(id) => &id.get().field(step)?.of.shape,
            Shape::Map(values) => &values.shape,
            Shape::List(items) if step == "[]" => &items.shape,
            _ => return None,
        };
    }
    Some(give(at))
}

struct Table {
    structs: Vec<Struct>,
    names: BTreeMap<&'static str, StructId>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("fields.txt")));

impl Table {
    fn parse(text: &'static str) -> Self {
        let headings = text.lines().filter(|line| !line.starts_with(' '));
        let names: BTreeMap<_, _> = headings.enumerate().map(|(index, name)| (name, StructId(index))).collect();
        let mut structs: Vec<Struct> = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("  ") {
                None => structs.push(Struct { fields: Vec::new() }),
                Some(field) => {
                    if let (Some(owner), Some(field)) = (structs.last_mut(), Field::parse(field, &names)) {
                        owner.fields.push(field);
                    }
                }
            }
        }
        Self { structs, names }
    }
}

impl Field {
    fn parse(line: &'static str, names: &BTreeMap<&str, StructId>) -> Option<Self> {
        let (name, of) = line.split_once(' ')?;
        let (known, of) = match (of.strip_prefix('+'), of.strip_prefix('-')) {
            (Some(of), _) => (Known::After124, of),
            (_, Some(of)) => (Known::OnlyIn124, of),
            _ => (Known::Always, of),
        };
        Some(Self { name, known, of: Type::parse(of, names)? })
    }
}

impl Type {
    fn parse(text: &str, names: &BTreeMap<&str, StructId>) -> Option<Self> {
        let (pointer, text) = text.strip_prefix('*').map_or((false, text), |rest| (true, rest));
        let shape = if let Some(element) = text.strip_prefix("[]") {
            Shape::List(Box::new(Self::parse(element, names)?))
        } else if let Some(element) = text.strip_prefix("{}") {
            Shape::Map(Box::new(Self::parse(element, names)?))
        } else {
            Shape::named(text, names)?
        };
        Some(Self { pointer, shape })
    }
}

impl Shape {
    fn named(name: &str, names: &BTreeMap<&str, StructId>) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "string" => Self::String,
            "quantity" => Self::Quantity,
            "intstr" => Self::IntOrString,
            "time" => Self::Time,
            "bytes" => Self::Bytes,
            "any" => Self::Any,
            _ => Self::Struct(*names.get(name)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_understood() {
        let text = include_str!("fields.txt");
        let lines = text.lines().filter(|line| line.starts_with("  ")).count();
        let fields: usize = TABLE.structs.iter().map(|one| one.fields.len()).sum();
        assert_eq!(fields, lines);
        assert!(lines > 1000);
    }

    #[test]
    fn fields_are_sorted_and_unique() {
        for one in &TABLE.structs {
            assert!(one.fields.is_sorted_by(|a, b| a.name < b.name));
        }
    }

    #[test]
    fn pointers_and_ages_are_known() {
        let context = StructId::named("v1.SecurityContext").unwrap().get();
        let privileged = context.field("privileged").unwrap();
        assert_eq!(privileged.of, Type { pointer: true, shape: Shape::Bool });
        assert_eq!(context.field("appArmorProfile").unwrap().known, Known::After124);
        assert_eq!(
            StructId::named("meta/v1.ObjectMeta").unwrap().get().field("clusterName").unwrap().known,
            Known::OnlyIn124
        );
        assert!(context.field("priviledged").is_none());
    }

    #[test]
    fn objects_are_found_by_api_version_and_kind() {
        for (version, kind) in
            [("v1", "Pod"), ("policy/v1beta1", "PodSecurityPolicy"), ("extensions/v1beta1", "Deployment")]
        {
            assert!(object_type(version, kind).is_some(), "{version} {kind}");
        }
        assert!(object_type("policy/v1", "PodSecurityPolicy").is_none());
    }
}
