"""From what a person types to a checked configuration of plain values.

Hydra composes the files under ``conf/``; its ``main`` is not used, because a mistake has to be one line and
exit code 2. `typed` makes Hydra's grammar take what people write, `compose` makes the configuration, `resume`
that of a run which goes on, `derived` that of one which begins where another ended, `checks` holds what must
be true of it, `placement` reads its rules, `mistakes` explains.
Hydra is imported when it is first needed: ``--help`` can do without.
"""

from typing import TYPE_CHECKING, Any

from speechsrt.config.files import conf_dir, groups, options

if TYPE_CHECKING:
    from speechsrt.config.compose import load
    from speechsrt.config.placement import rules
    from speechsrt.config.typed import sweeps

__all__ = ["conf_dir", "groups", "load", "options", "rules", "sweeps"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


_HOMES = {"load": "compose", "rules": "placement", "sweeps": "typed"}
