package podsecuritypolicyset

everybody := [{"users": [], "groups": ["system:authenticated"], "namespaces": []}]

free := {
	"runAsUser": {"rule": "RunAsAny"},
	"seLinux": {"rule": "RunAsAny"},
	"fsGroup": {"rule": "RunAsAny"},
	"supplementalGroups": {"rule": "RunAsAny"},
	"volumes": ["*"],
}

non_root := {
	"runAsUser": {"rule": "MustRunAsNonRoot"},
	"seLinux": {"rule": "RunAsAny"},
	"fsGroup": {"rule": "RunAsAny"},
	"supplementalGroups": {"rule": "RunAsAny"},
	"volumes": ["secret"],
}

policy_of(name, spec) = {"name": name, "annotations": {}, "grants": everybody, "spec": spec}

request(pod_spec, policies) = {
	"review": {
		"operation": "CREATE",
		"namespace": "team",
		"userInfo": {"username": "alice", "groups": ["system:authenticated"]},
		"object": {"metadata": {"name": "p"}, "spec": pod_spec},
	},
	"parameters": {"policies": policies},
}

root := {"containers": [{"name": "c", "securityContext": {"runAsUser": 0}}]}

test_one_usable_policy_is_enough {
	asked := request(root, [policy_of("a", non_root), policy_of("b", free)])
	count(violation) == 0 with input as asked
}

test_the_reason_names_policy_and_container {
	asked := request(root, [policy_of("a", non_root)])
	found := violation with input as asked
	found[_].details.reasons == ["a: container c: runAsUser is 0"]
}

test_without_policies_everything_is_denied {
	asked := request(root, [])
	count(violation) == 1 with input as asked
}

test_without_parameters_everything_is_denied {
	asked := {"review": {"operation": "CREATE", "object": {"metadata": {}, "spec": root}}}
	count(violation) == 1 with input as asked
}

test_a_subresource_is_not_judged {
	asked := {"review": {"operation": "UPDATE", "subResource": "status", "object": {"spec": root}}, "parameters": {}}
	count(violation) == 0 with input as asked
}

test_what_cannot_be_read_is_denied {
	asked := request({"securityContext": null, "containers": [{"name": "c"}]}, [policy_of("b", free)])
	count(violation) == 1 with input as asked
}

test_a_null_context_of_a_container_is_denied {
	asked := request({"containers": [{"name": "c", "securityContext": null}]}, [policy_of("b", free)])
	count(violation) == 1 with input as asked
}

test_a_value_that_would_be_filled_in_is_demanded {
	asked := request({"containers": [{"name": "c"}]}, [policy_of("a", non_root)])
	found := violation with input as asked
	found[_].details.reasons == ["a: container c: neither runAsNonRoot nor runAsUser is set"]
}

audited(mode) = {
	"review": {"operation": "", "userInfo": {}, "object": {"metadata": {"namespace": "team"}, "spec": root}},
	"parameters": {"auditUnknownUser": mode, "policies": [policy_of("b", free)]},
}

test_an_audit_counts_the_service_account_alone {
	count(violation) == 1 with input as audited("deny")
}

test_an_audit_may_count_every_grant {
	count(violation) == 0 with input as audited("anyGrant")
}

test_an_audit_may_be_skipped {
	count(violation) == 0 with input as audited("skip")
}

test_a_requester_without_a_name_is_still_known_by_groups {
	asked := {
		"review": {"operation": "CREATE", "userInfo": {"groups": ["others"]}, "object": {"metadata": {}, "spec": root}},
		"parameters": {"auditUnknownUser": "anyGrant", "policies": [policy_of("b", free)]},
	}

	count(violation) == 1 with input as asked
}

silent(operation) = {
	"review": {
		"operation": operation,
		"userInfo": {"username": "alice", "groups": ["system:authenticated"]},
		"object": {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}},
		"oldObject": {"metadata": {"name": "p"}, "spec": {"containers": []}},
	},
	"parameters": {"defaulting": "Assume", "policies": [policy_of("a", non_root)]},
}

test_values_may_be_assumed_of_a_new_pod {
	count(violation) == 0 with input as silent("CREATE")
}

test_nothing_is_assumed_of_an_update {
	count(violation) == 1 with input as silent("UPDATE")
}

debugged(covered) = {
	"review": {
		"operation": "UPDATE",
		"subResource": "ephemeralcontainers",
		"userInfo": {"username": "alice", "groups": ["system:authenticated"]},
		"object": {"spec": {"ephemeralContainers": [{"name": "e", "securityContext": {"runAsUser": 0}}]}},
	},
	"parameters": {"coverEphemeralContainers": covered, "policies": [policy_of("a", non_root)]},
}

test_ephemeral_containers_are_judged_where_they_are_covered {
	count(violation) == 0 with input as debugged(false)
	count(violation) == 1 with input as debugged(true)
}
