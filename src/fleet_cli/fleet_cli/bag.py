"""Defines the commands for bags: `fleet bag ...`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.table import Table

from fleet_cli.command_line import console
from fleet_contract.fleet import Fleet
from fleet_contract.validation import validated

if TYPE_CHECKING:
    from fleet_bags.bag import Bag

bag = typer.Typer(help="Inspect and repair recorded runs.", no_args_is_help=True)
Where = Annotated[Path, typer.Argument(metavar="BAG", help="Folder of a recorded run, or of its bag.")]


@bag.command()
def repair(where: Where) -> None:
    """Repair a bag whose recording was interrupted by a kill, a crash, a full disk or a power failure.

    A complete bag is left as it is.
    """
    from fleet_bags.bag import bag_folder
    from fleet_bags.repair import repair as repair_bag

    folder = bag_folder(where)
    done = repair_bag(folder)
    for file in done.completed:
        print(
            f"{file.name}: was incomplete; saved {file.messages} messages, discarded {file.discarded_bytes} bytes after them"
        )
    if done.metadata_rewritten:
        print("metadata.yaml: did not match the files; rewritten")
    print(f"{folder}: {'repaired' if done.completed or done.metadata_rewritten else 'complete; nothing was changed'}")


@bag.command()
def info(where: Where) -> None:
    """Show the contents of a bag: its run, its length, its topics, and whether it is complete."""
    from fleet_bags.bag import bag_folder, read_bag
    from fleet_bags.bag_metadata import ROOT_KEY

    bag = read_bag(bag_folder(where))
    topics = bag.metadata()[ROOT_KEY]["topics_with_message_count"]
    for name, text in _facts(bag):
        print(f"{name:>10}  {text}")
    table = Table("topic", "type", "messages")
    for topic in sorted(topics, key=lambda topic: str(topic["topic_metadata"]["name"])):
        metadata = topic["topic_metadata"]
        table.add_row(metadata["name"], metadata["type"], str(topic["message_count"]))
    console().print(table)


def _facts(bag: Bag) -> Iterator[tuple[str, str]]:
    from fleet_bags.bag_metadata import ROOT_KEY

    metadata, run = bag.metadata()[ROOT_KEY], bag.custom_data
    fleet = validated(yaml.safe_load(run["fleet"]), Fleet, source=f"{bag.folder} (fleet)")
    yield "bag", str(bag.folder)
    yield "fleet", f"{fleet.fleet}: {fleet.robots.count} robots, {fleet.supervisors.count} supervisors"
    for name in ("seed", "policy", "threshold", "version"):
        yield name, run.get(name, "") or "-"
    messages, duration_s = metadata["message_count"], metadata["duration"]["nanoseconds"] / 1e9
    if messages:
        begin_s = metadata["starting_time"]["nanoseconds_since_epoch"] / 1e9
        yield "recorded", datetime.fromtimestamp(begin_s, UTC).astimezone().isoformat(" ", "seconds")
    size = sum(file.size for file in bag.files)
    yield "content", f"{messages} messages in {duration_s:.1f} s, {size / 1e6:.1f} MB in {len(bag.files)} files"
    yield "state", _state(bag)


def _state(bag: Bag) -> str:
    names = ", ".join(file.path.name for file in bag.files if file.incomplete)
    if not names:
        return "complete"
    from fleet_bags.bag import is_locked

    if is_locked(bag.folder):
        return f"{names}: recording in progress"
    return f"{names}: incomplete; run ./fleet bag repair {bag.folder}"
