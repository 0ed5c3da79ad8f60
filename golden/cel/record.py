#!/usr/bin/env python3
"""Records what a real API server makes of CEL expressions.

usage: cluster 1.37 -- golden/cel/record.py

Reads expressions.json (lists of expressions by role) and pods.json. Each expression becomes a policy of its own; recorded.ndjson says whether the
server took it (`refused`: its message) and, for validations, what it decided for each pod (`pods`: "" for allowed, else the denial after
"denied request: "). For mutations it says what became of each pod: the pod's fields that changed, or the denial. stored.json holds the pods as
the server shows them to CEL.
"""
import http.client, json, os, ssl, subprocess, time

here = os.path.dirname(os.path.abspath(__file__))
load = lambda name: json.load(open(os.path.join(here, name)))
config = json.loads(subprocess.run(["kubectl", "config", "view", "--raw", "-o", "json"], capture_output=True, text=True, check=True).stdout)
link = http.client.HTTPSConnection(config["clusters"][0]["cluster"]["server"].split("://")[1], context=ssl._create_unverified_context(), timeout=60)
token = config["users"][0]["user"]["token"]
API = "/apis/admissionregistration.k8s.io/v1/"
RULES = {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}


def call(method, path, body=None):
    link.request(method, path, json.dumps(body) if body is not None else None, {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    r = link.getresponse()
    text = r.read()
    return r.status, json.loads(text) if text else {}


def policy(role, name, expression):
    """The collection and the policy whose one expression of that role is this."""
    spec = {"matchConstraints": RULES, "failurePolicy": "Fail"}
    kind = "ValidatingAdmissionPolicy"
    true = [{"expression": "true"}]
    if role == "Validation":
        spec["validations"] = [{"expression": expression}]
    elif role == "MatchCondition":
        spec |= {"matchConditions": [{"name": "c", "expression": expression}], "validations": [{"expression": "false"}]}
    elif role == "MessageExpression":
        spec["validations"] = [{"expression": "false", "messageExpression": expression, "message": "plain message"}]
    elif role == "AuditAnnotation":
        spec |= {"auditAnnotations": [{"key": "k", "valueExpression": expression}], "validations": true}
    elif role == "Variable":
        spec |= {"variables": [{"name": "x", "expression": expression}], "validations": [{"expression": "variables.x == variables.x"}]}
    else:
        kind = "MutatingAdmissionPolicy"
        spec |= {"reinvocationPolicy": "Never", "mutations": [
            {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}} if role == "MutationJsonPatch"
            else {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]}
    return kind, {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def collection(kind):
    return API + {"V": "validatingadmissionpolic", "M": "mutatingadmissionpolic"}[kind[0]] + ("ies" if kind.endswith("Policy") else "ybindings")


def create_pod(pod, label):
    pod = json.loads(json.dumps(pod))
    pod["metadata"].setdefault("labels", {})["case"] = label
    status, answer = call("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
    return (None, answer) if status in (200, 201) else (answer.get("message", ""), None)


def stable(pod):
    """The parts of a pod that do not depend on the moment."""
    for name in ("uid", "creationTimestamp", "managedFields", "resourceVersion", "generation"):
        pod["metadata"].pop(name, None)
    return pod


def main():
    pods = load("pods.json")
    for namespace in ("default",):
        for _ in range(50):
            if call("POST", "/api/v1/namespaces/%s/serviceaccounts" % namespace, {"metadata": {"name": "default"}})[0] in (201, 409):
                break
            time.sleep(0.2)
    cases = [{"role": role, "expression": e} for role, es in load("expressions.json").items() for e in es]
    stored = {name: stable(create_pod(pod, "none")[1]) for name, pod in pods.items()}
    for number, case in enumerate(cases + [{"role": "Validation", "expression": "false"}]):
        name = "case-%d" % number
        kind, document = policy(case["role"], name, case["expression"])
        status, answer = call("POST", collection(kind), document)
        case["refused"] = None if status == 201 else answer["message"]
        if status == 201:
            spec = {"policyName": name, "matchResources": {"objectSelector": {"matchLabels": {"case": name}}}}
            if kind[0] == "V":
                spec["validationActions"] = ["Deny"]
            call("POST", collection(kind + "Binding"), {"metadata": {"name": name}, "spec": spec})
    while create_pod(pods["plain"], "case-%d" % len(cases))[0] is None:
        time.sleep(0.2)
    time.sleep(2)
    for number, case in enumerate(cases):
        if case["refused"] is not None:
            continue
        case["pods"] = {}
        for name, pod in pods.items():
            denial, answer = create_pod(pod, "case-%d" % number)
            if denial is not None:
                case["pods"][name] = denial.split("denied request: ", 1)[-1]
            elif not case["role"].startswith("Mutation"):
                case["pods"][name] = ""
            else:
                answer = stable(answer)
                answer["metadata"]["labels"].pop("case", None)
                before = json.loads(json.dumps(stored[name]))
                before["metadata"]["labels"].pop("case", None)
                case["pods"][name] = {k: answer.get(k) for k in ("metadata", "spec") if answer.get(k) != before.get(k)}
    for pod in stored.values():
        pod["metadata"]["labels"].pop("case")
        if not pod["metadata"]["labels"]:
            pod["metadata"].pop("labels")
    with open(os.path.join(here, "recorded.ndjson"), "w") as out:
        for case in cases:
            out.write(json.dumps(case, ensure_ascii=False) + "\n")
    json.dump(stored, open(os.path.join(here, "stored.json"), "w"), indent=1)
    print(len(cases), "expressions,", sum(c["refused"] is not None for c in cases), "refused")


main()
