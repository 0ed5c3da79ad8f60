//! How fast Pod Security Admission judges the recorded pods. One item is one evaluation: one pod at one level and version.
//!
//! For comparison, the Go library judges the same pods at 460,000 evaluations a second on one core, pods decoded,
//! building the detail of every refusal.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::io::{BufRead, BufReader};

use divan::Bencher;
use divan::counter::ItemsCount;
use flate2::read::GzDecoder;
use psp_migrate::targets::psa::{Level, PsaPod, Version, evaluate};
use serde_json::Value;

const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/golden/psa.ndjson.gz");
const SUBSET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/recorded/psa.ndjson.gz");

const LEVELS: [Level; 2] = [Level::Baseline, Level::Restricted];
const MINORS: std::ops::RangeInclusive<u64> = 0..=38;

fn main() {
    divan::main();
}

fn pods() -> Vec<Value> {
    let file = std::fs::File::open(WHOLE).or_else(|_| std::fs::File::open(SUBSET)).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let cases = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    cases.filter_map(|mut case| Some(case.get_mut("pod")?.take())).collect()
}

fn evaluations(pods: &[Value]) -> ItemsCount {
    ItemsCount::new(pods.len() * LEVELS.len() * MINORS.count())
}

/// The text of every refusal, made anew for each evaluation.
fn judge(pod: &PsaPod<'_>) {
    for level in LEVELS {
        for minor in MINORS {
            let evaluation = evaluate(level, Version::Minor(minor), black_box(pod));
            black_box(evaluation.detail());
        }
    }
}

/// As the Go library was measured: decoded pods, every level and version. Reading the facts of a pod is in the time.
#[divan::bench]
fn texts(bencher: Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(evaluations(&pods)).bench_local(|| {
        pods.iter().for_each(|pod| judge(&PsaPod::read(black_box(pod))));
    });
}

/// The same with decisions only.
#[divan::bench]
fn decisions(bencher: Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(evaluations(&pods)).bench_local(|| {
        for pod in &pods {
            let pod = PsaPod::read(black_box(pod));
            for level in LEVELS {
                for minor in MINORS {
                    black_box(evaluate(level, Version::Minor(minor), black_box(&pod)).is_allowed());
                }
            }
        }
    });
}

/// One evaluation with its text per read pod: nothing is shared between evaluations.
#[divan::bench]
fn one_evaluation_per_read(bencher: Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(ItemsCount::new(pods.len())).bench_local(|| {
        for pod in &pods {
            let pod = PsaPod::read(black_box(pod));
            black_box(evaluate(Level::Restricted, Version::Latest, &pod).detail());
        }
    });
}
