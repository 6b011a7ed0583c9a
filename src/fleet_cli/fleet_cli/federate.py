"""Defines the commands for rounds of merging between sites: `fleet federate ...`."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Literal

import typer

federate = typer.Typer(
    help="Train one policy at several sites, whose data stay there: rounds of training and merging.",
    no_args_is_help=True,
)

FleetFile = Annotated[
    str, typer.Option(help="Fleet that the policy is for: a fleet file, or the name of a shipped fleet.")
]


@federate.command()
def serve(
    sites: Annotated[int, typer.Option(min=2, help="Number of sites to wait for before the first round.")],
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the versions; an interrupted federation resumes there.")
    ],
    fleet: FleetFile = "block_push",
    start: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint of the policy that the first round begins with (default: an untrained one, with the scaling of all "
            "sites' observations together)."
        ),
    ] = None,
    method: Annotated[
        Literal["regression_mean", "fleet_merge", "average"],
        typer.Option(
            help="regression_mean: RegMean after matching units by activations; fleet_merge: the mean after one epoch of FLEET-MERGE's "
            "search for permutations; average: the mean, as in federated averaging."
        ),
    ] = "regression_mean",
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Gradient steps of a site in a round (default: training.gradient_steps of the fleet file)."
        ),
    ] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Address for the sites.")] = "127.0.0.1:8780",
    certificates: Annotated[
        Path | None,
        typer.Option(
            help="Folder with ca.crt, server.crt, server.key and sites/NAME.pub; required for addresses that other machines can reach."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a site's reply is late.")] = 3600.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sites' trainings.")] = 0,
) -> None:
    """Serve the rounds: send the newest version to the sites, check and merge what they send, and store the next version.

    Example: `./fleet federate serve --sites 3 --rounds 5 -o federation`.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.federation import serve_rounds
    from fleet_contract.fleet import read_fleet

    serve_rounds(
        read_fleet(fleet_file(fleet)),
        start,
        out,
        sites=sites,
        rounds=rounds,
        method=method,
        steps=steps,
        listen=listen,
        certificates=certificates,
        timeout_s=timeout,
        seed=seed,
    )


@federate.command()
def join(
    server: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Address of the server.")],
    data: Annotated[
        list[Path],
        typer.Option(
            help="Dataset or .npz file of demonstrations of this site; repeat the option for several. They stay here."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the versions that the server sends.")],
    fleet: FleetFile = "block_push",
    site: Annotated[str | None, typer.Option(help="Name of this site (default: the name of this machine).")] = None,
    certificates: Annotated[
        Path | None, typer.Option(help="Folder with ca.crt and site.key; required for servers on other machines.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the held-out split.")] = 0,
) -> None:
    """Join the rounds of a server as a site: train on this site's data, and send parameters to the server.

    Example: `./fleet federate join 127.0.0.1:8780 --data set -o site`.
    """
    from fleet_bringup.run_setup import fleet_file
    from fleet_cli.federation import join_rounds
    from fleet_contract.fleet import read_fleet

    join_rounds(
        read_fleet(fleet_file(fleet)),
        server,
        data,
        out,
        site=platform.node() if site is None else site,
        certificates=certificates,
        seed=seed,
    )
