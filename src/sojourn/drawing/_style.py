"""Colours and the style sheet, light and dark, scoped to one picture.

The style sheet is written without custom properties, because many programs that read SVG paint them black.  The first
block is the light theme, which every program understands; then come the dark one for dark systems, and both once more
for pages that say themselves what they are: JupyterLab, VS Code, Colab, and themes that set `data-theme`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

Theme = Literal["light", "dark", "auto"]

FONTS = 'Inter,"Segoe UI",system-ui,-apple-system,"Helvetica Neue",Arial,sans-serif'

#: What every role looks like in the light and in the dark theme.
PALETTE: dict[str, tuple[str, str]] = {
    "ink": ("#1e293b", "#e2e8f0"),
    "quiet": ("#475569", "#cbd5e1"),
    "line": ("#8592a8", "#71819a"),
    "faint": ("#e2e8f0", "#334155"),
    "band": ("#64748b", "#94a3b8"),
    "active": ("#2563eb", "#60a5fa"),
    "active-fill": ("#eff6ff", "#172554"),
    "added-fill": ("#ffffff", "#0f172a"),
    "current": ("#2563eb", "#2563eb"),
    "current-line": ("#1d4ed8", "#93c5fd"),
    "current-ink": ("#ffffff", "#ffffff"),
    "earlier": ("#6d8fe0", "#5a7fd0"),
    "plain": ("#64748b", "#94a3b8"),
    "plain-fill": ("#f8fafc", "#1e293b"),
    "done": ("#16a34a", "#4ade80"),
    "done-ink": ("#15803d", "#4ade80"),
    "done-fill": ("#f0fdf4", "#052e16"),
    "error": ("#dc2626", "#f87171"),
    "error-ink": ("#b91c1c", "#f87171"),
    "error-fill": ("#fef2f2", "#450a0a"),
    "cancelled": ("#64748b", "#94a3b8"),
    "cancelled-ink": ("#475569", "#cbd5e1"),
    "cancelled-fill": ("#f8fafc", "#1e293b"),
    "busy": ("#d97706", "#f59e0b"),
    "busy-fill": ("#fffbeb", "#3b2106"),
    "travelled": ("#5b8def", "#4c7de0"),
    "initializing": ("#8592a8", "#94a3b8"),
    "queued": ("#f59e0b", "#fbbf24"),
    "running": ("#2563eb", "#3b82f6"),
    "pill": ("#1e40af", "#bfdbfe"),
    "pill-ink": ("#ffffff", "#172554"),
}

#: Selectors and their declarations, in which `{role}` stands for a colour.
Rule = tuple[str, str]
Rules = tuple[Rule, ...]

# Pages that are light, and pages that are dark, whatever the system says.
_PAGES = (
    "[data-jp-theme-light=true],[data-theme=light],.vscode-light",
    "[data-jp-theme-light=false],[data-theme=dark],.vscode-dark,[theme=dark]",
)

# Stands for the class of the picture while a style sheet is kept for the next one.
_SCOPE = "\0"


def sheet(scope: str, shape: Rules, paint: Rules, theme: Theme) -> str:
    """Return a style sheet whose every rule begins with a class that only one picture has.

    Args:
        scope: The class of the picture.
        shape: Rules that no theme changes.
        paint: Rules with colours.
        theme: One theme alone, or "auto" for a sheet that follows the reader.
    """
    return _sheet(shape, paint, theme).replace(_SCOPE, scope)


@lru_cache(maxsize=8)
def _sheet(shape: Rules, paint: Rules, theme: Theme) -> str:
    rules = [_rule(f".{_SCOPE}", selector, body) for selector, body in shape]
    if theme != "auto":
        return "\n".join(rules + _painted(f".{_SCOPE}", paint, dark=theme == "dark"))
    rules += _painted(f".{_SCOPE}", paint, dark=False)
    dark = _painted(f".{_SCOPE}", paint, dark=True)
    rules += ["@media (prefers-color-scheme:dark){", *dark, "}"]
    for dark_page, pages in enumerate(_PAGES):
        for selectors, body in paint:
            within = f":is({selectors})" if "," in selectors else selectors
            colours = _colours(body, dark=bool(dark_page))
            rules.append(f":is({pages}) .{_SCOPE} {within}{{{colours}}}")
    return "\n".join(rules)


def _painted(scope: str, paint: Rules, *, dark: bool) -> list[str]:
    return [_rule(scope, selector, _colours(body, dark=dark)) for selector, body in paint]


def _colours(body: str, *, dark: bool) -> str:
    for role, pair in PALETTE.items():
        body = body.replace(f"{{{role}}}", pair[dark])
    return body


def _rule(scope: str, selectors: str, body: str) -> str:
    shown = ",".join(f"{scope} {selector}".rstrip() for selector in selectors.split(","))
    return f"{shown}{{{body}}}"
