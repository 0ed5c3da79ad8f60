#!/usr/bin/env python3
"""Puts requests for pods to a real API server, as dry-run creates and updates of impersonated users.

usage: replay.py CASES.ndjson > answers.ndjson, with KUBECONFIG naming a server and a user who may impersonate anybody

A case is {"id", "objects", "requests": [{"namespace", "user", "groups", "pod", "oldPod"?, "subresource"?}]}; its answer is {"id", "refused":
{object: message}, "decisions": [{"allowed", "code", "error"?, "pod"?} or null for what cannot be put to a server]}.

A server takes notice of policies late. Each case therefore brings a marker of each kind after its own policies: a mutating policy that annotates
pods, and a validating one that warns with that annotation and its own name. Requests are put once a probe shows this case's markers and no others.
"""
import http.client
import json
import ssl
import subprocess
import sys
import time

config = json.loads(subprocess.run(["kubectl", "config", "view", "--raw", "-o", "json"], capture_output=True, text=True, check=True).stdout)
server = config["clusters"][0]["cluster"]["server"].split("://")[1]
token = config["users"][0]["user"]["token"]
context = ssl._create_unverified_context()
link = http.client.HTTPSConnection(server, context=context, timeout=60)
MARK = "replay.example.com/case"
RBAC, ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
PATHS = {"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/namespaces/%s/serviceaccounts", "Pod": "/api/v1/namespaces/%s/pods",
         "RuntimeClass": "/apis/node.k8s.io/v1/runtimeclasses",
         "Role": "/apis/" + RBAC + "/v1/namespaces/%s/roles", "RoleBinding": "/apis/" + RBAC + "/v1/namespaces/%s/rolebindings",
         "ClusterRole": "/apis/" + RBAC + "/v1/clusterroles", "ClusterRoleBinding": "/apis/" + RBAC + "/v1/clusterrolebindings",
         **{kind: "/apis/" + ADMISSION + "/v1/" + kind.lower().replace("policy", "policies" if kind.endswith("Policy") else "policy") + ("" if kind.endswith("Policy") else "s")
            for kind in ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding")}}


def call(method, path, body=None, user=None, groups=()):
    global link
    for attempt in (0, 1):
        try:
            link.putrequest(method, path)
            link.putheader("Authorization", "Bearer " + token)
            link.putheader("Content-Type", "application/json")
            if user is not None:
                link.putheader("Impersonate-User", user)
                for group in groups:
                    link.putheader("Impersonate-Group", group)
            data = json.dumps(body).encode() if body is not None else b""
            link.putheader("Content-Length", str(len(data)))
            link.endheaders(data)
            answer = link.getresponse()
            text = answer.read()
            return answer.status, (json.loads(text) if text else {}), answer.headers.get_all("Warning") or []
        except (http.client.HTTPException, OSError):
            link = http.client.HTTPSConnection(server, context=context, timeout=60)
            if attempt:
                raise


def create(o, made, refused):
    path = PATHS[o["kind"]]
    if "%s" in path:
        path = path % o["metadata"].get("namespace", "default")
    code, answer, _ = call("POST", path, o)
    if code < 300:
        made.append(path + "/" + answer["metadata"]["name"])
    elif code != 409:
        refused["%s/%s" % (o["kind"], o["metadata"].get("name"))] = answer.get("message", str(code))


def policy(kind, name, spec, **binding):
    api = ADMISSION + "/v1"
    spec = {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}, **spec}
    return [{"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec},
            {"apiVersion": api, "kind": kind + "Binding", "metadata": {"name": name}, "spec": {"policyName": name, **binding}}]


def markers(name):
    has = "object.metadata.?annotations[?'kubernetes.io/probe'].hasValue()"
    pointer = "/metadata/annotations/replay.example.com~1case"
    patch = "%s ? [JSONPatch{op: 'add', path: '%s', value: '%s'}] : []" % (has, pointer + "-" + name, name)
    keys = "object.metadata.annotations.filter(k, k.startsWith('%s'))" % MARK
    seen = "(%s.size() == 0 ? 'none' : %s.map(k, object.metadata.annotations[k]).join(' '))" % (keys, keys)
    mutating = policy("MutatingAdmissionPolicy", name, {"reinvocationPolicy": "Never", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]})
    return [*(mutating if mutates else []),
            *policy("ValidatingAdmissionPolicy", name, {"validations": [{"expression": "!" + has, "message": "marker", "messageExpression": "'%s after ' + %s" % (name, seen)}]},
                    validationActions=["Warn"])]


def settle(name):
    """Waits until the server shows this case's markers and no others; without a name, none at all."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "annotations": {"kubernetes.io/probe": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    for _ in range(300):
        code, answer, warnings = call("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
        shown = [w.split(": ", 1)[-1].rstrip('"') for w in warnings if " after " in w]
        if shown == (["%s after %s" % (name, name if mutates else "none")] if name else []) and (name or code < 300 and list(answer["metadata"]["annotations"]) == ["kubernetes.io/probe"]):
            return
        time.sleep(0.05)
    sys.exit("replay: the server does not take notice of %s: %s" % (name, warnings))


known = set()


def ready(namespace, account):
    if namespace not in known:
        create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, [], {})
        known.add(namespace)
    for name in {"default", account} - {"", None}:
        if (namespace, name) not in known:
            create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}, [], {})
            known.add((namespace, name))


def possible(q):
    if q.get("subresource") not in (None, "", "ephemeralcontainers"):
        return False
    if "system:authenticated" not in q.get("groups", []):
        return False  # impersonation adds it
    return not (q.get("oldPod") and not q["pod"]["metadata"].get("name"))


def changed(old, new, current):
    """The current object with the change from old to new made to it."""
    if isinstance(old, dict) and isinstance(new, dict) and isinstance(current, dict):
        out = dict(current)
        for k in {**old, **new}:
            if old.get(k) == new.get(k):
                continue
            if k not in new:
                out.pop(k, None)
            else:
                out[k] = changed(old[k], new[k], current[k]) if k in old and k in current else new[k]
        return out
    named = lambda v: isinstance(v, list) and v and all(isinstance(x, dict) and "name" in x for x in v)
    if named(old) and named(new) and named(current) and {x["name"] for x in old} <= {x["name"] for x in current}:
        before, after = ({x["name"]: x for x in v} for v in (old, new))
        kept = [changed(before[x["name"]], after[x["name"]], x) if x["name"] in before and x["name"] in after else x for x in current if x["name"] in after or x["name"] not in before]
        return kept + [x for x in new if x["name"] not in before]
    return new


def ask(q):
    pods = "/api/v1/namespaces/%s/pods" % q["namespace"]
    query = "?dryRun=All&fieldValidation=Ignore"
    pod = json.loads(json.dumps(q["pod"]))
    pod["metadata"].pop("namespace", None)
    if q.get("oldPod"):
        path = pods + "/" + pod["metadata"]["name"]
        code, current, _ = call("GET", path)
        if code != 200:
            return None  # the old pod could not be created
        sub = "/" + q["subresource"] if q.get("subresource") else ""
        code, answer, _ = call("PUT", path + sub + query, changed(q["oldPod"], q["pod"], current), q["user"], q.get("groups", []))
    else:
        code, answer, _ = call("POST", pods + query, pod, q["user"], q.get("groups", []))
    if code < 300:
        answer.pop("status", None)
        return {"allowed": True, "code": code, "pod": answer}
    return {"allowed": False, "code": code, "error": answer.get("message", "")}


mutates = call("GET", PATHS["MutatingAdmissionPolicy"])[0] == 200
everybody = {"kind": "Group", "apiGroup": RBAC, "name": "system:authenticated"}
setup = [{"apiVersion": RBAC + "/v1", "kind": "ClusterRole", "metadata": {"name": "replay-pods"},
          "rules": [{"apiGroups": [""], "resources": ["pods", "pods/ephemeralcontainers"], "verbs": ["create", "update", "patch", "get"]}]},
         {"apiVersion": RBAC + "/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "replay-pods"}, "subjects": [everybody],
          "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "replay-pods"}},
         *({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": n}, "handler": n} for n in ("gvisor", "kata", "runc", "x", "y"))]
for o in setup:
    create(o, [], {})
ready("default", "default")
with open(sys.argv[1]) as cases:
    for number, line in enumerate(cases):
        case = json.loads(line)
        made, refused = [], {}
        if any(q.get("oldPod") for q in case["requests"]):
            settle(None)  # nothing of the case before is to touch the old pods
        for o in case["objects"]:
            if o["kind"] == "Namespace":
                create({"apiVersion": "v1", "kind": "Namespace", "metadata": {k: o["metadata"].get(k) or None for k in ("name", "labels")}}, [], {})
                known.add(o["metadata"]["name"])
        for q in case["requests"]:
            ready(q["namespace"], q["pod"]["spec"].get("serviceAccountName"))
            if q.get("oldPod") and possible(q):
                create({**q["oldPod"], "metadata": {**q["oldPod"]["metadata"], "namespace": q["namespace"]}}, made, refused)
        for o in case["objects"]:
            if o["metadata"].get("namespace"):
                ready(o["metadata"]["namespace"], None)
        for o in case["objects"] + markers("case-%d" % number):
            if o["kind"] in PATHS and o["kind"] not in ("Namespace", "ServiceAccount"):
                create(o, made, refused)
        settle("case-%d" % number)
        answers = [ask(q) if possible(q) else None for q in case["requests"]]
        print(json.dumps({"id": case["id"], "refused": refused, "decisions": answers}, separators=(",", ":")), flush=True)
        for path in made:  # the markers last
            call("DELETE", path + ("?gracePeriodSeconds=0" if "/pods/" in path else ""))
