"""One client of PyPI tells its story: clients.py NAME HOST KEY STORY."""

import json
import sys

name, host, key, story = sys.argv[1:5]
told = json.loads(story)


def segment():
    from segment import analytics

    analytics.write_key = key
    analytics.host = host
    analytics.gzip = True
    analytics.track(None, told["before"], anonymous_id=told["anonymous"])
    analytics.track(told["former"], told["old"])
    analytics.identify(told["user"], {"email": told["email"]}, anonymous_id=told["anonymous"])
    analytics.group(told["user"], told["account"], {"name": "Acme"})
    analytics.alias(told["former"], told["user"])
    analytics.page(told["user"], "Docs", "Reports", {"url": "https://example.com/reports"})
    analytics.track(told["user"], told["done"], {"rows": 7, "format": "csv"})
    analytics.shutdown()


def posthog():
    from posthog import Posthog

    client = Posthog(key, host=host, gzip=True)
    client.capture(told["before"], distinct_id=told["anonymous"])
    client.capture(told["old"], distinct_id=told["former"])
    client.set(distinct_id=told["user"], properties={"email": told["email"]})
    client.capture(
        "$identify", distinct_id=told["user"], properties={"$anon_distinct_id": told["anonymous"]}
    )
    client.group_identify("company", told["account"], {"name": "Acme"})
    client.alias(previous_id=told["former"], distinct_id=told["user"])
    client.capture(
        told["done"],
        distinct_id=told["user"],
        properties={"rows": 7, "format": "csv"},
        groups={"company": told["account"]},
    )
    client.shutdown()


def rudder():
    import rudderstack.analytics as rudder

    rudder.write_key = key
    rudder.dataPlaneUrl = host
    rudder.track(None, told["before"], anonymous_id=told["anonymous"])
    rudder.track(told["former"], told["old"])
    rudder.identify(told["user"], {"email": told["email"]}, anonymous_id=told["anonymous"])
    rudder.group(told["user"], told["account"], {"name": "Acme"})
    rudder.alias(told["former"], told["user"])
    rudder.track(told["user"], told["done"], {"rows": 7, "format": "csv"})
    rudder.shutdown()


{"segment-analytics-python": segment, "posthog": posthog, "rudder-sdk-python": rudder}[name]()
