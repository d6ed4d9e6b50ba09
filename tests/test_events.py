"""Contract E: an address is canonical, and leads back to what it sets."""

from __future__ import annotations

from distill_live.engine.params import load_all
from distill_live.events import param_address, param_id_of


def test_every_parameter_has_one_canonical_address_that_leads_back() -> None:
    addresses = {param_address(i): i for i in load_all()}
    assert len(addresses) == len(load_all())
    assert all(param_id_of(address) == i for address, i in addresses.items())
    assert param_address("temperature") == "/distill/temperature"
