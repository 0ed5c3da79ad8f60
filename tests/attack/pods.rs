//! Random pods whose values stand in policies or in emitted text, or beside what stands there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::draw::Draw;

/// Numbers and texts to make pods of.
pub struct Constants {
    numbers: Vec<i64>,
    texts: Vec<String>,
}

impl Constants {
    /// Those in these documents, each number with its neighbours. Expressions are cut into the texts between quotes.
    pub fn of<'v>(documents: impl IntoIterator<Item = &'v Value>) -> Self {
        let (mut numbers, mut texts) = (BTreeSet::from([0, 1]), BTreeSet::new());
        documents.into_iter().for_each(|document| collect(document, &mut numbers, &mut texts));
        let around = |number: i64| [number.saturating_sub(1), number, number.saturating_add(1)];
        let numbers: BTreeSet<i64> = numbers.into_iter().flat_map(around).collect();
        Self { numbers: numbers.into_iter().collect(), texts: texts.into_iter().collect() }
    }

    fn number(&self, draw: &mut Draw) -> i64 {
        self.numbers[draw.below(self.numbers.len())]
    }

    /// A text, one of `known` or one of the documents'; now and then with something more behind it.
    fn text(&self, known: &[&str], draw: &mut Draw) -> String {
        let text = if draw.once_in(3) || known.is_empty() {
            self.texts.get(draw.below(self.texts.len())).cloned().unwrap_or_default()
        } else {
            draw.one(known).to_owned()
        };
        match draw.below(10) {
            0 => format!("{text}x"),
            1 => format!("{text}/x"),
            _ => text,
        }
    }

    /// A pod. Any field may be absent.
    pub fn pod(&self, draw: &mut Draw) -> Value {
        let containers = |draw: &mut Draw, prefix: &str, count: usize| -> Vec<Value> {
            (0..count).map(|at| self.container(&format!("{prefix}{at}"), draw)).collect()
        };
        let mut spec = json!({"containers": containers(draw, "c", 1)});
        if draw.once_in(6) {
            spec["containers"] = containers(draw, "c", 2).into();
        }
        if draw.once_in(4) {
            spec["initContainers"] = containers(draw, "i", 1).into();
        }
        for field in ["hostPID", "hostIPC", "hostNetwork"] {
            maybe(&mut spec, field, 8, draw, |_| json!(true));
        }
        maybe(&mut spec, "runtimeClassName", 10, draw, |draw| json!(self.text(&["gvisor"], draw)));
        maybe(&mut spec, "volumes", 2, draw, |draw| (0..1 + draw.below(2)).map(|at| self.volume(at, draw)).collect());
        maybe(&mut spec, "securityContext", 2, draw, |draw| self.pod_context(draw));
        self.mount(&mut spec, draw);
        let mut pod = json!({"metadata": {"name": "p"}, "spec": spec});
        if draw.once_in(6) {
            let key = draw.one(&["container.apparmor.security.beta.kubernetes.io/c0", "other"]);
            pod["metadata"]["annotations"] = json!({key: self.text(&["runtime/default", "localhost/a"], draw)});
        }
        pod
    }

    fn pod_context(&self, draw: &mut Draw) -> Value {
        let mut context = json!({});
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            maybe(&mut context, field, 3, draw, |draw| json!(self.number(draw)));
        }
        maybe(&mut context, "runAsNonRoot", 5, draw, |draw| json!(draw.once_in(2)));
        maybe(&mut context, "supplementalGroups", 4, draw, |draw| {
            (0..1 + draw.below(2)).map(|_| json!(self.number(draw))).collect()
        });
        maybe(&mut context, "sysctls", 6, draw, |draw| {
            let names = ["kernel.msgmax", "kernel.shm_rmid_forced", "net.core.somaxconn", "net.ipv4.tcp_syncookies"];
            json!([{"name": draw.one(&names), "value": "1"}])
        });
        self.profiles(&mut context, draw);
        context
    }

    fn container(&self, name: &str, draw: &mut Draw) -> Value {
        let mut container = json!({"name": name, "image": "image"});
        maybe(&mut container, "ports", 5, draw, |draw| {
            let port = self.number(draw).clamp(1, 65535);
            json!([{"containerPort": port, "hostPort": port}])
        });
        maybe(&mut container, "securityContext", 2, draw, |draw| self.context(draw));
        container
    }

    fn context(&self, draw: &mut Draw) -> Value {
        let mut context = json!({});
        for field in ["privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "runAsNonRoot"] {
            maybe(&mut context, field, 4, draw, |draw| json!(draw.once_in(2)));
        }
        for field in ["runAsUser", "runAsGroup"] {
            maybe(&mut context, field, 4, draw, |draw| json!(self.number(draw)));
        }
        maybe(&mut context, "procMount", 8, draw, |_| json!("Default"));
        maybe(&mut context, "capabilities", 2, draw, |draw| {
            let names = ["NET_ADMIN", "CHOWN", "KILL", "SYS_TIME", "ALL", "OTHER"];
            let mut lists = json!({});
            maybe(&mut lists, "add", 2, draw, |draw| draw.some(&names).into());
            maybe(&mut lists, "drop", 2, draw, |draw| draw.some(&names).into());
            lists
        });
        self.profiles(&mut context, draw);
        context
    }

    /// SELinux options and a seccomp profile.
    fn profiles(&self, context: &mut Value, draw: &mut Draw) {
        maybe(context, "seLinuxOptions", 6, draw, |draw| {
            let mut options = json!({});
            maybe(&mut options, "level", 2, draw, |draw| json!(self.text(&["s0:c1,c2", "s0:c2,c1", "s0"], draw)));
            maybe(&mut options, "role", 2, draw, |draw| json!(self.text(&["object_r"], draw)));
            options
        });
        maybe(context, "seccompProfile", 6, draw, |draw| match draw.below(3) {
            0 => json!({"type": "RuntimeDefault"}),
            1 => json!({"type": "Unconfined"}),
            _ => json!({"type": "Localhost", "localhostProfile": draw.one(&["a.json", "b.json"])}),
        });
    }

    fn volume(&self, at: usize, draw: &mut Draw) -> Value {
        let mut volume = match draw.below(6) {
            0 => json!({"emptyDir": {}}),
            1 => json!({"secret": {"secretName": "s"}}),
            2 => json!({"nfs": {"server": "s", "path": "/"}}),
            3 => json!({"csi": {"driver": "driver.example"}}),
            _ => json!({"hostPath": {"path": self.text(&["/var/log", "/var/log/a", "/var/logs", "/", "/etc"], draw)}}),
        };
        volume["name"] = json!(format!("v{at}"));
        volume
    }

    /// Mounts each volume in the first container, or does not.
    fn mount(&self, spec: &mut Value, draw: &mut Draw) {
        let volumes = spec.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        let mounted = volumes.iter().filter(|_| draw.once_in(2)).cloned().collect::<Vec<_>>();
        let mounts = mounted.iter().map(|volume| {
            let mut mount = json!({"name": volume["name"], "mountPath": "/m"});
            maybe(&mut mount, "readOnly", 2, draw, |draw| json!(draw.once_in(2)));
            mount
        });
        let mounts: Vec<Value> = mounts.collect();
        if !mounts.is_empty() {
            spec["containers"][0]["volumeMounts"] = mounts.into();
        }
    }
}

/// Sets a field, once in so many times.
fn maybe(object: &mut Value, field: &str, times: usize, draw: &mut Draw, value: impl FnOnce(&mut Draw) -> Value) {
    if draw.once_in(times) {
        object[field] = value(draw);
    }
}

fn collect(value: &Value, numbers: &mut BTreeSet<i64>, texts: &mut BTreeSet<String>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_i64()),
        Value::String(text) => {
            let quoted = text.split(['\'', '"']).skip(1).step_by(2);
            texts.extend(quoted.chain([text.as_str()]).filter(|text| text.len() < 60).map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, numbers, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, numbers, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}
