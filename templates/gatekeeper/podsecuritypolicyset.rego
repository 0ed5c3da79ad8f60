# Admits a pod when one of the PodSecurityPolicies that the requester or the pod's service account may use admits it.
#
# The constraint carries the policies and who may use them. Each control of a policy is one function below, named as the
# control is: it returns the set of problems that a policy has with the pod, none if it is content. Everything that is read
# of the pod is read once, into facts that are always defined: `not` stands before rules and before functions of bound
# variables only, so that it means the same in every engine. What cannot be read is refused.
package podsecuritypolicyset

violation[{"msg": msg, "details": {"reasons": reasons}}] {
	judged
	not admitted
	reasons := sort([reason |
		policy := usable_policies[_]
		found := problems(policy)
		reason := sprintf("%v: %v", [policy.name, found[_]])
	])
	msg := denial(reasons)
}

denial(reasons) = "neither the requester nor the pod's service account may use a pod security policy" {
	count(usable_policies) == 0
}

denial(reasons) = msg {
	count(usable_policies) > 0
	msg := sprintf("no usable pod security policy admits the pod: %v", [concat("; ", reasons)])
}

admitted {
	policy := usable_policies[_]
	admits(policy)
}

admits(policy) {
	count(pod_problems(policy)) == 0
	count(volume_problems(policy)) == 0
	count(container_problems(policy)) == 0
}

problems(policy) = (pod_problems(policy) | volume_problems(policy)) | container_problems(policy)

pod_problems(policy) = found {
	readable
	host := (hostNamespaces(policy) | runtimeClass(policy)) | sysctls(policy)
	found := (host | fsGroup(policy)) | supplementalGroups(policy)
}

pod_problems(policy) = {"what the pod asks for cannot be read"} {
	not readable
}

volume_problems(policy) = found {
	drivers := allowedFlexVolumes(policy) | allowedCSIDrivers(policy)
	found := (volumes(policy) | allowedHostPaths(policy)) | drivers
}

container_problems(policy) = found {
	privileges := (privileged(policy) | allowPrivilegeEscalation(policy)) | capabilities(policy)
	profiles := (seLinux(policy) | seccomp(policy)) | appArmor(policy)
	settings := (hostPorts(policy) | readOnlyRootFilesystem(policy)) | allowedProcMountTypes(policy)
	found := (privileges | profiles) | ((settings | runAsUser(policy)) | runAsGroup(policy))
}

# ---------- the request ----------

review := input.review

operation := object.get(review, "operation", "")

subresource := object.get(review, "subResource", "")

judged {
	{"", "CREATE", "UPDATE"}[operation]
	judged_subresources[subresource]
	not only_garbage_collection
	not skipped
}

judged_subresources[""]

judged_subresources["ephemeralcontainers"] {
	object.get(input.parameters, "coverEphemeralContainers", false) == true
}

# An update that changes nothing, or nothing but what the garbage collector writes, passes whatever the policies say.
only_garbage_collection {
	operation == "UPDATE"
	old := object.get(review, "oldObject", null)
	old != null
	object.remove(pod, ["metadata"]) == object.remove(old, ["metadata"])
	written := ["ownerReferences", "finalizers", "selfLink", "managedFields"]
	object.remove(metadata, written) == object.remove(object.get(old, "metadata", {}), written)
}

# A policy fills pods in on CREATE only. `Assume` judges the pod as if that had been done, `Require` judges it as it is.
default filled_in = false

filled_in {
	object.get(input.parameters, "defaulting", "Require") == "Assume"
	operation != "UPDATE"
}

# What a policy fills in, null where nothing may be filled in any more.
assumed(value) = value {
	filled_in
}

assumed(value) = null {
	not filled_in
}

# ---------- who asks ----------

user_info := object.get(review, "userInfo", {})

requester := object.get(user_info, "username", "")

requester_groups := {group | list := object.get(user_info, "groups", []); group := list[_]}

namespace := first_text([object.get(review, "namespace", ""), object.get(metadata, "namespace", ""), "default"])

account := first_text([object.get(spec, "serviceAccountName", ""), object.get(spec, "serviceAccount", "")])

users[requester] {
	requester != ""
}

users[user] {
	account != ""
	user := concat(":", ["system:serviceaccount", namespace, account])
}

groups[group] {
	requester_groups[group]
}

# The pod's service account has these two groups and no other, `system:authenticated` neither.
groups[group] {
	account != ""
	group := ["system:serviceaccounts", concat(":", ["system:serviceaccounts", namespace])][_]
}

# An audit, unlike an admission request, knows no requester.
requester_unknown {
	requester == ""
	count(requester_groups) == 0
}

audit_unknown_user := object.get(input.parameters, "auditUnknownUser", "deny")

skipped {
	requester_unknown
	audit_unknown_user == "skip"
}

usable_policies := [policy | policy := input.parameters.policies[_]; usable(policy)]

usable(policy) {
	grant := policy.grants[_]
	in_namespace(grant)
	names_subject(grant)
}

in_namespace(grant) {
	count(object.get(grant, "namespaces", [])) == 0
}

in_namespace(grant) {
	grant.namespaces[_] == namespace
}

names_subject(grant) {
	user := grant.users[_]
	users[user]
}

names_subject(grant) {
	group := grant.groups[_]
	groups[group]
}

names_subject(grant) {
	requester_unknown
	audit_unknown_user == "anyGrant"
}

# ---------- facts of the pod ----------

pod := review.object

metadata := object.get(pod, "metadata", {})

spec := object.get(pod, "spec", {})

annotations := object.get(metadata, "annotations", {})

pod_context := object.get(spec, "securityContext", {})

container_lists[list] {
	list := ["initContainers", "containers"][_]
}

container_lists["ephemeralContainers"] {
	object.get(input.parameters, "judgeEphemeralContainers", true) == true
}

given_containers := [container |
	container_lists[list]
	items := object.get(spec, list, [])
	container := items[_]
]

containers := [container_facts(container) | container := given_containers[_]]

given_volumes := object.get(spec, "volumes", [])

pod_volumes := [volume_facts(volume) | volume := given_volumes[_]]

readable {
	is_object(annotations)
	is_object(pod_context)
	count(containers) == count(given_containers)
	count(pod_volumes) == count(given_volumes)
}

# What counts of a container; null stands for what neither it nor, where that is inherited, the pod sets.
container_facts(container) = facts {
	name := object.get(container, "name", "")
	context := object.get(container, "securityContext", {})
	own_capabilities := object.get(context, "capabilities", {})
	facts := {
		"name": name,
		"privileged": object.get(context, "privileged", false),
		"allowPrivilegeEscalation": object.get(context, "allowPrivilegeEscalation", null),
		"add": {capability | list := object.get(own_capabilities, "add", []); capability := list[_]},
		"drop": {capability | list := object.get(own_capabilities, "drop", []); capability := list[_]},
		"runAsUser": object.get(context, "runAsUser", object.get(pod_context, "runAsUser", null)),
		"runAsGroup": object.get(context, "runAsGroup", object.get(pod_context, "runAsGroup", null)),
		"runAsNonRoot": object.get(context, "runAsNonRoot", object.get(pod_context, "runAsNonRoot", null)),
		"seLinuxOptions": object.get(context, "seLinuxOptions", null),
		"seccomp": container_seccomp(name, context),
		"appArmor": container_app_armor(name, context),
		"procMount": object.get(context, "procMount", "Default"),
		"readOnlyRootFilesystem": object.get(context, "readOnlyRootFilesystem", null),
	}
}

# The first value that is not null; null if all are.
first_given(values) = value {
	found := array.concat([given | given := values[_]; given != null], [null])
	value := found[0]
}

first_text(values) = value {
	found := array.concat([given | given := values[_]; given != ""], [""])
	value := found[0]
}

unless_empty(text) = text {
	text != ""
}

unless_empty(text) = null {
	text == ""
}

names(policy, field) = {name | list := object.get(policy.spec, field, []); name := list[_]}

strategy(policy, field) = object.get(policy.spec, field, {"rule": "RunAsAny"})

in_ranges(id, ranges) {
	range := ranges[_]
	range.min <= id
	id <= range.max
}

# Left to themselves engines write a million in different ways.
digits(id) = format_int(id, 10) {
	is_number(id)
}

digits(id) = id {
	not is_number(id)
}

# ---------- hostNamespaces ----------

hostNamespaces(policy) = {problem |
	field := ["hostNetwork", "hostPID", "hostIPC"][_]
	object.get(spec, field, false) == true
	object.get(policy.spec, field, false) == false
	problem := sprintf("%v is not allowed", [field])
}

# ---------- runtimeClass ----------

runtimeClass(policy) = refused | unfilled {
	classes := object.get(policy.spec, "runtimeClass", {"allowedRuntimeClassNames": ["*"]})
	allowed := {name | list := object.get(classes, "allowedRuntimeClassNames", []); name := list[_]}
	asked := object.get(spec, "runtimeClassName", null)
	refused := {problem |
		asked != null
		not allowed["*"]
		not allowed[asked]
		problem := sprintf("runtimeClassName %v is not allowed", [asked])
	}
	unfilled := {"runtimeClassName is not set" |
		asked == null
		object.get(classes, "defaultRuntimeClassName", null) != null
		not filled_in
	}
}

# ---------- fsGroup, supplementalGroups ----------

fsGroup(policy) = group_problems("fsGroup", strategy(policy, "fsGroup"), asked) {
	asked := [group | group := object.get(pod_context, "fsGroup", null); group != null]
}

supplementalGroups(policy) = group_problems("supplementalGroups", strategy(policy, "supplementalGroups"), asked) {
	asked := object.get(pod_context, "supplementalGroups", [])
}

group_problems(field, rule, asked) = refused | unfilled {
	ranges := object.get(rule, "ranges", [])
	refused := {problem |
		rule.rule != "RunAsAny"
		group := asked[_]
		not in_ranges(group, ranges)
		problem := sprintf("%v %v is not in the allowed ranges", [field, digits(group)])
	}
	unfilled := {problem |
		rule.rule == "MustRunAs"
		lacks_group(object.get(pod_context, field, null))
		problem := sprintf("%v is not set", [field])
	}
}

lacks_group(value) {
	value == null
	not filled_in
}

# An empty list is not filled in, and it does not satisfy a policy that demands a group.
lacks_group(value) {
	value == []
}

# ---------- sysctls ----------

sysctls(policy) = {problem |
	list := object.get(pod_context, "sysctls", [])
	name := object.get(list[_], "name", "")
	refuses_sysctl(policy, name)
	problem := sprintf("sysctl %v is not allowed", [name])
}

refuses_sysctl(policy, name) {
	matches(object.get(policy.spec, "forbiddenSysctls", []), name)
}

refuses_sysctl(policy, name) {
	not safe_sysctls[name]
	patterns := object.get(policy.spec, "allowedUnsafeSysctls", [])
	not matches(patterns, name)
}

safe_sysctls := {name | list := object.get(input.parameters, "safeSysctls", []); name := list[_]}

matches(patterns, name) {
	patterns[_] == name
}

matches(patterns, name) {
	pattern := patterns[_]
	endswith(pattern, "*")
	startswith(name, trim_suffix(pattern, "*"))
}

# ---------- volumes ----------

volumes(policy) = {problem |
	listed := names(policy, "volumes")
	not listed["*"]
	volume := pod_volumes[_]
	type := volume.type
	not listed[type]
	not token_volume(listed, volume)
	problem := sprintf("volume %v: type %v is not allowed", [volume.name, type])
}

# The volume with the service account's token used to be a secret, and `secret` still admits it.
token_volume(listed, volume) {
	listed.secret
	volume.type == "projected"
	object.get(input.parameters, "exemptTokenVolumes", true) == true
	count([source | source := volume.sources[_]; token_source(source)]) == count(volume.sources)
}

volume_facts(volume) = facts {
	given := [key | key := volume_sources[_]; volume[key] != null]
	keys := array.concat(given, ["unknown"])
	key := keys[0]
	source := object.get(volume, key, {})
	facts := {
		"name": object.get(volume, "name", ""),
		"type": object.get({"cephfs": "cephFS"}, key, key),
		"path": object.get(source, "path", ""),
		"driver": object.get(source, "driver", ""),
		"sources": object.get(source, "sources", []),
	}
}

# A volume has the type of the first of these that is there. A policy says `cephFS` where a pod says `cephfs`.
volume_sources := [
	"hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi",
	"glusterfs", "persistentVolumeClaim", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "downwardAPI", "fc",
	"azureFile", "configMap", "vsphereVolume", "quobyte", "azureDisk", "photonPersistentDisk", "storageos",
	"projected", "portworxVolume", "scaleIO", "csi", "ephemeral",
]

token_source(source) {
	count([kind | kind := ["serviceAccountToken", "configMap", "downwardAPI"][_]; source[kind] != null]) > 0
	token := object.get(source, "serviceAccountToken", {"path": "token"})
	object.get(token, "path", "") == "token"
	object.get(token, "audience", "") == ""
	authority := object.get(source, "configMap", {"name": "kube-root-ca.crt"})
	object.get(authority, "name", "") == "kube-root-ca.crt"
	items := object.get(object.get(source, "downwardAPI", {}), "items", [])
	count([item | item := items[_]; namespace_item(item)]) == count(items)
}

namespace_item(item) {
	object.get(item, "path", "") == "namespace"
	field := object.get(item, "fieldRef", {})
	object.get(field, "fieldPath", "") == "metadata.namespace"
	version := object.get(field, "apiVersion", "v1")
	{"", "v1"}[version]
}

# ---------- allowedHostPaths ----------

allowedHostPaths(policy) = {problem |
	allowed := object.get(policy.spec, "allowedHostPaths", [])
	count(allowed) > 0
	volume := pod_volumes[_]
	volume.type == "hostPath"
	entries := [entry | entry := allowed[_]; lies_under(volume.path, entry.pathPrefix)]
	not host_path_allowed(entries, volume)
	problem := sprintf("volume %v: host path %v is not allowed, or only read-only", [volume.name, volume.path])
}

host_path_allowed(entries, volume) {
	entry := entries[_]
	object.get(entry, "readOnly", false) == false
}

host_path_allowed(entries, volume) {
	count(entries) > 0
	name := volume.name
	not written_volumes[name]
}

written_volumes := {object.get(mount, "name", "") |
	container := given_containers[_]
	mounts := object.get(container, "volumeMounts", [])
	mount := mounts[_]
	object.get(mount, "readOnly", false) == false
}

lies_under(path, prefix) {
	trim_suffix(path, "/") == trim_suffix(prefix, "/")
}

lies_under(path, prefix) {
	startswith(trim_suffix(path, "/"), concat("", [trim_suffix(prefix, "/"), "/"]))
}

# ---------- allowedFlexVolumes, allowedCSIDrivers ----------

allowedFlexVolumes(policy) = driver_problems("flexVolume", allowed) {
	drivers := object.get(policy.spec, "allowedFlexVolumes", [])
	allowed := {name | name := drivers[_].driver}
}

allowedCSIDrivers(policy) = driver_problems("csi", allowed) {
	drivers := object.get(policy.spec, "allowedCSIDrivers", [])
	allowed := {name | name := drivers[_].name}
}

driver_problems(type, allowed) = {problem |
	count(allowed) > 0
	volume := pod_volumes[_]
	volume.type == type
	driver := volume.driver
	not allowed[driver]
	problem := sprintf("volume %v: %v driver %v is not allowed", [volume.name, type, driver])
}

# ---------- privileged ----------

privileged(policy) = {problem |
	object.get(policy.spec, "privileged", false) == false
	container := containers[_]
	container.privileged == true
	problem := sprintf("container %v is privileged", [container.name])
}

# ---------- allowPrivilegeEscalation ----------

allowPrivilegeEscalation(policy) = refused | unfilled {
	allowed := object.get(policy.spec, "allowPrivilegeEscalation", true)
	filling := [allowed, object.get(policy.spec, "defaultAllowPrivilegeEscalation", null)]
	refused := {problem |
		allowed == false
		container := containers[_]
		container.allowPrivilegeEscalation == true
		problem := sprintf("container %v may escalate privileges", [container.name])
	}
	unfilled := {problem |
		not filled_in
		filling != [true, null]
		container := containers[_]
		container.allowPrivilegeEscalation == null
		problem := sprintf("container %v: allowPrivilegeEscalation is not set", [container.name])
	}
}

# ---------- capabilities ----------

capabilities(policy) = refused | unfilled {
	added := names(policy, "defaultAddCapabilities")
	dropped := names(policy, "requiredDropCapabilities")
	listed := names(policy, "allowedCapabilities")
	allowed := listed | added
	refused := {problem |
		not listed["*"]
		container := containers[_]
		name := container.add[_]
		not allowed[name]
		problem := sprintf("container %v: capability %v may not be added", [container.name, name])
	}
	unfilled := {problem |
		not filled_in
		container := containers[_]
		missing := ((added - container.drop) - container.add) | (dropped - container.drop)
		count(missing) > 0
		problem := sprintf("container %v: capabilities %v are neither added nor dropped", [container.name, missing])
	}
}

# ---------- hostPorts ----------

hostPorts(policy) = {problem |
	container := given_containers[_]
	ports := object.get(container, "ports", [])
	port := object.get(ports[_], "hostPort", 0)
	port > 0
	ranges := object.get(policy.spec, "hostPorts", [])
	not in_ranges(port, ranges)
	problem := sprintf("container %v: host port %v is not allowed", [object.get(container, "name", ""), port])
}

# ---------- readOnlyRootFilesystem ----------

readOnlyRootFilesystem(policy) = {problem |
	object.get(policy.spec, "readOnlyRootFilesystem", false) == true
	container := containers[_]
	first_given([container.readOnlyRootFilesystem, assumed(true)]) != true
	problem := sprintf("container %v: readOnlyRootFilesystem is not true", [container.name])
}

# ---------- allowedProcMountTypes ----------

allowedProcMountTypes(policy) = {problem |
	allowed := proc_mount_types(names(policy, "allowedProcMountTypes"))
	container := containers[_]
	type := container.procMount
	not allowed[type]
	problem := sprintf("container %v: procMount %v is not allowed", [container.name, type])
}

proc_mount_types(listed) = listed {
	count(listed) > 0
}

proc_mount_types(listed) = {"Default"} {
	count(listed) == 0
}

# ---------- runAsUser ----------

runAsUser(policy) = {problem |
	rule := strategy(policy, "runAsUser")
	rule.rule != "RunAsAny"
	container := containers[_]
	wrong := user_problem(rule, container)
	problem := sprintf("container %v: %v", [container.name, wrong])
}

user_problem(rule, container) = "runAsUser is not set" {
	rule.rule == "MustRunAs"
	container.runAsUser == null
	not filled_in
}

user_problem(rule, container) = problem {
	rule.rule == "MustRunAs"
	user := container.runAsUser
	user != null
	ranges := object.get(rule, "ranges", [])
	not in_ranges(user, ranges)
	problem := sprintf("runAsUser %v is not in the allowed ranges", [digits(user)])
}

user_problem(rule, container) = "neither runAsNonRoot nor runAsUser is set" {
	rule.rule == "MustRunAsNonRoot"
	container.runAsNonRoot == null
	container.runAsUser == null
	not filled_in
}

user_problem(rule, container) = "runAsNonRoot is false" {
	rule.rule == "MustRunAsNonRoot"
	container.runAsNonRoot == false
}

user_problem(rule, container) = "runAsUser is 0" {
	rule.rule == "MustRunAsNonRoot"
	container.runAsNonRoot != false
	container.runAsUser == 0
}

# ---------- runAsGroup ----------

runAsGroup(policy) = {problem |
	rule := strategy(policy, "runAsGroup")
	rule.rule != "RunAsAny"
	container := containers[_]
	wrong := run_as_group_problem(rule, container.runAsGroup)
	problem := sprintf("container %v: %v", [container.name, wrong])
}

run_as_group_problem(rule, group) = "runAsGroup is not set" {
	rule.rule == "MustRunAs"
	group == null
	not filled_in
}

run_as_group_problem(rule, group) = problem {
	group != null
	ranges := object.get(rule, "ranges", [])
	not in_ranges(group, ranges)
	problem := sprintf("runAsGroup %v is not in the allowed ranges", [digits(group)])
}

# ---------- seLinux ----------

seLinux(policy) = {problem |
	rule := strategy(policy, "seLinux")
	rule.rule == "MustRunAs"
	wanted := object.get(rule, "seLinuxOptions", {})
	context := se_linux_contexts[_]
	wrong := se_linux_problem(wanted, context.options)
	problem := sprintf("%v: %v", [context.of, wrong])
}

# A container's own options replace the pod's as a whole.
se_linux_contexts = array.concat(own, [{"of": "pod", "options": pod_options}]) {
	pod_options := object.get(pod_context, "seLinuxOptions", null)
	own := [{"of": of, "options": container.seLinuxOptions} |
		container := containers[_]
		container.seLinuxOptions != null
		of := sprintf("container %v", [container.name])
	]
}

se_linux_problem(wanted, options) = "seLinuxOptions are not set" {
	options == null
	not filled_in
}

se_linux_problem(wanted, options) = "seLinuxOptions are not the demanded ones" {
	options != null
	not same_se_linux(wanted, options)
}

same_se_linux(a, b) {
	object.get(a, "user", "") == object.get(b, "user", "")
	object.get(a, "role", "") == object.get(b, "role", "")
	object.get(a, "type", "") == object.get(b, "type", "")
	same_se_linux_level(object.get(a, "level", ""), object.get(b, "level", ""))
}

same_se_linux_level(a, b) {
	a == b
}

# Categories stand in any order.
same_se_linux_level(a, b) {
	se_linux_parts(a) == se_linux_parts(b)
}

se_linux_parts(level) = [substring(level, 0, colon), sort(split(substring(level, colon + 1, -1), ","))] {
	colon := indexof(level, ":")
	colon >= 0
}

# ---------- seccomp ----------

# A policy that names no profiles allows only pods that ask for none.
seccomp(policy) = refused | unfilled {
	filling := unless_empty(policy_annotation(policy, "seccomp.security.alpha.kubernetes.io/defaultProfileName", ""))
	listed := split(policy_annotation(policy, "seccomp.security.alpha.kubernetes.io/allowedProfileNames", ""), ",")
	allowed := with_aliases({profile | profile := listed[_]})
	refused := {problem |
		not allowed["*"]
		context := seccomp_contexts[_]
		profile := first_given([context.profile, assumed(filling), ""])
		not allowed[profile]
		problem := sprintf("%v: seccomp profile '%v' is not allowed", [context.of, profile])
	}
	unfilled := {"the seccomp profile is not set" |
		filling != null
		pod_seccomp == null
		not filled_in
	}
}

with_aliases(profiles) = profiles {
	count(runtime_default & profiles) == 0
}

with_aliases(profiles) = profiles | runtime_default {
	count(runtime_default & profiles) > 0
}

runtime_default := {"docker/default", "runtime/default"}

policy_annotation(policy, key, otherwise) = object.get(object.get(policy, "annotations", {}), key, otherwise)

pod_seccomp_annotation := unless_empty(object.get(annotations, "seccomp.security.alpha.kubernetes.io/pod", ""))

pod_seccomp_field := profile_text(object.get(pod_context, "seccompProfile", null))

pod_seccomp := first_given([pod_seccomp_annotation, pod_seccomp_field])

seccomp_contexts = array.concat([{"of": "pod", "profile": pod_seccomp}], of_containers) {
	of_containers := [{"of": of, "profile": container.seccomp} |
		container := containers[_]
		of := sprintf("container %v", [container.name])
	]
}

# Of the pod the annotation counts before the field, of a container the field before the annotation, even an empty one.
container_seccomp(name, context) = first_given([
	profile_text(object.get(context, "seccompProfile", null)),
	object.get(annotations, concat("", ["container.seccomp.security.alpha.kubernetes.io/", name]), null),
	pod_seccomp_field,
	pod_seccomp_annotation,
])

# A profile field in the spelling of the annotations, empty if it has none; null if there is no field.
profile_text(field) = null {
	field == null
}

profile_text(field) = text {
	field != null
	type := object.get(field, "type", "")
	type != "Localhost"
	text := object.get({"RuntimeDefault": "runtime/default", "Unconfined": "unconfined"}, type, "")
}

profile_text(field) = concat("", text) {
	field != null
	object.get(field, "type", "") == "Localhost"
	file := object.get(field, "localhostProfile", null)
	text := [part | file != null; part := ["localhost/", file][_]]
}

# ---------- appArmor ----------

# Without a list of allowed profiles anything goes; with one, every container must have a profile.
appArmor(policy) = refused | unfilled {
	filling := unless_empty(policy_annotation(policy, "apparmor.security.beta.kubernetes.io/defaultProfileName", ""))
	allowed := policy_annotation(policy, "apparmor.security.beta.kubernetes.io/allowedProfileNames", null)
	refused := {problem |
		allowed != null
		listed := split(allowed, ",")
		container := containers[_]
		profile := first_given([container.appArmor, assumed(filling), ""])
		not app_armor_allowed(listed, profile)
		problem := sprintf("container %v: AppArmor profile '%v' is not allowed", [container.name, profile])
	}
	unfilled := {problem |
		filling != null
		not filled_in
		container := containers[_]
		container.appArmor == null
		problem := sprintf("container %v: the AppArmor profile is not set", [container.name])
	}
}

app_armor_allowed(listed, profile) {
	profile != ""
	listed[_] == profile
}

container_app_armor(name, context) = first_given([
	profile_text(object.get(context, "appArmorProfile", null)),
	unless_empty(object.get(annotations, concat("", ["container.apparmor.security.beta.kubernetes.io/", name]), "")),
	profile_text(object.get(pod_context, "appArmorProfile", null)),
])
