"""`--web.config.file`: what is accepted, and the exact message for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.expose.server.web_config import load_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert_file: a.crt, key_file: a.key"


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "web.yml"
    path.write_text(text, encoding="utf-8")
    return load_web_config(path)


GOOD = {
    "empty": "",
    "comment": "# nothing\n",
    "tls": TLS + "}",
    "tls with everything": TLS
    + ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, min_version: TLS13, "
    "max_version: TLS13, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256], "
    "prefer_server_cipher_suites: false, curve_preferences: [X25519], client_allowed_sans: [a]}",
    "inline": "tls_server_config: {cert: x, key: y}",
    "users": f"basic_auth_users: {{alice: {HASH}, bob: {HASH}}}",
    "headers": "http_server_config: {http2: false, headers: {X-Frame-Options: sameorigin, "
    "Strict-Transport-Security: max-age=1, X-XSS-Protection: '', Content-Security-Policy: a 'self'}}",
    "rate limit": "rate_limit: {interval: 100ms, burst: 5}",
    "rate limit off": "rate_limit: {interval: 0, burst: 0}",
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_what_exporter_toolkit_takes_is_taken(tmp_path: Path, text: str) -> None:
    load(tmp_path, text)


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(TLS + "}")
    tls = load_web_config(path).tls_server_config
    assert tls is not None
    assert tls.cert_file == str(tmp_path / "a.crt")


BAD = [
    ("basic_auth_user: {}", '1: basic_auth_user: this key is unknown (did you mean "basic_auth_users"?)'),
    (
        TLS + ", cert_fil: x}",
        '1: tls_server_config.cert_fil: this key is unknown (did you mean "cert_file"?)',
    ),
    ("[]", "1: must be a mapping of keys to values"),
    ("basic_auth_users: 1", "1: basic_auth_users: must be a mapping"),
    ("tls_server_config: {cert_file: a}", "1: tls_server_config: missing one of key or key_file"),
    ("tls_server_config: {key_file: a}", "1: tls_server_config: missing one of cert or cert_file"),
    ("tls_server_config: {}", "1: tls_server_config: missing one of cert or cert_file"),
    (TLS + ", cert: x}", "1: tls_server_config.cert_file: give cert or cert_file, not both"),
    (
        TLS + ", client_ca_file: ca.crt}",
        "1: tls_server_config: a client CA is set, but client_auth_type requires no certificate",
    ),
    (
        TLS + ", client_auth_type: RequireAndVerifyClientCert}",
        "1: tls_server_config.client_auth_type: RequireAndVerifyClientCert needs client_ca or client_ca_file",
    ),
    (
        TLS + ", client_auth_type: RequireAnyClientCert}",
        '1: tls_server_config.client_auth_type: "RequireAnyClientCert" accepts any certificate, which is not '
        "supported; use RequireAndVerifyClientCert",
    ),
    (
        TLS + ", client_auth_type: Always}",
        '1: tls_server_config.client_auth_type: "Always" is not one of NoClientCert, '
        "VerifyClientCertIfGiven, RequireAndVerifyClientCert, RequestClientCert, RequireAnyClientCert, "
        "RequireClientCert",
    ),
    (
        TLS + ", client_allowed_sans: [a]}",
        "1: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ),
    (
        TLS + ", min_version: 'x'}",
        '1: tls_server_config.min_version: "x" is not one of TLS10, TLS11, TLS12, TLS13',
    ),
    (
        TLS + ", min_version: TLS13, max_version: TLS12}",
        "1: tls_server_config.min_version: min_version is above max_version",
    ),
    (TLS + ", cipher_suites: [RC4]}", '1: tls_server_config.cipher_suites[0]: unknown cipher: "RC4"'),
    (
        "http_server_config: {headers: {X-Other: a}}",
        "1: http_server_config.headers.X-Other: this header can not be configured; these can: "
        "Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, "
        "X-XSS-Protection",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: allow}}",
        "1: http_server_config.headers.X-Frame-Options: must be deny or sameorigin",
    ),
    (
        'http_server_config: {headers: {Content-Security-Policy: "a\\r\\nSet-Cookie: b"}}',
        "1: http_server_config.headers.Content-Security-Policy: must be one line of plain ASCII",
    ),
    (
        "basic_auth_users: {alice: hunter2}",
        "1: basic_auth_users.alice: is not a bcrypt hash ($2y$10$…); make one with htpasswd -nBC 10 ''",
    ),
    (
        f"basic_auth_users: {{alice: {HASH.replace('$10$', '$31$')}}}",
        "1: basic_auth_users.alice: a cost above 18 takes longer than a scrape may",
    ),
    (
        f'basic_auth_users: {{"a:b": {HASH}}}',
        "1: basic_auth_users.a:b: a user name must not be empty nor have a colon",
    ),
    (
        "rate_limit: {interval: 1s}",
        "1: rate_limit.burst: burst must be at least 1, or every request is refused",
    ),
    ("rate_limit: {interval: 1}", "1: rate_limit.interval: 1 has no unit; write a duration such as 15s"),
    ("rate_limit: {interval: 1s, burst: -1}", "1: rate_limit.burst: must be at least 0"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_wrong_is_named_with_place_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.problems == (f"{tmp_path}/web.yml:{message}",)


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "a: 1\nb: 2\n")
    assert len(caught.value.problems) == 2


def test_no_message_repeats_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "basic_auth_users: {alice: hunter2}\ntls_server_config: {cert: c, key: sesame, x: 1}")
    assert "hunter2" not in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_missing_file_and_a_binary_one_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: no such file or directory"):
        load_web_config(tmp_path / "none.yml")
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.yml:1: not UTF-8: byte 0xff"):
        load_web_config(tmp_path / "binary.yml")
