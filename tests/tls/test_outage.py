"""The authority is away when it is time to renew, and back for the second try."""


def test_an_authority_that_was_away_for_a_while(outage):
    outage.thread.join()
    lines = outage.door.container.logs().decode().splitlines()
    said = "\n".join(line for line in lines if "queuing" not in line)[-8000:]
    assert outage.failed == [], said
    assert outage.back, said
    _, second = outage.serials.values()
    print(f"away at {outage.away:.0f} s, back at {outage.back:.0f} s, renewed at {second:.0f} s")
    assert outage.away < outage.back < second
