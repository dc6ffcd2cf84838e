"""An entry's HTTP settings lie over the common ones."""

import pytest

from exporter.config import Config, load_text
from exporter.errors import ConfigError

TARGETS = """
targets:
  - static: {urls: ["http://a:1"]}
  - static: {urls: ["http://b:1"]}
    http_client: {timeout: 2s}
  - static: {urls: ["http://c:1"]}
    http_client: {authorization: {credentials: other}}
"""
COMMON = """
http_client:
  path_prefix: /mimir
  basic_auth: {username: admin, password: hunter2}
"""


def _config(text: str) -> Config:
    return load_text(TARGETS + text)


def test_an_entry_without_its_own_has_the_common_ones() -> None:
    config = _config(COMMON)
    bare = {f"targets[{index}] without credentials" for index in range(3)}
    assert set(config.http_settings()) == {"", "targets[1]", "targets[2]"} | bare
    assert config.http_settings()[""] == config.http_client


def test_what_an_entry_leaves_out_is_as_in_the_common_ones() -> None:
    settings = _config(COMMON).http_settings()["targets[1]"]
    assert settings.timeout == 2.0
    assert settings.path_prefix == "/mimir"
    assert settings.basic_auth is not None


def test_an_entry_with_its_own_authentication_gets_no_other() -> None:
    settings = _config(COMMON).http_settings()["targets[2]"]
    assert settings.authorization is not None
    assert settings.basic_auth is None


def test_the_limits_of_an_entry_and_of_a_store_are_accepted() -> None:
    limits = "{timeout: 2s, max_response_bytes: 1MiB, follow_redirects: false}"
    text = TARGETS.replace("{timeout: 2s}", limits)
    text += f'stores: {{consul: {{url: "http://c:1/under", http_client: {limits}}}}}\n'
    settings = load_text(text + "http_client: {max_concurrency: 8}").http_settings()
    for name in ("targets[1]", "stores.consul"):
        found = settings[name]
        assert (found.timeout, found.max_response_bytes, found.follow_redirects) == (2.0, 1024**2, False)


def test_a_default_timeout_is_never_longer_than_the_interval() -> None:
    config = load_text("interval: 1s\n" + TARGETS.replace("timeout: 2s", "follow_redirects: false"))
    assert {client.timeout for client in config.http_settings().values()} == {1.0}


def test_an_entry_with_its_own_proxy_does_not_keep_the_common_exceptions() -> None:
    text = TARGETS.replace("timeout: 2s", 'proxy_url: "http://own:3128"')
    config = load_text(text + 'http_client: {proxy_url: "http://common:3128", no_proxy: b}\n')
    assert config.http_settings()["targets[1]"].no_proxy == ""


def test_settings_without_credentials_keep_what_is_no_secret() -> None:
    text = (
        COMMON
        + "  headers: {X-Scope-OrgID: '1'}\n  tls_config: {cert_file: /c, key_file: /k, server_name: m}\n"
    )
    settings = _config(text).http_settings()["targets[0] without credentials"]
    assert (settings.basic_auth, settings.headers, settings.tls_config.cert_file) == (None, {}, None)
    assert (settings.path_prefix, settings.tls_config.server_name) == ("/mimir", "m")


def test_what_is_no_header_name_is_not_shown_whole() -> None:
    """The rest of it may be the value, where only a colon is missing."""
    with pytest.raises(ConfigError) as refused:
        load_text(TARGETS + "http_client: {headers: {X-Api-Key marked-secret: ''}}\n")
    assert 'what begins with "X-Api-Key" is not a header name' in str(refused.value)
    assert "marked" not in str(refused.value)
