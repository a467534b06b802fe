"""Where the champion's own data and reference stand: the checkout after a lap in place, else the run's workspace.

A judgement compares the field with what the champion was trained on. The workspace of the run that published it is kept
for that; the history of judgements, tickets and masks stays the checkout's.
"""

from __future__ import annotations

from pathlib import Path


def champion_link(home: Path, use_case: str) -> Path:
    """A link to the workspace of the run that published the champion; absent where a lap in place did."""
    return home / ".fleetloop" / "champion" / use_case


def point_to(home: Path, use_case: str, workspace: Path | None) -> None:
    """From now on the champion's data are in `workspace`; None: in the checkout itself."""
    link = champion_link(home, use_case)
    link.parent.mkdir(parents=True, exist_ok=True)
    if workspace is None:
        link.unlink(missing_ok=True)
        return
    new = link.with_name(f".{use_case}.tmp")
    new.unlink(missing_ok=True)
    new.symlink_to(workspace)
    new.replace(link)


def in_use(home: Path) -> set[Path]:
    """Workspaces that a champion's data stand in."""
    folder = home / ".fleetloop" / "champion"
    return {link.resolve() for link in folder.iterdir()} if folder.is_dir() else set()


def ground_of(home: Path, use_case: str) -> Path:
    """A folder that looks like the checkout in which the champion was made, with the checkout's own history."""
    link = champion_link(home, use_case)
    if not link.exists():
        return home
    ground = home / ".fleetloop" / "ground" / use_case
    ground.mkdir(parents=True, exist_ok=True)
    for name, target in (
        ("params.yaml", link / "params.yaml"),
        ("data", link / "data"),
        (".fleetloop", home / ".fleetloop"),
    ):
        if not (ground / name).is_symlink():
            (ground / name).symlink_to(target)
    return ground
