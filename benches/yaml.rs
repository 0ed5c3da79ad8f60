//! Reading YAML, beside the bare events of the parser that stands below: one core, the same texts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a bench is no production code")]

#[path = "../tests/support/mod.rs"]
mod support;

use divan::counter::BytesCount;
use psp_migrate::input::{RawDocument, parse};
use saphyr_parser::Parser;
use support::Recorded;

/// The allocator of the released program.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A thousand recorded pods, each as a document of a stream.
fn pods() -> Vec<RawDocument> {
    let recorded = Recorded::read("psp-core");
    let requests = recorded.cases.iter().flat_map(|case| case["requests"].as_array().unwrap());
    let document = |request: &serde_json::Value| {
        let mut pod = request["pod"].clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        let text = format!("---\n{}", serde_yaml::to_string(&pod).unwrap());
        RawDocument { file: "pods.yaml".into(), first_line: 1, text }
    };
    requests.take(1000).map(document).collect()
}

fn bytes(pods: &[RawDocument]) -> BytesCount {
    BytesCount::new(pods.iter().map(|pod| pod.text.len()).sum::<usize>())
}

/// What cannot be spared: the parser's events, thrown away.
#[divan::bench]
fn events(bencher: divan::Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(bytes(&pods)).bench(|| {
        for pod in &pods {
            for event in Parser::new_from_str(&pod.text) {
                divan::black_box(event.unwrap());
            }
        }
    });
}

/// What another parser makes of them: plain values, without places, and scalars as YAML 1.2 has them.
#[divan::bench]
fn plain_values(bencher: divan::Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(bytes(&pods)).bench(|| {
        for pod in &pods {
            divan::black_box(serde_yaml::from_str::<serde_json::Value>(&pod.text).unwrap());
        }
    });
}

/// Objects with their places, scalars as kubectl reads them, and every field held against its type.
#[divan::bench]
fn objects(bencher: divan::Bencher<'_, '_>) {
    let pods = pods();
    bencher.counter(bytes(&pods)).bench(|| {
        for pod in &pods {
            divan::black_box(parse(pod));
        }
    });
}
