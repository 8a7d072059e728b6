"""Web heads that fetched before the server started."""

from __future__ import annotations

from authority import make_authority
from driving import run
from shops import Shop

from failoverdns.delivery.known_heads import known_heads
from failoverdns.delivery.pull import PullClients
from failoverdns.model.delivery import Fetch

CA = make_authority()


def fetched(*addresses: str) -> Shop:
    """Return a shop where both applications have a certificate that was fetched."""
    shop = Shop()
    for name in ("eu", "us"):
        shop.install(name, CA.issue("shop.failover.test"))
        application = shop.state.application_named(name)
        assert application is not None
        for number, address in enumerate(addresses):
            fetch = Fetch(float(number), application.id, name, f"{address}{name}", "f" * 64, "pem")
            run(shop.store.record_fetch(fetch))
    return shop


def found(shop: Shop, clients: PullClients) -> list[tuple[str, float]]:
    """Return the addresses and times that are found."""

    async def listed() -> list[tuple[str, float]]:
        return [entry async for entry in known_heads(shop.state, shop.store, clients)]

    return sorted(run(listed()))


def test_the_fetches_of_applications_that_clients_may_fetch_are_found() -> None:
    shop = fetched("a-", "b-")
    assert found(shop, {"web1": frozenset({"eu"}), "web2": frozenset()}) == [
        ("a-eu", 0.0),
        ("b-eu", 1.0),
    ]
    assert len(found(shop, {"web1": frozenset({"*"})})) == 4
    assert found(shop, {}) == []


def test_applications_without_a_certificate_are_passed_over() -> None:
    assert found(Shop(), {"web1": frozenset({"*"})}) == []
