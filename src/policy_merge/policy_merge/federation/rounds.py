"""The rounds of a federation: sites train from the newest version, and what they send becomes the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError, StrictModel, read_yaml
from fleet_learning.checkpoint import CheckpointMetadata, checkpoint_metadata, read_checkpoint
from fleet_learning.dataset import empty_dataset
from fleet_learning.mergeable import Mergeable
from fleet_learning.moments import Moments, moments_scaling, pooled
from fleet_learning.optimization import OptimizerState
from fleet_learning.policy import Policy
from fleet_learning.policy_store import PolicyStore
from fleet_learning.resume_file import resume_key
from fleet_learning.scaling import Scaling
from policy_merge.averaging import averaged
from policy_merge.federation.exchange import Exchange, Failure
from policy_merge.federation.message import LONGEST_HEADER, Method, Query, Reply, packed, tensor_bytes, unpacked
from policy_merge.federation.strategy import merged
from policy_merge.federation.update import Examined, Update, UpdateForm, require_reordered

FEWEST_SITES = 2
"""Updates that a round needs."""
ATTEMPTS = 3
"""Times that a round is tried before the federation ends."""
SETTINGS = "federation.json"


class RoundError(Exception):
    """A round for which too few updates could be used, again and again."""


class Settings(StrictModel):
    """What stays the same in all rounds of a federation."""

    contract: str
    """Digest of the robots' contract."""
    start: str | None
    """sha256 of the first policy's checkpoint; None: an untrained policy, whose scaling the sites agree on."""
    method: Method
    steps: int = Field(ge=1)
    """Gradient steps of a site in a round."""
    seed: int


class Federation:
    """The server's rounds. Version 1 in the folder is the first policy, and version r + 1 what round r made.

    A round exists once its version does, which is written last, and whole or not at all: a server that was killed resumes at the
    first round without one.
    """

    def __init__(
        self,
        exchange: Exchange,
        folder: Path,
        contract: RobotContract,
        settings: Settings,
        *,
        timeout_s: float,
        report: Callable[[str], None],
    ) -> None:
        """Set up the server.

        Args:
            exchange: transport.
            folder: where versions and records of rounds are.
            contract: contract of the robots.
            settings: as they are in the folder.
            timeout_s: longest time in which a site may reply.
            report: called with a line of text about every event.
        """
        self._exchange, self._folder, self._contract, self._settings = exchange, folder, contract, settings
        self._timeout_s, self._report = timeout_s, report
        self._store = PolicyStore(folder)
        self._names: dict[int, str] = {}
        self._trainers: dict[int, str] = {}

    @property
    def rounds(self) -> int:
        """Number of rounds that have been made."""
        return len(self._store.versions()) - 1

    def agree(self, sites: int, stream: Stream, new_policy: Callable[[Scaling], Policy]) -> None:
        """Write the first version, unless there is one: an untrained policy with the scaling of all sites' observations together.

        Args:
            sites: number of sites to wait for.
            stream: what the policy observes.
            new_policy: returns an untrained policy with a scaling.

        Raises:
            RoundError: too few sites sent moments that can be used.
        """
        if self._store.versions():
            return
        found: dict[str, Moments] = {}
        size = self._contract.observed_shape(stream)[-1]
        message = packed(self._query("moments", 1))
        replies = self._exchange.exchange(
            message, self._exchange.wait_for(sites), longest=LONGEST_HEADER, timeout_s=self._timeout_s
        )
        for node, reply in replies.items():
            try:
                name, moments = _read_moments(reply, self._name(node))
                self._contract.require_same(moments.contract, owner=name)
                if (moments.stream, len(moments.means)) != (stream, size):
                    raise InputError(  # noqa: TRY301 - reported below, as the errors of all other checks
                        f"{name}: moments: expected {size} means of {stream}, got {len(moments.means)} of {moments.stream}."
                    )
                found[name] = moments
            except InputError as error:
                self._report(f"moments: site refused: {error}")
        if len(found) < FEWEST_SITES:
            raise RoundError(f"moments: expected those of at least {FEWEST_SITES} sites, got {len(found)}")
        scaling = moments_scaling(pooled([found[name] for name in sorted(found)]), self._contract)
        policy = new_policy(scaling)
        none = empty_dataset(self._contract.observed_shape(stream), self._contract.action_dim)
        command = f"fleet federate serve: untrained, scaled by the data of {', '.join(sorted(found))}"
        metadata = checkpoint_metadata(policy, self._contract, calibrations=(), dataset=none, command=command)
        self._store.add(policy, metadata, None)
        self._report(f"moments: one scaling for {', '.join(sorted(found))}")

    def run(self, rounds: int, sites: int) -> Path:
        """Make the rounds that are missing, tell the sites that there are no more, and return the last version's checkpoint.

        Args:
            rounds: number of rounds of the federation.
            sites: number of sites to wait for before the first round.

        Raises:
            RoundError: too few updates of a round could be used.
        """
        needed = FEWEST_SITES if self.rounds else sites
        while self.rounds < rounds:
            present = self._exchange.wait_for(needed)
            self._round(self.rounds + 1, present)
            needed = FEWEST_SITES
        latest = self._store.versions()[-1]
        checkpoint = self._file(latest, "safetensors")
        query = self._query("finish", latest)
        present = self._exchange.wait_for(0)
        self._exchange.exchange(
            packed(query, checkpoint.read_bytes()), present, longest=100_000, timeout_s=self._timeout_s
        )
        return checkpoint

    def _round(self, number: int, present: Sequence[int]) -> None:
        start, metadata = self._start(number)
        form = UpdateForm(start, self._settings.method)
        for attempt in range(1, ATTEMPTS + 1):
            examined = self._trained(number, present, form)
            if len(examined.accepted) >= FEWEST_SITES:
                break
            self._report(
                f"round {number}: expected updates of at least {FEWEST_SITES} sites, got {len(examined.accepted)}"
            )
            if attempt == ATTEMPTS:
                raise RoundError(f"round {number}: ended after {ATTEMPTS} attempts with too few updates.")
            present = self._exchange.wait_for(FEWEST_SITES)
        updates = list(examined.accepted)
        if self._settings.method == "fleet_merge":
            updates = self._aligned(number, updates, form)
        self._write(number, start, metadata, updates, examined.refused)

    def _start(self, number: int) -> tuple[Mergeable, CheckpointMetadata]:
        policy, metadata = read_checkpoint(self._file(number, "safetensors"), self._contract)
        assert isinstance(policy, Mergeable)  # noqa: S101 - `prepare_folder` has checked it
        return policy, metadata

    def _trained(self, number: int, present: Sequence[int], form: UpdateForm) -> Examined:
        """Let sites train, and return which of their updates may be merged."""
        checkpoint = self._file(number, "safetensors").read_bytes()
        updates, refused = self._updates(packed(self._query("train", number), checkpoint), number, present, form)
        self._trainers = {node: update.site for node, update in updates.items()}
        examined = form.examined(list(updates.values()))
        for site, reason in examined.refused.items():
            self._report(f"round {number}: site {site} refused: {reason}")
        return Examined(examined.accepted, refused | dict(examined.refused))

    def _aligned(self, number: int, updates: Sequence[Update], form: UpdateForm) -> list[Update]:
        """Let sites find better places for their units; those of a site that fails keep theirs."""
        mean = averaged([update.tensors for update in updates])
        query = self._query("align", number, sites=len(updates))
        before = {update.site: update for update in updates}
        asked = [node for node, name in self._trainers.items() if name in before]
        found, _ = self._updates(packed(query, tensor_bytes(mean)), number, asked, form)
        for node, update in found.items():
            try:
                require_reordered(update, before[self._trainers[node]], source=self._trainers[node])
                before[update.site] = replace(before[update.site], tensors=update.tensors)
            except InputError as error:
                self._report(f"round {number}: site {error}")
        return list(before.values())

    def _updates(
        self, message: bytes, number: int, sites: Sequence[int], form: UpdateForm
    ) -> tuple[dict[int, Update], dict[str, str]]:
        """Return updates that have the right form, and why others have not."""
        updates: dict[int, Update] = {}
        refused: dict[str, str] = {}
        replies = self._exchange.exchange(message, sites, longest=form.longest, timeout_s=self._timeout_s)
        for node, reply in replies.items():
            if isinstance(reply, Failure):
                refused[self._name(node)] = reply.reason
                continue
            try:
                self._names[node] = unpacked(reply, Reply, source=self._name(node))[0].site
                updates[node] = form.read(reply, number, source=self._name(node))
            except InputError as error:
                refused[self._name(node)] = str(error).removeprefix(f"{self._name(node)}: ")
        for site, reason in refused.items():
            self._report(f"round {number}: site {site} refused: {reason}")
        return updates, refused

    def _name(self, node: int) -> str:
        return self._names.get(node, f"number {node}")

    def _write(
        self,
        number: int,
        start: Mergeable,
        metadata: CheckpointMetadata,
        updates: Sequence[Update],
        refused: Mapping[str, str],
    ) -> None:
        """Write the round's record, and then its version."""
        names = [update.site for update in updates]
        steps = metadata.gradient_steps + self._settings.steps
        policy = start.with_state(merged(start, updates, self._settings.method), OptimizerState(steps))
        made = metadata.model_copy(
            update={
                "calibrations": (),
                "dataset": resume_key(metadata.dataset, number, names),
                "gradient_steps": steps,
                "command": f"fleet federate serve --method {self._settings.method}: round {number} of {', '.join(names)}",
            }
        )
        record = {
            "round": number,
            "sites": {update.site: {"pairs": update.pairs, "loss": update.loss} for update in updates},
            "refused": dict(refused),
        }
        self._file(number + 1, "json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        stored = self._store.add(policy, made, None)
        self._report(f"round {number}: merged {', '.join(names)} into {stored.checkpoint.name}")

    def _query(self, kind: str, number: int, sites: int = 0) -> Query:
        settings = self._settings
        return Query.model_validate(
            {
                "kind": kind,
                "round": number,
                "method": settings.method,
                "steps": settings.steps,
                "seed": settings.seed,
                "sites": sites,
            }
        )

    def _file(self, version: int, suffix: str) -> Path:
        return self._folder / f"version_{version:03d}.{suffix}"


def _read_moments(reply: bytes | Failure, source: str) -> tuple[str, Moments]:
    """Return a site's name and moments."""
    if isinstance(reply, Failure):
        raise InputError(f"{source}: {reply.reason}")
    header, _ = unpacked(reply, Reply, source=source)
    if header.moments is None:
        raise InputError(f"{source}: {header.error or 'expected moments, got none.'}")
    return header.site, header.moments


def prepare_folder(folder: Path, start: Path | None, contract: RobotContract, settings: Settings) -> None:
    """Write a federation's settings, and the first version if there is a first policy; what is there must be the same.

    Raises:
        InputError: the policy cannot be used, or the folder holds something else.
    """
    read = None if start is None else read_checkpoint(start, contract)
    if read is not None and not isinstance(read[0], Mergeable):
        raise InputError(
            f"{start}: policy.kind: expected a policy that declares its network (fleet_learning.mergeable), "
            f"got {read[0].config.kind}."
        )
    path = folder / SETTINGS
    if path.exists():
        found = read_yaml(path, Settings)
        for name, own in settings.model_dump().items():
            if getattr(found, name) != own:
                raise InputError(f"{path}: {name}: expected {own} as in this command, got {getattr(found, name)}.")
    elif folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: expected a new folder or one of a federation, got another.")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    store = PolicyStore(folder)
    if read is not None and not store.versions():
        store.add(*read, None)
