import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omectl.api.settings import Settings, SettingsError, parse_settings

INGRESS = {"ingressGateway": "a/b", "ingressService": "svc"}


def test_without_a_config_map_the_shipped_values_hold() -> None:
    settings = Settings.defaults()
    assert settings.deploy.default_deployment_mode == "RawDeployment"
    assert settings.ingress.disable_ingress_creation
    assert settings.ingress.ingress_domain == "svc.cluster.local"
    assert settings.metrics_aggregator.enable_prometheus_scraping == "false"
    assert settings.multinode_prober.unavailable_threshold_seconds == 1800
    assert settings.model_init is None
    assert settings.models_root == "/raid/models"
    assert parse_settings({}) == settings


def test_a_field_that_a_document_lacks_has_the_value_of_omes_code() -> None:
    ingress = parse_settings({"ingress": json.dumps(INGRESS)}).ingress
    assert ingress.ingress_domain == "example.com"
    assert not ingress.disable_ingress_creation
    assert ingress.domain_template == "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"
    assert ingress.url_scheme == "http"


def test_every_field_of_the_ingress_is_read() -> None:
    given_fields = INGRESS | {
        "omeIngressGateway": "ns/gw",
        "additionalIngressDomains": ["a.example", "b.example"],
        "disableIstioVirtualHost": True,
        "disableIngressCreation": True,
        "enableGatewayAPI": True,
        "pathTemplate": "/serving/{{ .Name }}",
        "ingressClassName": "nginx",
    }
    ingress = parse_settings({"ingress": json.dumps(given_fields)}).ingress
    assert ingress.ome_ingress_gateway == "ns/gw"
    assert ingress.additional_ingress_domains == ("a.example", "b.example")
    assert ingress.disable_istio_virtual_host
    assert ingress.enable_gateway_api
    assert ingress.path_template == "/serving/{{ .Name }}"
    assert ingress.ingress_class_name == "nginx"


def test_additional_domains_may_be_null() -> None:
    text = json.dumps(INGRESS | {"additionalIngressDomains": None})
    assert parse_settings({"ingress": text}).ingress.additional_ingress_domains is None


def test_unknown_keys_and_fields_are_ignored() -> None:
    settings = parse_settings(
        {"other": "no JSON", "explainer": "{", "deploy": '{"defaultDeploymentMode":"Serverless","x":1}'}
    )
    assert settings.deploy.default_deployment_mode == "Serverless"


def test_the_models_root_is_ours() -> None:
    assert parse_settings({"omectl": '{"modelsRoot": "/mnt/models"}'}).models_root == "/mnt/models"
    assert parse_settings({"omectl": "{}"}).models_root == "/raid/models"


def test_the_ranking_is_chosen_by_name_and_is_not_strict_unless_told() -> None:
    selection = parse_settings({"omectl": '{"selection": {"ranking": "ome", "strict": true}}'}).omectl.selection
    assert (selection.ranking, selection.strict) == ("ome", True)
    selection = parse_settings({}).omectl.selection
    assert (selection.ranking, selection.strict) == ("default", False)
    with pytest.raises(SettingsError, match=r"field selection.ranking: wanted .*'default' or 'ome', found 'best'"):
        parse_settings({"omectl": '{"selection": {"ranking": "best"}}'})


def test_an_injected_container_needs_its_image_and_account() -> None:
    text = json.dumps(
        {"image": "i", "compartmentId": "c", "authType": "InstancePrincipal", "vaultId": "v", "memoryLimit": "2Gi"}
    )
    init = parse_settings({"modelInit": text}).model_init
    assert init is not None
    assert init.memory_limit == "2Gi"
    with pytest.raises(SettingsError, match=r"key modelInit, field vaultId: wanted .* found nothing"):
        parse_settings({"modelInit": json.dumps({"image": "i", "compartmentId": "c", "authType": "x"})})


@pytest.mark.parametrize(
    ("key", "text", "field"),
    [
        ("ingress", "{", ""),
        ("ingress", "[]", ""),
        ("ingress", "null", ""),
        ("ingress", "{}", "ingressGateway"),
        ("ingress", json.dumps(INGRESS | {"ingressGateway": ""}), "ingressGateway"),
        ("ingress", json.dumps(INGRESS | {"additionalIngressDomains": "a"}), "additionalIngressDomains"),
        ("deploy", "{}", "defaultDeploymentMode"),
        ("deploy", '{"defaultDeploymentMode":"MultiNode"}', "defaultDeploymentMode"),
        ("multinodeProber", '{"memoryLimit":"much"}', "memoryLimit"),
        ("multinodeProber", '{"startupPeriodSeconds":"x"}', "startupPeriodSeconds"),
        ("omectl", '{"modelsRoot":"raid/models"}', "modelsRoot"),
        ("omectl", '{"modelsRoot":"/"}', "modelsRoot"),
        ("omectl", '{"modelsRoot":"/raid/../etc"}', "modelsRoot"),
        ("omectl", '{"modelsRoot":"/raid/models/"}', "modelsRoot"),
        ("omectl", "[" * 100_000, ""),
        ("omectl", '{"selection":{"ranking":"best"}}', "selection.ranking"),
        ("omectl", '{"selection":{"strict":"true"}}', "selection.strict"),
        ("omectl", '{"selection":{"rank":"ome"}}', "selection.rank"),
    ],
)
def test_a_document_that_cannot_be_used_names_its_key_and_field(key: str, text: str, field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({key: text})
    assert (caught.value.key, caught.value.field) == (key, field)
    assert "correct the ConfigMap" in str(caught.value)


@given(st.dictionaries(st.sampled_from(["ingress", "deploy", "modelInit", "omectl", "x"]), st.text(max_size=50)))
def test_no_text_makes_reading_fail_otherwise(data: dict[str, str]) -> None:
    try:
        parse_settings(data)
    except SettingsError as error:
        assert error.key in data  # noqa: PT017
