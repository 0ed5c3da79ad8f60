//! A request as admission sees it, and how expressions see the request.

use crate::cel::authorizer::{Authorize, Identity};
use crate::cel::library::request_resource_value;
use crate::cel::{Bindings, Key, Object, RequesterSeen, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A request to the API server.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub operation: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The API version, e.g. `v1`.
    pub version: String,
    /// E.g. `Pod`.
    pub kind: String,
    /// E.g. `pods`.
    pub resource: String,
    /// E.g. `ephemeralcontainers`; empty for none.
    pub subresource: String,
    /// The object's name; empty if the server is to generate it.
    pub name: String,
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// The requester.
    pub identity: Identity,
    /// Whether anything has looked at the requester.
    pub requester_seen: RequesterSeen,
    /// The rest of the requester: `uid`, `extra`.
    pub user_details: Map<String, Json>,
    /// The object as admission sees it (see [`crate::cel::normalise`]); `Null` for none.
    pub object: Object,
    /// The object before; `Null` for none.
    pub old_object: Object,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// The operation's options, e.g. a `CreateOptions`; `Null` for none.
    pub options: Json,
}

/// What policies may look at besides the request.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Who answers the `authorizer`.
    pub authorize: &'a dyn Authorize,
    /// The namespace object; `None` stands for one with nothing but its name.
    pub namespace_object: Option<&'a Json>,
    /// The objects that `paramKind` and `paramRef` can find.
    pub params: &'a [Json],
    /// Gives a mutated object its defaults and normal form, or says why the API server could not decode it.
    pub redefault: &'a (dyn Fn(Json) -> Result<Object, String> + Sync),
}

impl Request {
    /// A request to create a pod.
    pub fn create_pod(namespace: &str, identity: Identity, pod: Json) -> Self {
        let name = pod.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default().to_owned();
        Self {
            operation: "CREATE".into(),
            version: "v1".into(),
            kind: "Pod".into(),
            resource: "pods".into(),
            namespace: namespace.into(),
            name,
            identity,
            object: pod.into(),
            ..Self::default()
        }
    }

    /// Whether the request is for a Namespace itself, which counts as cluster-scoped.
    pub(crate) fn is_for_namespace(&self) -> bool {
        self.resource == "namespaces" && self.group.is_empty()
    }

    /// `pods "x" is forbidden: …`
    pub(crate) fn forbidden(&self, message: &str) -> String {
        let resource = match self.group.as_str() {
            "" => self.resource.clone(),
            group => format!("{}.{group}", self.resource),
        };
        format!("{resource} {} is forbidden: {message}", crate::field_error::go_quote(&self.name))
    }

    /// The variable `request`.
    fn value(&self) -> Value {
        let text = |text: &str| Value::string(text);
        let object = |fields: &[(&'static str, Value)]| {
            let entry = |(name, value): &(&str, Value)| (Key::String((*name).into()), value.clone());
            Value::map(fields.iter().filter(|(_, value)| !is_empty(value)).map(entry).collect())
        };
        let of_api = |name: &'static str, value: &str| {
            let place = [("group", text(&self.group)), ("version", text(&self.version)), (name, text(value))];
            Value::map(place.map(|(name, value)| (Key::String(name.into()), value)).to_vec())
        };
        let (kind, resource) = (of_api("kind", &self.kind), of_api("resource", &self.resource));
        object(&[
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", text(&self.subresource)),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", text(&self.subresource)),
            ("name", text(&self.name)),
            ("namespace", text(&self.namespace)),
            ("operation", text(&self.operation)),
            ("userInfo", self.user_value()),
            ("dryRun", Value::Bool(self.dry_run)),
            ("options", Value::from_json(&self.options)),
        ])
    }

    /// The requester as `request.userInfo`.
    fn user_value(&self) -> Value {
        let mut fields: BTreeMap<&str, Value> =
            self.user_details.iter().map(|(name, value)| (name.as_str(), Value::from_json(value))).collect();
        fields.insert("username", Value::string(self.identity.user.as_str()));
        fields.insert("groups", Value::list(self.identity.groups.iter().map(|group| Value::string(group.as_str()))));
        let given = fields.into_iter().filter(|(_, value)| !is_empty(value));
        Value::map(given.map(|(name, value)| (Key::String(name.into()), value)).collect())
    }

    /// All names but `namespaceObject`, `params` and `variables`.
    pub(crate) fn bindings<'a>(&self, object: &Object, surroundings: &Surroundings<'a>) -> Bindings<'a> {
        let place = [&self.group, &self.resource, &self.subresource, &self.namespace, &self.name].map(String::as_str);
        let resource = request_resource_value(self.identity.clone(), place);
        self.plain_bindings(object).with_authorizer(surroundings.authorize, &self.identity, Some(resource))
    }

    /// The objects and the request.
    pub(crate) fn plain_bindings<'a>(&self, object: &Object) -> Bindings<'a> {
        let bindings = Bindings::new().with_object(object).with("oldObject", self.old_object.value());
        bindings.with("request", self.value()).noting_requester(self.requester_seen.clone())
    }

    /// The variable `namespaceObject`: null for cluster-scoped requests.
    pub(crate) fn namespace_value(&self, surroundings: &Surroundings<'_>) -> Value {
        if self.namespace.is_empty() || self.is_for_namespace() {
            return Value::Null;
        }
        Value::from_json(&self.namespace_object(surroundings))
    }

    /// The namespace without what CEL does not see, its name label added as the API server does.
    pub(crate) fn namespace_object(&self, surroundings: &Surroundings<'_>) -> Json {
        let mut namespace = surroundings.namespace_object.cloned().unwrap_or_else(|| json!({}));
        let Some(fields) = namespace.as_object_mut() else {
            return json!({});
        };
        fields.retain(|name, _| ["metadata", "spec", "status"].contains(&name.as_str()));
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.retain(|name, _| !["managedFields", "ownerReferences", "selfLink"].contains(&name.as_str()));
            metadata.entry("name").or_insert_with(|| self.namespace.as_str().into());
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert("kubernetes.io/metadata.name".into(), self.namespace.as_str().into());
            }
        }
        namespace
    }
}

/// Whether the API server leaves a field of the request out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.entries().is_empty(),
        _ => false,
    }
}
