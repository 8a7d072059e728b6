"""Failover against a virtual clock: outages, the server's own rules, and resolvers that cache.

`scripts/simulate-failover` runs it; docs/failover-simulation.md says what it models.

    outage -> probes -> rules (health, policy) -> switches -> caches of resolvers -> clients

Nothing here decides when to switch: that is `failoverdns.rules`, as in the server.
"""
