"""What Prometheus reads, by the strictest reader of its format that there is."""

import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families


def test_metrics_are_open_metrics(sockwright_server: str) -> None:
    """Names, kinds, units, suffixes and their order are as the format says."""
    with urllib.request.urlopen(f"http://{sockwright_server}/metrics", timeout=30) as response:
        assert response.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        families = {family.name: family for family in text_string_to_metric_families(response.read().decode())}
    assert families["sockwright_rpcs"].type == "counter"
    assert families["sockwright_turn_duration_seconds"].unit == "seconds"
    (build,) = families["sockwright_build"].samples
    assert build.name == "sockwright_build_info" and build.labels.keys() == {"version"}
    for family in families.values():
        assert family.documentation.endswith("."), family.name
