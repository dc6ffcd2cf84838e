"""`no_proxy` as Go reads it."""

import pytest

from exporter.sources.access.proxy import Proxy, exemptions


@pytest.mark.parametrize(
    ("no_proxy", "url", "served"),
    [
        ("", "http://a:1", True),
        ("", "http://127.0.0.1:1", True),
        ("*", "http://a:1", False),
        ("example.com", "http://example.com", False),
        ("example.com", "http://a.example.com", False),
        ("example.com", "http://notexample.com", True),
        (".example.com", "http://example.com", True),
        (".example.com", "http://a.example.com", False),
        ("*.example.com", "http://a.example.com", False),
        ("Example.com", "http://EXAMPLE.com.", False),
        ("a:8080", "http://a:8080", False),
        ("a:8080", "http://a:9090", True),
        ("a:443", "https://a/x", False),
        ("10.0.0.0/8", "http://10.1.2.3:8080", False),
        ("10.0.0.0/8", "http://11.1.2.3:8080", True),
        ("10.0.0.0/8", "http://ten.example.com", True),
        ("10.1.2.3", "http://10.1.2.3:8080", False),
        ("10.1.2.3:80", "http://10.1.2.3:8080", True),
        ("fd00::/8", "http://[fd00::1]:8080", False),
        ("[fd00::1]:8080", "http://[fd00::1]:8080", False),
        ("fd00::1", "http://[fd00::2]:8080", True),
        ("other", "http://localhost:1", False),
        ("other", "http://127.0.0.1:1", False),
        (" a , b ", "http://b:1", False),
        ("10.0.0.0/99", "http://10.1.2.3", True),
    ],
)
def test_who_is_asked_through_the_proxy(no_proxy: str, url: str, served: bool) -> None:
    assert Proxy("http://proxy:3128", no_proxy).serves(url) is served


def test_credentials_are_taken_out_of_the_url() -> None:
    proxy = Proxy("http://me:p%40ss@[::1]:3128", "")
    assert proxy.url == "http://[::1]:3128"
    assert proxy.authorization == "Basic bWU6cEBzcw=="
    assert "p@ss" not in repr(proxy)


def test_no_exceptions_exempt_nobody() -> None:
    assert exemptions(" , ")("localhost", 80) is False
