//! Every flag and its help text; no logic.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::release::Release;
use crate::targets::psa::{Level, Version};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Moves a Kubernetes cluster off PodSecurityPolicy and proves that nothing changed.
#[derive(Debug, Parser)]
#[command(name = "psp-migrate", version, styles = STYLES, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  kubectl get -A -o json > cluster.json \\
    psp,clusterroles,clusterrolebindings,roles,rolebindings,sa,ns,po,deploy,sts,ds
  psp-migrate inspect cluster.json
  psp-migrate evaluate cluster.json --pods samples/

Every option can also be set in psp-migrate.toml of the current folder (a line
`target-version = \"1.34\"`, for one command below `[verify]`) and in the environment
(PSP_MIGRATE_TARGET_VERSION=1.34). The command line counts before the environment, and that
before the file.

Exit codes: 0 done; 1 done, with differences or denials; 2 could not do what was asked, or an
input was broken.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to colour the output; NO_COLOR is obeyed
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Print results and errors only: no warnings, no summary, no progress
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell what was read and made, and show every difference
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// The file with defaults for options [default: psp-migrate.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show who may use which policy, what each policy allows and fills in, and what is odd
    Inspect(Inspect),
    /// Show what PodSecurityPolicy decides for each pod: which policy, which changes, why not
    Evaluate(Evaluate),
    /// Write the policies of another engine, with a report
    Convert(Convert),
    /// Hold the policies of another engine against PodSecurityPolicy, decision by decision
    Verify(Verify),
    /// Hold two sets of policies against each other for all pods: which admits more; or the policies of one set
    Compare(Compare),
    /// Print a script that completes commands and options in a shell
    Completions(Completions),
    /// Print a manual page
    Man(Man),
}

/// `completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate completions bash > /etc/bash_completion.d/psp-migrate
  psp-migrate completions zsh > \"${fpath[1]}/_psp-migrate\"
  psp-migrate completions fish > ~/.config/fish/completions/psp-migrate.fish")]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate man | man -l -
  psp-migrate man verify > psp-migrate-verify.1")]
pub struct Man {
    /// The command to explain [default: psp-migrate itself]
    pub command: Option<String>,
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is read, and how the old server was set up.
#[derive(Debug, Args)]
pub struct Input {
    /// Files and folders with policies, roles, bindings, workloads; `-` is standard input [default: .]
    #[arg(value_name = "PATHS")]
    pub paths: Vec<PathBuf>,
    /// Go on although a document is broken; without it the exit code is 2
    #[arg(long)]
    pub keep_going: bool,
    /// The release of the old server, 1.16 to 1.24, whose rules and wording apply
    #[arg(long, value_name = "VERSION", default_value = "1.24")]
    pub psp_version: Release,
    /// Feature gates of the old server, e.g. `ProcMountType=true`
    #[arg(long, value_name = "GATE=BOOL", value_delimiter = ',')]
    pub feature_gates: Vec<FeatureGate>,
    /// Take the rules of aggregated cluster roles as they stand, instead of aggregating them anew
    #[arg(long)]
    pub no_aggregation: bool,
}

/// One feature gate of the old server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureGate {
    /// `ProcMountType`
    ProcMountType(bool),
}

impl std::str::FromStr for FeatureGate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("ProcMountType", "true")) => Ok(Self::ProcMountType(true)),
            Some(("ProcMountType", "false")) => Ok(Self::ProcMountType(false)),
            Some(("ProcMountType", _)) => Err("a feature gate is `true` or `false`".to_owned()),
            _ => Err("the one gate that matters to PodSecurityPolicy is `ProcMountType=true|false`".to_owned()),
        }
    }
}

impl Input {
    /// The old server's release with its gates.
    pub fn release(&self) -> Release {
        let mut release = self.psp_version;
        for FeatureGate::ProcMountType(on) in &self.feature_gates {
            release.proc_mount_type = *on;
        }
        release
    }
}

/// `inspect`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate inspect manifests/
  kubectl get -A -o json psp,clusterroles,clusterrolebindings,roles,rolebindings,sa |
    psp-migrate inspect -
  psp-migrate inspect manifests/ --format json | jq '.subjects[] | select(.usable != [])'")]
pub struct Inspect {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// A table for people, or one JSON object for programs
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: InspectFormat,
}

/// Output formats of `inspect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InspectFormat {
    /// For people.
    Text,
    /// One object.
    Json,
}

/// `evaluate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate evaluate manifests/ --pods samples/
  psp-migrate evaluate manifests/ --pods attack.yaml --as system:serviceaccount:psp-example:malicious-user
  psp-migrate evaluate manifests/ --pods audit.log --format ndjson --fail-on denied
  psp-migrate evaluate manifests/ --pods pod.yaml --explain
  psp-migrate evaluate manifests/ --pods samples/ --with vap --against out/
  psp-migrate evaluate manifests/ --pods samples/ --level restricted --level-version v1.30

Without --as the requester is whoever would really create the pod: the controller for a workload's pods, and for a bare
Pod somebody who is authenticated and whom no binding names.")]
pub struct Evaluate {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// Pods to decide about: Pods, workloads, Lists, AdmissionReviews, audit events [default: those among PATHS]
    #[arg(long, value_name = "PODS")]
    pub pods: Vec<PathBuf>,
    /// The user who asks, e.g. `alice` or `system:serviceaccount:NAMESPACE:NAME`
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// A group of that user; may be repeated
    #[arg(long = "as-group", value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// The namespace of pods that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: EvaluateFormat,
    /// Exit with 1 if a request ends like this
    #[arg(long, value_name = "VERDICT")]
    pub fail_on: Option<FailOn>,
    /// Put the resulting pod into each JSON line, as `pod`
    #[arg(long)]
    pub with_pod: bool,
    /// Show every usable policy in the order in which it is tried, and why it was or was not chosen
    #[arg(long)]
    pub explain: bool,
    /// Whether the old server runs the PodSecurityPolicy plug-in at all
    #[arg(long, value_name = "ON|OFF", default_value = "on")]
    pub admission_plugin: Switch,
    /// Who decides.
    #[command(flatten)]
    pub engine: Engine,
}

/// Another engine, in place of PodSecurityPolicy.
#[derive(Debug, Args)]
#[command(next_help_heading = "Another engine")]
pub struct Engine {
    /// Let this engine decide, in its own words, instead of PodSecurityPolicy: vap, gatekeeper, psa
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["explain", "admission_plugin"])]
    pub with: Option<String>,
    /// The folder with its policies, whoever wrote them [default: those among PATHS, else what `convert` would write]
    #[arg(long, value_name = "DIR", visible_alias = "policies", requires = "with")]
    pub against: Option<PathBuf>,
    /// One Pod Security level for every namespace, whatever its labels are: privileged, baseline, restricted
    #[arg(long, value_name = "LEVEL", conflicts_with_all = ["against", "explain", "admission_plugin"])]
    pub level: Option<Level>,
    /// The version of the Pod Security Standards, `v1.0` or later
    #[arg(long, value_name = "VERSION", default_value = "latest", requires = "level")]
    pub level_version: Version,
    /// The Kubernetes version of the server that the engine stands in, 1.30 to 1.37
    #[arg(long, value_name = "VERSION", default_value = "1.37", env = "PSP_MIGRATE_TARGET_VERSION", value_parser = target_minor)]
    pub target_version: u8,
}

/// Output formats of `evaluate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvaluateFormat {
    /// For people.
    Text,
    /// One array of objects.
    Json,
    /// One object a line.
    Ndjson,
}

/// Verdicts that can make `evaluate` fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A request is denied, or the API server refuses the result.
    Denied,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What becomes of the policies.
#[derive(Debug, Args)]
pub struct Translation {
    /// The engines to move to, separated by commas: vap, kyverno, kyverno-clusterpolicy, gatekeeper, psa; workloads for
    /// patches of what is deployed
    #[arg(long = "to", value_name = "TARGET", value_delimiter = ',')]
    pub targets: Vec<String>,
    /// The Kubernetes version of the server that gets the policies, 1.30 to 1.37
    #[arg(long, value_name = "VERSION", default_value = "1.37", value_parser = target_minor)]
    pub target_version: u8,
    /// The version of Kyverno that gets the policies, 1.11 to 1.20
    #[arg(long, value_name = "VERSION", default_value = "1.19", env = "PSP_MIGRATE_KYVERNO_VERSION", value_parser = kyverno_minor)]
    pub kyverno_version: u8,
    /// Ask for grants at admission, or resolve them now [default: live where the engine can]
    #[arg(long, value_name = "MODE")]
    pub rbac: Option<RbacMode>,
    /// Also judge ephemeral containers (`kubectl debug`), which PodSecurityPolicy never looked at
    #[arg(long)]
    pub cover_ephemeral_containers: bool,
    /// Leave out the annotation that names the admitting policy
    #[arg(long)]
    pub no_annotation: bool,
    /// Write the parameter-free form of native policies, for admission control from files (1.36)
    #[arg(long)]
    pub static_manifests: bool,
    /// What violations meet: `staged` warns everywhere and refuses in namespaces labelled `psp-migrate/enforce=true`
    #[arg(long, value_name = "MODE", default_value = "deny")]
    pub mode: Mode,
}

/// When grants are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RbacMode {
    /// At admission, by the server.
    Live,
    /// At conversion.
    Frozen,
}

/// What a violation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// It is refused.
    Deny,
    /// It is warned about and audited.
    Audit,
    /// It is refused where the namespace has the label `psp-migrate/enforce=true`, and warned about elsewhere.
    Staged,
}

fn target_minor(text: &str) -> Result<u8, String> {
    minor(text)
        .filter(|minor| (30..=37).contains(minor))
        .ok_or_else(|| "a version from 1.30 to 1.37 is wanted".to_owned())
}

fn kyverno_minor(text: &str) -> Result<u8, String> {
    minor(text)
        .filter(|minor| (11..=20).contains(minor))
        .ok_or_else(|| "a version from 1.11 to 1.20 is wanted".to_owned())
}

/// The minor version in `1.30` or `v1.30`.
fn minor(text: &str) -> Option<u8> {
    text.trim_start_matches('v').strip_prefix("1.").and_then(|minor| minor.parse().ok())
}

impl Translation {
    /// The options of the plan.
    pub fn options(&self) -> crate::plan::Options {
        crate::plan::Options {
            target_minor: self.target_version,
            rbac: self.rbac.map(|mode| match mode {
                RbacMode::Live => crate::plan::RbacMode::Live,
                RbacMode::Frozen => crate::plan::RbacMode::Frozen,
            }),
            cover_ephemeral_containers: self.cover_ephemeral_containers,
            annotate: !self.no_annotation,
            static_manifests: self.static_manifests,
            enforcement: match self.mode {
                Mode::Deny => crate::plan::Enforcement::Deny,
                Mode::Audit => crate::plan::Enforcement::Audit,
                Mode::Staged => crate::plan::Enforcement::Staged,
            },
            kyverno_minor: self.kyverno_version,
        }
    }
}

/// The folder that `convert` writes and `verify` reads, if none is named.
pub const OUTPUT: &str = "out";

/// `convert`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate convert manifests/                     what each engine can keep, and which to take
  psp-migrate convert manifests/ --to vap -o out/
  psp-migrate convert manifests/ --to vap,psa -o out/ --target-version 1.34
  psp-migrate convert manifests/ --to gatekeeper -o out/
  psp-migrate convert manifests/ --to kyverno -o out/ --with-tests
  psp-migrate convert manifests/ --to workloads --in-place
  psp-migrate convert manifests/ --to vap -o out/ --diff")]
pub struct Convert {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// What is written.
    #[command(flatten)]
    pub translation: Translation,
    /// The folder to write; with several targets each gets a folder of its own in it
    #[arg(short, long, value_name = "DIR", default_value = OUTPUT)]
    pub output: PathBuf,
    /// Also write files with which the engine's own command line tests the policies, as `kyverno test` and `gator verify`
    /// do: the pods that were read, as every requester, and pods at the policies' limits
    #[arg(long, conflicts_with = "bundle")]
    pub with_tests: bool,
    /// One file with all documents, instead of one file each
    #[arg(long, conflicts_with = "static_manifests")]
    pub bundle: bool,
    /// With `workloads`: write the values into the input's own files, each with a backup beside it, instead of copies
    #[arg(long)]
    pub in_place: bool,
    /// Overwrite files that psp-migrate did not write
    #[arg(long)]
    pub force: bool,
    /// Print what would be written, and write nothing
    #[arg(long, conflicts_with = "diff")]
    pub dry_run: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
    /// Leave it to `verify` to compare decisions, and say in the report that nothing was compared
    #[arg(long)]
    pub no_verify: bool,
    /// Compare decisions on pods, and do not prove anything for all pods
    #[arg(long)]
    pub no_proof: bool,
}

/// `verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  psp-migrate verify manifests/ --pods samples/
  psp-migrate verify manifests/ --pods samples/ --against policies/ --to vap
  psp-migrate verify manifests/ --pods samples/ --to vap
  psp-migrate verify --pods samples/ --format junit > report.xml
  psp-migrate verify --pods samples/ --format html > report.html
  psp-migrate verify manifests/ --to vap --write-witnesses witnesses/

With neither --to nor --against, what `psp-migrate convert` wrote into out/ is verified; with --to alone
the policies are made in memory and read back from their own text. Each pod is put to both sides
as its real creator would send it, and as somebody of every class of requesters. Then both sides are
compared for all pods that somebody of any class could send.")]
pub struct Verify {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// What is verified.
    #[command(flatten)]
    pub translation: Translation,
    /// Pods to decide about, besides those among PATHS: whatever `evaluate --pods` takes
    #[arg(long, value_name = "PODS")]
    pub pods: Vec<PathBuf>,
    /// The folder with the policies to verify, whoever wrote them
    #[arg(long, value_name = "DIR", visible_alias = "policies")]
    pub against: Option<PathBuf>,
    /// The namespace of pods that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// Do not make up pods around the policies' own limits
    #[arg(long)]
    pub no_boundary: bool,
    /// Do not prove anything for all pods
    #[arg(long)]
    pub no_proof: bool,
    /// Write the made-up pods and those that show a difference to this folder, to be tried on a real server
    #[arg(long, value_name = "DIR")]
    pub write_witnesses: Option<PathBuf>,
    /// Overwrite files in the folder of witnesses that psp-migrate did not write
    #[arg(long, requires = "write_witnesses")]
    pub force: bool,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: VerifyFormat,
}

/// Output formats of `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For a terminal.
    Text,
    /// For a change board.
    Markdown,
    /// One self-contained page to look at.
    Html,
    /// One object.
    Json,
    /// For a pipeline.
    Junit,
    /// For code scanning.
    Sarif,
}

/// `compare`
#[derive(Debug, Args)]
#[command(override_usage = "psp-migrate compare [OPTIONS] <A> [B]")]
#[command(mut_arg("paths", |paths| paths.value_names(["A", "B"]).num_args(1..=2).required(true).help(
    "PodSecurityPolicies with their roles and bindings, the documents of a target, or a level as `psa:restricted@v1.30`"
)))]
#[command(after_help = "\
Examples:
  psp-migrate compare old-policies/ new-policies/
  psp-migrate compare manifests/ out/vap/
  psp-migrate compare manifests/ psa:restricted@v1.30
  psp-migrate compare manifests/

What B denies and admits beyond A is told for each class of subjects with a pod that shows it. A set of policies without
roles and bindings may be used by everybody. With A alone its policies are held against each other: which are the same,
which admits no more than another, and what would change without it.")]
pub struct Compare {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// The Kubernetes version of the server that gets the documents of a target, 1.30 to 1.37
    #[arg(long, value_name = "VERSION", default_value = "1.37", env = "PSP_MIGRATE_TARGET_VERSION", value_parser = target_minor)]
    pub target_version: u8,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: CompareFormat,
}

/// Output formats of `compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// For a terminal.
    Text,
    /// One object.
    Json,
}
