"""The `ome.io/v1beta1` API: types, names, quantities, conditions and matching rules. Pure: no I/O, no clock.

Import from the module that holds the noun (`omectl.api.base_model`, `omectl.api.codec`, ...); nothing is re-exported
here, so that a command that needs only a storage URI does not pay for every kind.
"""
