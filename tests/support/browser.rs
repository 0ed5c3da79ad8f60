//! A headless Chromium that opens a report and tells what it saw.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::folder::Scratch;

/// The browser that `PSP_MIGRATE_CHROMIUM` names.
pub struct Browser(PathBuf);

/// Appended to a copy of the page.
const PROBE: &str = include_str!("probe.js");

impl Browser {
    /// The browser of the environment.
    pub fn from_environment() -> Self {
        Self(std::env::var_os("PSP_MIGRATE_CHROMIUM").expect("PSP_MIGRATE_CHROMIUM names a browser").into())
    }

    /// What is seen after the page was opened together with this script; without one, also how long that took.
    pub fn open(&self, page: &Path, script: &str) -> Value {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD;
        use sha2::{Digest, Sha256};
        let is_timed = script.is_empty();
        let script = format!("{script}\n{PROBE}");
        let hash = STANDARD.encode(Sha256::digest(&script));
        let text = std::fs::read_to_string(page).unwrap();
        let text = text.replacen("script-src '", &format!("script-src 'sha256-{hash}' '"), 1);
        let copy = page.with_file_name("probed.html");
        std::fs::write(&copy, text.replace("</body>", &format!("<script>{script}</script></body>"))).unwrap();
        let profile = Scratch::new();
        let output = Command::new(&self.0)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"])
            .arg("--window-size=1280,900")
            // Time that passes at once, for what is done after the page is loaded.
            .args((!is_timed).then_some("--virtual-time-budget=60000"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", copy.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, rest) = dom.rsplit_once("SEEN").unwrap_or_else(|| panic!("nothing was seen: {dom}"));
        let (encoded, _) = rest.split_once("NEES").unwrap();
        serde_json::from_slice(&STANDARD.decode(encoded).unwrap()).unwrap()
    }
}

/// A cluster with so many service accounts, ten to a namespace, each bound to one to three of so many policies.
pub fn large_cluster(accounts: usize, policies: usize) -> String {
    let mut out = String::new();
    for policy in 0..policies {
        let limits = match policy % 4 {
            0 => "privileged: true, volumes: ['*'], runAsUser: {rule: RunAsAny}".to_owned(),
            1 => "requiredDropCapabilities: [ALL], volumes: [secret], runAsUser: {rule: MustRunAsNonRoot}".to_owned(),
            2 => format!(
                "volumes: [hostPath], allowedHostPaths: [{{pathPrefix: /var/lib/app{policy}}}], runAsUser: {{rule: RunAsAny}}"
            ),
            _ => {
                format!("volumes: [secret], runAsUser: {{rule: MustRunAs, ranges: [{{min: {policy}, max: {policy}}}]}}")
            }
        };
        let rest = "seLinux: {rule: RunAsAny}, fsGroup: {rule: RunAsAny}, supplementalGroups: {rule: RunAsAny}";
        writeln!(out, "---\napiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {{name: policy-{policy}}}\nspec: {{{limits}, {rest}}}").unwrap();
        writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: use-{policy}}}\nrules: [{{apiGroups: [policy], resources: [podsecuritypolicies], resourceNames: [policy-{policy}], verbs: [use]}}]").unwrap();
    }
    for account in 0..accounts {
        let namespace = format!("team-{}", account / 10);
        writeln!(
            out,
            "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: account-{account}, namespace: {namespace}}}"
        )
        .unwrap();
        for step in 0..=account % 3 {
            let policy = (account * 7 + step * 11) % policies;
            writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: account-{account}-{step}, namespace: {namespace}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-{policy}}}\nsubjects: [{{kind: ServiceAccount, name: account-{account}, namespace: {namespace}}}]").unwrap();
        }
    }
    out
}
