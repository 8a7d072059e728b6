"""A simulation of failover: outages, the server's own rules, and resolvers with caches.

`scripts/simulate-failover` runs it; docs/failover-simulation.md describes the model.

    outage -> probes -> rules (health, policy) -> switches -> caches of resolvers -> clients

The decision to switch is that of `failoverdns.rules`, as in the server.
"""
