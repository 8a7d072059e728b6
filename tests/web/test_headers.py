"""The header fields that make browsers careful."""

from __future__ import annotations

import pytest

from failoverdns.web.headers import careful_fields


@pytest.mark.parametrize("is_dashboard", [False, True])
@pytest.mark.parametrize("is_secure", [False, True])
def test_every_response_is_guarded(is_secure: bool, is_dashboard: bool) -> None:
    fields = careful_fields(is_secure=is_secure, is_dashboard=is_dashboard)
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "no-referrer"
    assert fields["Cross-Origin-Opener-Policy"] == "same-origin"
    assert fields["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in fields["Content-Security-Policy"]
    assert "default-src 'none'" in fields["Content-Security-Policy"]
    assert "unsafe" not in fields["Content-Security-Policy"]


def test_browsers_stay_with_tls_once_they_have_seen_it() -> None:
    assert "Strict-Transport-Security" in careful_fields(is_secure=True)
    assert "Strict-Transport-Security" not in careful_fields(is_secure=False)


def test_replies_of_the_api_are_not_stored() -> None:
    assert careful_fields(is_secure=False)["Cache-Control"] == "no-store"


def test_the_dashboard_loads_its_own_files_only() -> None:
    policy = careful_fields(is_secure=False, is_dashboard=True)["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "connect-src 'self'" in policy
