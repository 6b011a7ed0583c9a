"""Runs the two sides of a federation: `fleet federate serve` and `join`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fleet_cli.command_line import make_folder
from fleet_common.address import read_address
from fleet_contract.fleet import Fleet
from fleet_contract.validation import InputError, validated
from fleet_learning.policy import Policy
from fleet_learning.scaling import Scaling
from fleet_learning.tensor_file import file_digest
from fleet_training.algorithms import ALGORITHMS
from fleet_training.learning_setup import learning_setup
from fleet_training.offline_training import read_training_data
from policy_merge.federation.certificates import ServerCertificates, SiteCertificates, require_certificates
from policy_merge.federation.flower_process import ENVIRONMENT
from policy_merge.federation.flower_server import FlowerError, flower_server
from policy_merge.federation.flower_site import serve_site
from policy_merge.federation.message import Method, Reply
from policy_merge.federation.rounds import Federation, RoundError, Settings, prepare_folder
from policy_merge.federation.site import FederatedSite

FLEET, LOG, COMMAND = "fleet.yaml", "flower.log", "federate"


def serve_rounds(
    fleet: Fleet,
    start: Path | None,
    folder: Path,
    *,
    sites: int,
    rounds: int,
    method: Method,
    steps: int | None,
    listen: str,
    certificates: Path | None,
    timeout_s: float,
    seed: int,
) -> None:
    """Serve all rounds, and write the versions with a fleet file that deploys the last one.

    Args:
        fleet: fleet that the policy is for.
        start: checkpoint of the first policy; None: an untrained one, whose scaling the sites agree on.
        folder: folder for the versions; an interrupted federation in it is resumed.
        sites: number of sites to wait for before the first round.
        rounds: number of rounds.
        method: how a round merges.
        steps: gradient steps of a site in a round; None: from the fleet file.
        listen: HOST:PORT for the sites.
        certificates: folder with certificates and keys.
        timeout_s: time after which a site's reply is late.
        seed: seed of the sites' trainings.

    Raises:
        InputError: something cannot be used.
    """
    address = read_address("--listen", listen)
    security = None if certificates is None else ServerCertificates(certificates)
    require_certificates("--listen", address.host, security)
    if security:
        security.require()
    address.require_free("--listen")
    contract = fleet.contract()
    if start is not None and not start.is_file():
        raise InputError(f"{start}: there is no such checkpoint.")
    settings = Settings(
        contract=contract.digest,
        start=None if start is None else file_digest(start),
        method=method,
        steps=steps or fleet.training.gradient_steps,
        seed=seed,
    )
    prepare_folder(folder, start, contract, settings)
    ENVIRONMENT.prepare(COMMAND)
    try:
        with (
            (folder / LOG).open("a", encoding="utf-8") as log,
            flower_server(address, security, log) as exchange,
        ):
            _report(f"{listen}: waiting for {sites} sites")
            federation = Federation(exchange, folder, contract, settings, timeout_s=timeout_s, report=_report)
            federation.agree(sites, fleet.pretraining.observes, lambda scaling: _untrained(fleet, scaling, seed))
            checkpoint = federation.run(rounds, sites)
    except (FlowerError, RoundError) as error:
        print(f"{error} (see {folder / LOG})", file=sys.stderr)
        sys.exit(1)
    _deploy(fleet, checkpoint, folder)


def join_rounds(
    fleet: Fleet,
    server: str,
    sets: Sequence[Path],
    folder: Path,
    *,
    site: str,
    certificates: Path | None,
    seed: int,
) -> None:
    """Take part in the rounds of a server until they are over, and write a fleet file that deploys the last version.

    Args:
        fleet: fleet that the policy is for.
        server: HOST:PORT of the server.
        sets: the site's datasets.
        folder: folder for the versions.
        site: name of the site.
        certificates: folder with certificates and keys.
        seed: seed of the held-out split.

    Raises:
        InputError: something cannot be used.
    """
    address = read_address("HOST:PORT", server)
    security = None if certificates is None else SiteCertificates(certificates)
    require_certificates("HOST:PORT", address.host, security)
    if security:
        security.require()
    name = validated({"site": site, "round": 0}, Reply, source="--site").site
    contract, observes = fleet.contract(), fleet.pretraining.observes
    data = read_training_data(sets, contract, observes, seed)
    make_folder(folder)
    ENVIRONMENT.prepare(COMMAND)

    def on_version(version: int, _: Policy) -> None:
        _report(f"version {version} has arrived")

    member = FederatedSite(name, contract, data.pairs, observes, folder, on_version)
    with (folder / LOG).open("a", encoding="utf-8") as log:
        _report(f"{server}: joining as {name} with {len(data.pairs)} pairs")
        serve_site(address, security, log, member.answer, lambda: member.finished is not None, _report)
    if member.finished is not None:
        _deploy(fleet, member.finished, folder)


def _untrained(fleet: Fleet, scaling: Scaling, seed: int) -> Policy:
    return learning_setup(fleet, ticks=0).new_policy(ALGORITHMS["iifl"], scaling, seed)


def _deploy(fleet: Fleet, checkpoint: Path, folder: Path) -> None:
    fleet.with_changes(source=fleet.fleet, policy={"checkpoint": checkpoint.absolute()}).write(folder / FLEET)
    print(f"calibrate it: ./fleet calibrate --fleet {folder / FLEET}")
    print(f"deploy it: ./fleet up --fleet {folder / FLEET}")


def _report(text: str) -> None:
    print(text, flush=True)
