"""The command line of bags: `fleet bag ...`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.table import Table

from fleet_bags.bag import Bag, bag_folder, is_locked, read_bag
from fleet_bags.bag_metadata import ROOT_KEY
from fleet_bags.repair import repair as repair_bag
from fleet_cli.command_line import console
from fleet_contract.fleet import Fleet
from fleet_contract.validation import validated

bag = typer.Typer(help="Look at recorded runs, and repair those that were cut.", no_args_is_help=True)
Where = Annotated[Path, typer.Argument(metavar="BAG", help="Folder of a run, or of its bag.")]


@bag.command()
def repair(where: Where) -> None:
    """Finish a bag that was cut by a kill, a crash, a full disk or a pulled plug; a whole bag is left as it is."""
    folder = bag_folder(where)
    done = repair_bag(folder)
    for file in done.completed:
        print(
            f"{file.name}: had no end; {file.messages} messages are whole, {file.discarded_bytes} bytes behind them were not"
        )
    if done.metadata_rewritten:
        print("metadata.yaml: said something else than the files, and was written anew")
    print(
        f"{folder}: {'is whole now' if done.completed or done.metadata_rewritten else 'is whole, nothing was changed'}"
    )


@bag.command()
def info(where: Where) -> None:
    """Say what is in a bag: whose run, how long, which topics, and whether it was cut."""
    found = read_bag(bag_folder(where))
    topics = found.metadata()[ROOT_KEY]["topics_with_message_count"]
    for name, text in _facts(found):
        print(f"{name:>10}  {text}")
    table = Table("topic", "type", "messages")
    for topic in sorted(topics, key=lambda topic: str(topic["topic_metadata"]["name"])):
        about = topic["topic_metadata"]
        table.add_row(about["name"], about["type"], str(topic["message_count"]))
    console().print(table)


def _facts(found: Bag) -> Iterator[tuple[str, str]]:
    about, said = found.metadata()[ROOT_KEY], found.custom_data
    fleet = validated(yaml.safe_load(said["fleet"]), Fleet, source=f"{found.folder} (fleet)")
    yield "bag", str(found.folder)
    yield "fleet", f"{fleet.fleet}: {fleet.robots.count} robots, {fleet.supervisors.count} supervisors"
    for name in ("seed", "policy", "threshold", "version"):
        yield name, said.get(name, "") or "-"
    messages, duration_s = about["message_count"], about["duration"]["nanoseconds"] / 1e9
    if messages:
        begin_s = about["starting_time"]["nanoseconds_since_epoch"] / 1e9
        yield "recorded", datetime.fromtimestamp(begin_s, UTC).astimezone().isoformat(" ", "seconds")
    size = sum(file.size for file in found.files)
    yield "content", f"{messages} messages in {duration_s:.1f} s, {size / 1e6:.1f} MB in {len(found.files)} files"
    yield "state", _state(found)


def _state(found: Bag) -> str:
    names = ", ".join(file.path.name for file in found.files if file.incomplete)
    if not names:
        return "whole"
    if is_locked(found.folder):
        return f"{names} is being written"
    return f"{names} was cut: ./fleet bag repair {found.folder}"
