//! What a denied requester reads: per policy the fields that it refuses.
//!
//! The server evaluates messages without the authorizer, so they tell of every policy, whoever may use it.

use super::rules::PolicyRules;
use crate::cel::print::Expr;

/// The plain text, where the expression is of no use: it is too long, or fails.
pub(in crate::targets) const PLAIN: &str =
    "no PodSecurityPolicy that the requester or the pod's service account may use admits the pod";

/// The plug-in's words where there is no policy at all.
pub(in crate::targets) const NO_POLICIES: &str = "PodSecurityPolicy: no providers available to validate pod request";

/// The message as an expression.
pub(in crate::targets) fn expression(policies: &[PolicyRules<'_>]) -> Expr {
    let blocks = Expr::list(policies.iter().map(block)).method("join", [Expr::string(" ")]);
    Expr::concat([Expr::string("PodSecurityPolicy: unable to admit pod: ["), blocks, Expr::string("]")])
}

fn block(policy: &PolicyRules<'_>) -> Expr {
    let name = policy.policy.name;
    let not_usable = Expr::string(&format!("{name}: neither the requester nor the pod's service account may use it;"));
    let unfilled = Expr::string(&format!(
        "{name}: it would have to fill in what the pod leaves out, which it does only when the pod is created and only for \
         those who may use it;"
    ));
    let admitted = match &policy.settled {
        Some(settled) => settled.clone().then_else(not_usable, unfilled),
        None => not_usable,
    };
    if policy.rules.is_empty() {
        return admitted;
    }
    let denial =
        |(control, rule): &(&'static str, Expr)| rule.clone().then_else(Expr::string(""), Expr::string(text(control)));
    let denials = Expr::list(policy.rules.iter().map(denial));
    let told = denials.method("filter", [Expr::name("t"), Expr::name("t").differs(Expr::string(""))]);
    let told = told.method("join", [Expr::string(", ")]);
    let denied = Expr::concat([Expr::string(&format!("{name}: ")), told, Expr::string(";")]);
    policy.admits.clone().then_else(admitted, denied)
}

/// The field that a rule judges, and what is wrong with it, in the old messages' words.
fn text(control: &'static str) -> &'static str {
    match control {
        "runAsUser" => "securityContext.runAsUser, runAsNonRoot: not allowed",
        "runAsGroup" => "securityContext.runAsGroup: not in the allowed ranges",
        "seLinux" => "securityContext.seLinuxOptions: not the required ones",
        "appArmor" => "securityContext.appArmorProfile: not an allowed profile",
        "seccomp" => "securityContext.seccompProfile: not an allowed profile",
        "privileged" => "securityContext.privileged: Privileged containers are not allowed",
        "allowedProcMountTypes" => "securityContext.procMount: ProcMountType is not allowed",
        "capabilities" => "securityContext.capabilities.add: capability may not be added",
        "hostPorts" => "hostPort: Host port is not allowed to be used",
        "readOnlyRootFilesystem" => {
            "securityContext.readOnlyRootFilesystem: ReadOnlyRootFilesystem must be set to true"
        }
        "allowPrivilegeEscalation" => {
            "securityContext.allowPrivilegeEscalation: Allowing privilege escalation for containers is not allowed"
        }
        "fsGroup" => "spec.securityContext.fsGroup: not in the allowed ranges",
        "supplementalGroups" => "spec.securityContext.supplementalGroups: not in the allowed ranges",
        "hostNamespaces" => "spec.hostNetwork, hostPID, hostIPC: not allowed to be used",
        "sysctls" => "spec.securityContext.sysctls: sysctl is not allowed",
        "volumes" => "spec.volumes: volume type is not allowed to be used",
        "allowedHostPaths" => "spec.volumes.hostPath: path is not allowed to be used, or must be read-only",
        "allowedFlexVolumes" => "spec.volumes.flexVolume.driver: Flexvolume driver is not allowed to be used",
        "allowedCSIDrivers" => "spec.volumes.csi.driver: Inline CSI driver is not allowed to be used",
        "runtimeClass" => "spec.runtimeClassName: not allowed",
        other => other,
    }
}
