"""The description and the API agree: schemathesis sends what the description allows, and what it doesn't."""

from __future__ import annotations

import os
from contextvars import Context
from dataclasses import replace

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from app.api.openapi import operations
from app.api.views import APIS
from app.kernel import settings as kernel_settings
from app.security.gate import permission_of
from tests.api.conftest import Programs
from tests.support.story import log_in

SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
#: Requests per operation; ``CREDITBANK_API_EXAMPLES=300`` makes a long run of it.
EXAMPLES = int(os.environ.get("CREDITBANK_API_EXAMPLES", "5"))
#: Keys are tested on their own; and the bank's rules refuse (422) what is well-formed but wrong.
LEFT_OUT = [ignored_auth, positive_data_acceptance]


@SQLITE
def test_schemathesis_finds_no_difference(demo: Flask, program: Programs) -> None:
    kernel_settings.use(replace(kernel_settings.settings(), api_rate=10**6))
    key = program("center").token
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", demo)
    headers = {"Authorization": f"Bearer {key}"}
    tried = 0
    every = [(found.ok(), mode) for found in schema.get_all_operations() for mode in GenerationMode]
    for operation, mode in every:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def agree(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            answer = Context().run(case.call, headers=headers)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            Context().run(lambda: case.validate_response(answer, excluded_checks=LEFT_OUT))

        agree()
    assert tried >= 18 * EXAMPLES


@SQLITE
def test_the_description_is_whole(demo: Flask) -> None:
    answer = demo.test_client().get("/api/v1/openapi.json")
    document = answer.get_json()
    assert document["openapi"] == "3.1.0"
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    served = {
        (rule.rule.replace("<int:pk>", "{pk}"), method.lower())
        for rule in demo.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema), name
    assert all(declared.scope for _, name, declared in operations(APIS) if declared.returns != "Caller")
    for rule in demo.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            view, _ = permission_of(demo, rule.endpoint)
            assert view.endswith("Api")


@SQLITE
def test_the_page_for_people_loads_nothing_from_elsewhere(demo: Flask) -> None:
    page = log_in(demo, "institution").get("/swagger/v1")
    assert page.status_code == 200
    assert "://" not in page.text.replace("http://www.w3.org", "")
    assert "<script>" not in page.text
    for word in ("js/swagger-ui-bundle.js", "css/swagger/swagger-ui.css"):
        assert demo.test_client().get(f"/static/appbuilder/{word}").status_code == 200
