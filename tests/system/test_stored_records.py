"""Records in the state: typed by an operator, answered to dig, kept over `kill -9` and reloads."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from system.server import Server, tool, wait_for


def reload(server: Server) -> None:
    """Have a server read its configuration again."""
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)


def test_stored_records_are_answered_exported_and_kept(demo: Server, tmp_path: Path) -> None:
    """The configuration hides one by a reload, which is not refused, and shows it again."""
    words = ("record", "add", "failover.test", "www 300 A 192.0.2.80", "*.apps 60 TXT any")
    assert "www.failover.test 300 IN A 192.0.2.80: served" in demo.ctl(*words).stdout
    assert demo.short("www.failover.test", "A") == ["192.0.2.80"]
    assert demo.short("x.apps.failover.test", "TXT") == ['"any"']
    serial = demo.short("failover.test", "SOA")
    demo.ctl(*words)
    assert demo.short("failover.test", "SOA") == serial
    demo.kill()
    demo.start()
    assert demo.short("www.failover.test", "A") == ["192.0.2.80"]
    zone = tmp_path / "failover.test.zone"
    zone.write_text(demo.ctl("records").stdout)
    checked = subprocess.run(
        [tool("named-checkzone"), "failover.test", zone], capture_output=True, text=True, check=True
    )
    assert "OK" in checked.stdout
    file, config = demo.config, demo.config.read_text()
    file.write_text(
        config.replace("    records:\n", "    records:\n      - www CNAME lb.example.\n")
    )
    assert "www CNAME" in file.read_text()
    reload(demo)
    wait_for(lambda: demo.short("www.failover.test", "CNAME") == ["lb.example."])
    assert "the configuration has a CNAME record there" in demo.ctl("record", "list").stdout
    file.write_text(config)
    reload(demo)
    wait_for(lambda: demo.short("www.failover.test", "A") == ["192.0.2.80"])
    assert "removed" in demo.ctl("record", "remove", "failover.test", "www").stdout
    assert demo.short("www.failover.test", "A") == []
    assert "records *.apps.failover.test: added TXT" in demo.ctl("history").stdout
    demo.ctl("history", "--verify")
