"""A site of a federation: trains on its own data, and answers the server's queries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from fleet_contract.robot import RobotContract, Stream
from fleet_contract.validation import InputError
from fleet_learning.checkpoint import read_checkpoint
from fleet_learning.dataset import Dataset
from fleet_learning.mergeable import Mergeable
from fleet_learning.moments import moments_of
from fleet_learning.policy import Policy
from fleet_learning.randomness import torch_generator
from fleet_learning.version_folder import VersionFolder
from policy_merge.activation_matching import matched_by_activations
from policy_merge.alignment import AlignmentConfig, search_at_site
from policy_merge.federation.message import (
    Query,
    Reply,
    packed,
    read_tensors,
    tensor_bytes,
    unpacked,
)
from policy_merge.federation.update import Update
from policy_merge.member import Member, count, ensemble, member_parameters
from policy_merge.regression_mean import gram_matrices

ALIGNMENT = AlignmentConfig(epochs=1, steps=20)
"""FLEET-MERGE's search in a round: sites that train from one policy begin aligned."""
SERVER = "the server's message"


class FederatedSite:
    """Trains from the policies that the server sends, and keeps each as a version in a folder."""

    def __init__(
        self,
        name: str,
        contract: RobotContract,
        pairs: Dataset,
        observes: Stream,
        folder: Path,
        on_version: Callable[[int, Policy], None] = lambda *_: None,
    ) -> None:
        """Set up a site.

        Args:
            name: its name, unique in the federation.
            contract: contract of its robots.
            pairs: its own data; they do not leave it.
            observes: stream of the observations in them.
            folder: existing folder for the versions.
            on_version: called with every policy that arrives and its version.
        """
        self._name, self._contract, self._pairs, self._observes = name, contract, pairs, observes
        self._versions = VersionFolder(folder)
        self._on_version = on_version
        self._trained: tuple[Query, Mergeable] | None = None
        self.finished: Path | None = None
        """The last version of the federation, once it has ended."""

    def answer(self, message: bytes) -> bytes:
        """Return the reply to a message of the server; what the site cannot do, the reply says."""
        number = 0
        try:
            query, content = unpacked(message, Query, source=SERVER)
            number = query.round
            if query.kind == "moments":
                moments = moments_of(self._pairs, self._contract, self._observes)
                return packed(Reply(site=self._name, round=number, pairs=len(self._pairs), moments=moments))
            if query.kind == "align":
                return self._reply(query, self._aligned(query, content))
            checkpoint, policy = self._received(query, content)
            if query.kind == "finish":
                self.finished = checkpoint
                return packed(Reply(site=self._name, round=number))
            return self._reply(query, self._trained_from(query, policy))
        except InputError as error:
            return packed(Reply(site=self._name, round=number, error=str(error)[:1000]))

    def _received(self, query: Query, content: bytes) -> tuple[Path, Mergeable]:
        """Store the policy of a message, after the checks that every checkpoint passes."""
        path = self._versions.file(query.round)
        partial = path.with_name(path.name + ".received")
        try:
            partial.write_bytes(content)
            policy, _ = read_checkpoint(partial, self._contract)
            if not isinstance(policy, Mergeable):
                raise InputError(f"{SERVER}: policy.kind: expected one that can be merged, got {policy.config.kind}.")
            if policy.observes != self._observes:
                raise InputError(f"{SERVER}: expected a policy that observes {self._observes}, got {policy.observes}.")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        self._on_version(query.round, policy)
        return path, policy

    def _trained_from(self, query: Query, policy: Mergeable) -> Update:
        pairs, seed = self._pairs, self._seed(query)
        fitted = policy.fit(pairs, steps=query.steps, seed=seed)
        self._trained = (query, fitted.policy)
        tensors = fitted.policy.tensors()
        if query.method != "regression_mean":
            return Update(self._name, tensors, (), len(pairs), fitted.loss)
        members, grams = [], []
        for index in range(count(tensors)):
            member = Member(fitted.policy, member_parameters(tensors, index), pairs, seed)
            start, network = member_parameters(policy.tensors(), index), policy.member_network
            member = member.reordered(matched_by_activations(network, member.parameters, start, member.batches()))
            members.append(member.parameters)
            grams.append(gram_matrices(network, member.parameters, member.batches()))
        return Update(self._name, ensemble(members), tuple(grams), len(pairs), fitted.loss)

    def _aligned(self, query: Query, content: bytes) -> Update:
        """Do the site's part of FLEET-MERGE's algorithm 1 with what it trained in this round."""
        if self._trained is None or self._trained[0].round != query.round:
            raise InputError(f"align: expected round {query.round} to be trained here, got another or none.")
        policy, mean = self._trained[1], read_tensors(content, source=SERVER)
        tensors, seed = policy.tensors(), self._seed(query)
        members = []
        for index in range(count(tensors)):
            member = Member(policy, member_parameters(tensors, index), self._pairs, seed)
            orders = search_at_site(
                policy.member_network.symmetries,
                member.parameters,
                member_parameters(mean, index),
                query.sites,
                member.loss,
                ALIGNMENT,
                torch_generator(seed, index),
                seed=seed,
                epoch=0,
            )
            members.append(member.reordered(orders).parameters)
        return Update(self._name, ensemble(members))

    def _reply(self, query: Query, update: Update) -> bytes:
        reply = Reply(site=self._name, round=query.round, pairs=update.pairs, loss=update.loss)
        return packed(reply, tensor_bytes(update.content()))

    def _seed(self, query: Query) -> int:
        """Return the seed of this site in a round: others have others."""
        return int.from_bytes(hashlib.sha256(f"{query.seed} {query.round} {self._name}".encode()).digest()[:4], "big")
