"""The Helm chart, rendered by Helm's own SDK and held to Kubernetes' schemas: `make test-helm`.

The SDK weighs 240 MB, so it has an environment of its own; in any other these tests are skipped.
"""

import json
from pathlib import Path

import pytest
import yaml

helm = pytest.importorskip("helm_python", reason="`make test-helm` runs these", exc_type=ImportError)
kubernetes_validate = pytest.importorskip("kubernetes_validate", exc_type=ImportError)

CHART = Path(__file__).parent.parent.parent / "deploy" / "helm" / "heartbeat"
# The oldest version that Chart.yaml allows, and the newest whose schemas there are.
KUBERNETES = ("1.25.0", "1.37.0")
OF_OPERATORS = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}

LEAST = {
    "temporal": {"address": "temporal:7233"},
    "secrets": {"values": {"HEARTBEAT_DATABASE_URL": "postgresql://db/heartbeat", "HEARTBEAT_SECRET_KEYS": "a:b"}},
}
CLOUD_BY_KEY = {
    "temporal": {"address": "eu.api.temporal.io:7233", "namespace": "team.a1b2c", "apiKey": True},
    "secrets": {"existing": "heartbeat-secrets"},
    "workers": {"runs": {"autoscaling": {"enabled": True}}},
}
BY_TLS_ALONE = {
    **LEAST,
    "temporal": {"address": "temporal.example:7233", "tls": {"enabled": True}},
    "workers": {"runs": {"autoscaling": {"enabled": True}}},
}
MUCH = {
    "image": {"repository": "registry.example/heartbeat", "tag": "9.9.9"},
    "imagePullSecrets": [{"name": "registry"}],
    "temporal": {
        "address": "team.a1b2c.tmprl.cloud:7233",
        "namespace": "team.a1b2c",
        "tls": {"secret": "temporal-tls", "authority": True},
    },
    "settings": {
        "HEARTBEAT_PUBLIC_URL": "https://heartbeat.example.com",
        "HEARTBEAT_PLANS": {"team": {"heartbeats_per_bot": 50}},
        "HEARTBEAT_WORKER_CONCURRENCY": 50,
        "HEARTBEAT_TASK_QUEUE": "agents",
    },
    "secrets": {"existing": "heartbeat-secrets"},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "certificate", "annotations": {"a": "b"}},
    "api": {"replicas": 3, "nodeSelector": {"disk": "fast"}, "tolerations": [{"operator": "Exists"}]},
    "workers": {
        "runs": {"autoscaling": {"enabled": True}, "affinity": {"podAntiAffinity": {}}, "podAnnotations": {"x": "y"}},
        "upkeep": {"roles": ["upkeep"], "replicas": 1},
        "delivery": {"roles": ["delivery"], "replicas": 1},
    },
    "drainSeconds": 120,
    "metrics": {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
}
EACH = [
    pytest.param(LEAST, id="least"),
    pytest.param(CLOUD_BY_KEY, id="cloud"),
    pytest.param(BY_TLS_ALONE, id="tls"),
    pytest.param(MUCH, id="much"),
]


def rendered(values, name="hb"):
    """Return the manifests by kind and name."""
    with helm.Chart.load(str(CHART)) as chart:
        templates = chart.render(values, name=name, namespace="agents")
    documents = [
        document
        for path, text in templates.items()
        if path.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]
    manifests = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    assert len(manifests) == len(documents), "two have one name"
    return manifests


def container(manifest):
    [only] = manifest["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("values", EACH)
def test_helm_lint_finds_nothing(values):
    messages = helm.chart.lint(str(CHART), values, strict=True)["messages"]
    assert [message for message in messages if "icon is recommended" not in message["error"]] == []


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", EACH)
def test_kubernetes_takes_every_manifest(values, version):
    manifests = rendered(values)
    checked = [manifest for (kind, _), manifest in manifests.items() if kind not in OF_OPERATORS]
    assert len(checked) >= 9
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_workers_are_apart_by_role():
    manifests = rendered(LEAST)
    roles = {
        name: {variable["name"]: variable["value"] for variable in container(manifest)["env"]}["HEARTBEAT_WORKER_ROLES"]
        for (kind, name), manifest in manifests.items()
        if kind == "Deployment" and "worker" in name
    }
    assert roles == {"hb-heartbeat-worker-runs": '["runs"]', "hb-heartbeat-worker-upkeep": '["upkeep","delivery"]'}


def test_a_worker_outlives_its_drain():
    worker = rendered(MUCH)["Deployment", "hb-heartbeat-worker-runs"]
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 130
    assert rendered(MUCH)["ConfigMap", "hb-heartbeat"]["data"]["HEARTBEAT_DRAIN_SECONDS"] == "120"


def test_nothing_may_do_more_than_it_needs():
    pods = [
        manifest["spec"]["template"]["spec"]
        for (kind, _), manifest in rendered(MUCH).items()
        if kind in {"Deployment", "Job"}
    ]
    assert len(pods) == 5
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        # A Service named heartbeat would set HEARTBEAT_PORT.
        assert pod["enableServiceLinks"] is False


def test_the_migration_comes_first_with_all_that_it_needs():
    manifests = rendered(LEAST)
    job = manifests["Job", "hb-heartbeat-migrate"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container(job)["args"] == ["migrate"]
    for kind, source in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
        [name] = [entry[source]["name"] for entry in container(job)["envFrom"] if source in entry]
        annotations = manifests[kind, name]["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert int(annotations["helm.sh/hook-weight"]) < int(job["metadata"]["annotations"]["helm.sh/hook-weight"])
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]


def test_values_become_settings():
    data = rendered(MUCH)["ConfigMap", "hb-heartbeat"]["data"]
    assert json.loads(data["HEARTBEAT_PLANS"]) == {"team": {"heartbeats_per_bot": 50}}
    assert data["HEARTBEAT_WORKER_CONCURRENCY"] == "50"
    assert data["TEMPORAL_TLS_SERVER_CA_CERT_PATH"] == "/etc/temporal-tls/ca.crt"
    mounts = container(rendered(MUCH)["Deployment", "hb-heartbeat-api"])["volumeMounts"]
    assert {"name": "temporal-tls", "mountPath": "/etc/temporal-tls", "readOnly": True} in mounts


def test_new_settings_start_new_pods():
    def checksum(values):
        template = rendered(values)["Deployment", "hb-heartbeat-api"]["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/settings"]

    assert checksum(MUCH) != checksum({**MUCH, "settings": {}})


def test_the_jobs_of_prometheus_begin_as_alerts_and_dashboard_expect():
    manifests = rendered(MUCH)
    label = manifests["PodMonitor", "hb-heartbeat"]["spec"]["jobLabel"]
    pods = [manifest["spec"]["template"] for (kind, _), manifest in manifests.items() if kind == "Deployment"]
    assert {pod["metadata"]["labels"][label] for pod in pods} == {"heartbeat"}


def test_keda_scales_by_the_queues_of_the_roles():
    manifests = rendered(MUCH)
    scaled = manifests["ScaledObject", "hb-heartbeat-worker-runs"]["spec"]
    assert scaled["scaleTargetRef"] == {"name": "hb-heartbeat-worker-runs"}
    assert "replicas" not in manifests["Deployment", "hb-heartbeat-worker-runs"]["spec"]
    [trigger] = scaled["triggers"]
    assert trigger["type"] == "temporal"
    assert trigger["metadata"] == {
        "endpoint": "team.a1b2c.tmprl.cloud:7233",
        "namespace": "team.a1b2c",
        "taskQueue": "agents",
        "queueTypes": "workflow,activity",
        "targetQueueSize": "50",
    }
    parameters = manifests["TriggerAuthentication", trigger["authenticationRef"]["name"]]["spec"]["secretTargetRef"]
    assert {(entry["parameter"], entry["name"], entry["key"]) for entry in parameters} == {
        ("ca", "temporal-tls", "ca.crt"),
        ("cert", "temporal-tls", "tls.crt"),
        ("key", "temporal-tls", "tls.key"),
    }


def test_keda_has_the_api_key_of_temporal_cloud():
    [parameter] = rendered(CLOUD_BY_KEY)["TriggerAuthentication", "hb-heartbeat-temporal"]["spec"]["secretTargetRef"]
    assert parameter == {"parameter": "apiKey", "name": "heartbeat-secrets", "key": "TEMPORAL_API_KEY"}


def test_keda_has_a_key_that_nobody_reads_for_tls_alone():
    """Without certificate and key its scaler speaks no TLS."""
    manifests = rendered(BY_TLS_ALONE)
    [trigger] = manifests["ScaledObject", "hb-heartbeat-worker-runs"]["spec"]["triggers"]
    authentication = manifests["TriggerAuthentication", trigger["authenticationRef"]["name"]]
    [parameter] = authentication["spec"]["secretTargetRef"]
    assert parameter["parameter"] == "apiKey"
    assert manifests["Secret", parameter["name"]]["stringData"][parameter["key"]]


def test_keda_has_certificate_and_key_where_heartbeat_has_both():
    temporal = {**MUCH["temporal"], "apiKey": True}
    authentication = rendered({**MUCH, "temporal": temporal})["TriggerAuthentication", "hb-heartbeat-temporal"]
    parameters = {entry["parameter"] for entry in authentication["spec"]["secretTargetRef"]}
    assert parameters == {"apiKey", "ca", "cert", "key"}


@pytest.mark.parametrize("values", [CLOUD_BY_KEY, BY_TLS_ALONE], ids=["cloud", "tls"])
def test_nothing_of_keda_is_there_without_scaling(values):
    kinds = {kind for kind, _ in rendered({**values, "workers": {}})}
    assert kinds & OF_OPERATORS == set()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({**LEAST, "temporal": {}}, "temporal.address is required"),
        ({**LEAST, "temporal": {"address": "http://temporal:7233"}}, "address"),
        ({**LEAST, "secrets": {"values": {}}}, "secrets.values.HEARTBEAT_DATABASE_URL is required"),
        ({**LEAST, "settings": {"HEARTBEAT_PORT": 1}}, "settings.HEARTBEAT_PORT is fixed by this chart"),
        ({**LEAST, "workers": {"runs": {"roles": ["flights"]}}}, "roles"),
        ({**LEAST, "replicas": 3}, "replicas"),
    ],
    ids=["address", "scheme", "secret", "fixed", "role", "unknown"],
)
def test_a_wrong_value_is_refused_by_its_name(values, words):
    with pytest.raises(helm.errors.HelmError, match=words):
        rendered(values)


def test_workers_of_another_build_stand_beside_a_release():
    """As docs/kubernetes.md has it: without an API and an ingress, and nothing of them has a name of the other's."""
    pages = (CHART.parent.parent.parent / "docs" / "kubernetes.md").read_text()
    section = pages.partition("## A new release")[2]
    values = yaml.safe_load(section.partition("```yaml")[2].partition("```")[0])
    beside = rendered(MUCH | values | {"settings": MUCH["settings"] | values["settings"]}, "hb-2")
    assert not set(beside) & set(rendered(MUCH))
    assert beside["ConfigMap", "hb-2-heartbeat"]["data"]["HEARTBEAT_BUILD_ID"] == "2"
    assert beside["Deployment", "hb-2-heartbeat-api"]["spec"]["replicas"] == 0
    assert "Ingress" not in {kind for kind, _ in beside}
