//! `hostPorts`: which ports of the node containers may claim.
//!
//! * Policy field: `spec.hostPorts`, ranges with both ends included; absent or empty means none.
//! * Pod field: `<container>.ports[*].hostPort`, 0 and absent pass. IP and protocol do not matter.
//! * Fills nothing in.
//!
//! Nothing validates the ranges: an inverted one never matches, and 0 is never asked for. Independent of `hostNetwork`,
//! but API defaulting gives every port of a pod on the host network a host port. Upstream's message names the container's
//! `hostPort`, without saying which port it was.

use serde_json::{Value, json};

use super::{Control, Denials, Parsed, Requirement};
use crate::constraint::{Axis, Constraint, Items, Place, Test, edge_ids};
use crate::field_error::FieldError;
use crate::pod_view::{Container, Field, PodView};
use crate::psp::{HostPortRange, IdRange, PodSecurityPolicy};
use crate::release::Release;

pub(super) static CONTROL: Control = Control { name: "hostPorts", owns: &[Field::HostPort], parse };

fn parse(policy: &PodSecurityPolicy, _: &Release) -> Parsed {
    let range = |range: &HostPortRange| IdRange { min: range.min.into(), max: range.max.into() };
    let ranges = policy.spec.host_ports.iter().map(range).collect();
    Ok(Some(Box::new(HostPorts { ranges })))
}

struct HostPorts {
    ranges: Vec<IdRange>,
}

impl HostPorts {
    /// The ranges as upstream prints them: `80,8000-8080`.
    fn print(&self) -> String {
        let print = |range: &IdRange| match (range.min, range.max) {
            (min, max) if min == max => min.to_string(),
            (min, max) => format!("{min}-{max}"),
        };
        self.ranges.iter().map(print).collect::<Vec<_>>().join(",")
    }
}

impl Requirement for HostPorts {
    fn admit_container(&self, _: &PodView<'_>, container: &Container<'_>, denials: &mut Denials) {
        for port in container.host_ports.iter() {
            if !self.ranges.iter().any(|range| range.contains((*port).into())) {
                denials.add(|| {
                    let allowed = self.print();
                    let detail = format!("Host port {port} is not allowed to be used. Allowed ports: [{allowed}]");
                    FieldError::invalid(format!("{container}.hostPort"), port, detail)
                });
            }
        }
    }

    fn constraint(&self) -> Constraint {
        let in_ranges = Constraint::Field(Field::HostPort, Test::InRanges(self.ranges.clone()));
        Constraint::each(Items::Containers, Constraint::each(Items::HostPorts, in_ranges))
    }

    fn boundary(&self) -> Vec<Axis> {
        const LARGEST: i64 = 65_535;
        let port = |port: i64| json!({"containerPort": 1, "hostPort": port});
        let ports = edge_ids(&self.ranges).into_iter().chain([1, LARGEST]);
        let ports = ports.filter(|port| *port <= LARGEST);
        let first = self.ranges.first().map_or(1, |range| range.min);
        let lists = ports.flat_map(|id| [json!([port(id)]), json!([port(first), port(id)])]);
        let silent = [Value::Null, json!([{"containerPort": 1}])];
        vec![Axis::new(Place::Container("ports"), silent.into_iter().chain(lists))]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, lowering_is_faithful};
    use super::*;

    fn ports(list: &[i32]) -> Value {
        let port = |port| json!({"containerPort": 80, "hostPort": port});
        json!([{"ports": list.iter().map(port).collect::<Vec<_>>()}])
    }

    #[test]
    fn absent_means_none() {
        check(
            &CONTROL,
            json!({}),
            json!({"containers": ports(&[80])}),
            &[
                "spec.containers[0].hostPort: Invalid value: 80: Host port 80 is not allowed to be used. Allowed ports: []",
            ],
        );
        check(&CONTROL, json!({}), json!({"containers": [{"ports": [{"containerPort": 80}]}]}), &[]);
    }

    #[test]
    fn two_bad_ports_give_two_denials_of_the_same_path() {
        let path = "spec.initContainers[0].hostPort: Invalid value:";
        let allowed = "is not allowed to be used. Allowed ports: [80,8000-8080]";
        check(
            &CONTROL,
            json!({"hostPorts": [{"min": 80, "max": 80}, {"min": 8000, "max": 8080}]}),
            json!({"initContainers": ports(&[79, 80, 8000, 8080, 8081])}),
            &[&format!("{path} 79: Host port 79 {allowed}"), &format!("{path} 8081: Host port 8081 {allowed}")],
        );
    }

    #[test]
    fn zero_is_not_a_port() {
        let policy = json!({"hostPorts": [{"min": 0, "max": 0}]});
        check(&CONTROL, policy.clone(), json!({"containers": ports(&[0])}), &[]);
        check(
            &CONTROL,
            policy,
            json!({"containers": ports(&[1])}),
            &[
                "spec.containers[0].hostPort: Invalid value: 1: Host port 1 is not allowed to be used. Allowed ports: [0]",
            ],
        );
    }

    #[test]
    fn the_constraint_says_what_the_check_says() {
        lowering_is_faithful(
            &CONTROL,
            &[
                json!({}),
                json!({"hostPorts": [{"min": 0, "max": 0}]}),
                json!({"hostPorts": [{"min": 1, "max": 65534}]}),
                json!({"hostPorts": [{"min": 90, "max": 80}, {"min": -5, "max": 2}]}),
                json!({"hostPorts": [{"min": 80, "max": 80}, {"min": 8000, "max": 8080}]}),
            ],
        );
    }
}
