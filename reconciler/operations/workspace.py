"""One opened workspace: documents, state, providers and clock, as every verb needs them."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import asynccontextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.clock import wall_now
from reconciler.documents.loader import load_documents
from reconciler.documents.references import resolve_reference
from reconciler.model.errors import DocumentError, EmptyDocuments, StateError, UnsafePlan
from reconciler.model.fleet import ProviderSettings, Safety
from reconciler.model.hand_over import DEFAULT_BOOT, DEFAULT_READY, DEFAULT_SSH, SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.model.mark import NONCES, nonce
from reconciler.model.pins import HostPin
from reconciler.model.record import RecordedState
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.operations.notices import Notifier
from reconciler.operations.open_providers import open_configured
from reconciler.operations.provider_pins import provider_settings, recorded_pins
from reconciler.providers.registry import OpenedProviders
from reconciler.statefile.local_file import LocalFile
from reconciler.statefile.process_identity import this_boot, this_host
from reconciler.transport.cache_place import cache_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

    from anyio import CapacityLimiter

    from reconciler.clock import Clock
    from reconciler.execution.context import ExecutionContext
    from reconciler.execution.interruption import Interruption
    from reconciler.inventory.kept_offers import KeptOffers
    from reconciler.model.fleet import DesiredState
    from reconciler.model.hand_over import Boot, ReadyRules, SshAccess
    from reconciler.model.offer import Offer
    from reconciler.model.progress import SlotProgress
    from reconciler.providers.base import Provider
    from reconciler.statefile.backend import StateBackend
    from reconciler.transport.ssh_login import Login

    LogIn = Callable[[SshEndpoint, str, SshFiles, str, float], Awaitable[Login]]

STATE_DIRECTORY = "state"
LOGINS_AT_ONCE = 16
LOGIN_SECONDS = 30.0


async def _openssh(
    endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, deadline_seconds: float
) -> Login:
    from reconciler.transport.ssh_login import log_in  # only who has bought something logs in

    return await log_in(endpoint, alias, files, command, deadline_seconds)


@dataclass(slots=True)
class Workspace:
    """Everything a verb works with.

    ``desired`` is None when the documents could not be read; ``documents_error`` then says why.
    """

    directory: Path
    name: str
    desired: DesiredState | None
    documents_error: DocumentError | None
    backend: StateBackend
    opened: OpenedProviders
    environ: Mapping[str, str]
    take_over: bool = False
    """Another host's state is this host's from now on: a person said so."""
    host: HostPin = field(default_factory=this_host)
    kept_offers: KeptOffers | None = None
    """What earlier commands found for rent; None where nothing is kept."""
    trust_clock: bool = False
    """This machine's wall clock is right, whatever others say: a person said so."""
    boot_id: str = field(default_factory=this_boot)
    ssh: LogIn = _openssh
    _logins: CapacityLimiter | None = None

    @property
    def providers(self) -> Mapping[str, Provider]:
        return self.opened.providers

    @property
    def clock(self) -> Clock:
        return self.opened.clock

    @property
    def safety(self) -> Safety:
        """The documents' rules; the built-in ones where those cannot be read."""
        return self.desired.safety if self.desired else Safety()

    def fresh_state(self) -> RecordedState:
        """The state of a workspace that has none: a new lineage."""
        return RecordedState(workspace=self.name, lineage=secrets.token_hex(16), host=self.host)

    def read(self) -> RecordedState | None:
        """The state, for whoever decides from it; None when there is none.

        Raises ``StateError`` where another host owns it, unless it is taken over: two hosts cannot
        see each other's locks (SPEC.md section 12, 3).
        """
        recorded = self.backend.read()
        self.refuse_other_host(recorded)
        return recorded

    def refuse_other_host(self, recorded: RecordedState | None) -> None:
        """Raise ``StateError`` as ``read`` does, for a state that was read elsewhere."""
        owner = recorded.host if recorded else None
        if owner is None or owner.id == self.host.id or self.take_over:
            return
        raise StateError(
            f"{self.backend.location}: the state belongs to host {printable(owner.name)}, "
            f"this is {printable(self.host.name)}",
            why="a run there could not see the lock of a run here",
            fix="work there; once nothing runs there any more: gpu-shopper apply -take-over",
        )

    def settings_of(self, provider: str) -> ProviderSettings | None:
        """How a provider is configured, by the documents."""
        return self.desired.providers.get(provider) if self.desired else None

    def resolve_env(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Values for references. Raises ``CredentialsMissing`` when one may not be read."""
        return {
            name: resolve_reference(value, environ=self.environ, root=self.directory)
            if "${" in value
            else value
            for name, value in env.items()
        }

    def public_keys(self, fleet_name: str) -> tuple[str, ...]:
        """Who may log in to new machines of a fleet; the lock is held. Made where it is missing."""
        access = self._access(fleet_name)
        if not access.generate:
            return access.public_keys
        return (self.backend.key.public(), *access.public_keys)

    def _access(self, fleet_name: str) -> SshAccess:
        fleet = self.desired.fleets.get(fleet_name) if self.desired else None
        return fleet.ssh if fleet else DEFAULT_SSH

    def boot(self, fleet_name: str) -> Boot:
        """What the machines of a fleet boot and do."""
        fleet = self.desired.fleets.get(fleet_name) if self.desired else None
        return fleet.boot if fleet else DEFAULT_BOOT

    def bid(self, fleet_name: str, offer: Offer) -> Decimal | None:
        """What a fleet bids for ``offer``; None: what it asks."""
        fleet = self.desired.fleets.get(fleet_name) if self.desired else None
        return fleet.bid_for(offer) if fleet else None

    def ready_rules(self, fleet_name: str) -> ReadyRules:
        """What a new machine of a fleet must show."""
        fleet = self.desired.fleets.get(fleet_name) if self.desired else None
        return fleet.ready if fleet else DEFAULT_READY

    def has_own_key(self, fleet_name: str) -> bool:
        """Whether the workspace's own key opens machines of a fleet, and is here."""
        return self._access(fleet_name).generate and bool(self.ssh_files().private_key)

    async def log_in(
        self, fleet_name: str, endpoint: SshEndpoint, alias: str, command: str
    ) -> Login:
        """Run ``command`` on a machine of a fleet, over SSH."""
        access, files = self._access(fleet_name), self.ssh_files()
        if access.user is not None:
            endpoint = SshEndpoint(endpoint.host, endpoint.port, access.user)
        if not access.generate:
            files = SshFiles(known_hosts=files.known_hosts)
        if self._logins is None:
            import anyio

            self._logins = anyio.CapacityLimiter(LOGINS_AT_ONCE)
        async with self._logins:
            return await self.ssh(endpoint, alias, files, command, LOGIN_SECONDS)

    def ssh_files(self) -> SshFiles:
        """Where they lie; no key is named that is not there."""
        key = self.backend.key
        private = key.private_path.resolve()
        known = str(key.known_hosts.resolve())
        return SshFiles(str(private) if private.exists() else "", known)

    def context(
        self,
        recorded: RecordedState | None,
        interruption: Interruption,
        progress: Callable[[SlotProgress], None],
        notifier: Notifier,
    ) -> ExecutionContext:
        """A context for one run over ``recorded`` (None: there is no state yet)."""
        from reconciler.execution.context import ExecutionContext  # reads need none
        from reconciler.execution.journal import Journal

        state = recorded or self.fresh_state()
        return ExecutionContext(
            workspace=self.name,
            providers=self.providers,
            journal=Journal(self.backend, state, stored=recorded is not None),
            clock=self.clock,
            interruption=interruption,
            new_nonce=new_nonce,
            resolve_env=self.resolve_env,
            progress=progress,
            notify=notifier.send,
            public_keys=self.public_keys,
            boot=self.boot,
            bid=self.bid,
            log_in=self.log_in,
            ready_rules=self.ready_rules,
            has_own_key=self.has_own_key,
            fence=self.backend.fence,
            offer_failed=self._offer_failed,
            node_timer=self.safety.node_timer,
        )

    def _offer_failed(self, provider: Provider, offer_id: str) -> None:
        if self.kept_offers is not None and provider.capabilities.offers_keep:
            self.kept_offers.drop(provider, offer_id, self.clock.now())

    def notifier(self) -> Notifier:
        """Webhooks of the documents; none when those could not be read."""
        settings = self.desired.notifiers if self.desired else {}
        return Notifier(settings, self.environ, self.directory)


def new_nonce() -> str:
    """Eight characters that no other mark has."""
    return nonce(secrets.randbelow(NONCES))


@asynccontextmanager
async def open_workspace(
    directory: Path,
    *,
    tolerate_bad_documents: bool = False,
    tolerate_bad_state: bool = False,
    take_over: bool = False,
    trust_clock: bool = False,
) -> AsyncIterator[Workspace]:
    """The workspace declared in ``directory``, closed again at the end.

    ``tolerate_bad_state``: for what puts another state in its place. ``take_over``: a state of
    another host is this host's from now on. ``trust_clock``: the wall clock is right, whatever
    other clocks say.

    With ``tolerate_bad_documents`` (the loop) documents that cannot be read do not stop it, as
    long as exactly one state lies in ``state/``: leases are enforced from there. Raises
    ``DocumentError``, ``StateError``, or ``UnsafePlan`` (5) when all documents are empty while a
    state exists (bad input 20).
    """
    desired, error = _load(directory, tolerate_bad_documents)
    path = state_path(directory, desired) if desired else _only_state(directory, error)
    name = desired.workspace if desired else path.stem
    opened: OpenedProviders | None = None

    def now() -> datetime:
        return opened.clock.now() if opened else wall_now()

    backend = LocalFile(path, name, now, audited=True)
    recorded = backend.find().state if tolerate_bad_state else backend.read()
    settings = provider_settings(desired, recorded_pins(recorded))
    opened = open_configured(settings, directory)
    try:
        yield Workspace(
            directory,
            name,
            desired,
            error,
            backend,
            opened,
            os.environ,
            take_over,
            trust_clock=trust_clock,
            kept_offers=_kept_offers(path, opened),
        )
    finally:
        await opened.close()


def _kept_offers(state: Path, opened: OpenedProviders) -> KeptOffers | None:
    """In the user's cache, one file for each state; none where no provider needs it."""
    if not any(one.capabilities.offers_keep for one in opened.providers.values()):
        return None
    from reconciler.inventory.kept_offers import KeptOffers

    place = cache_place(os.environ, "offers")
    if place is None:
        return None
    digest = hashlib.sha256(str(state.absolute()).encode()).hexdigest()[:16]
    return KeptOffers(place / f"{state.stem}-{digest}.json")


def _load(directory: Path, tolerate: bool) -> tuple[DesiredState | None, DocumentError | None]:
    try:
        return load_documents(directory), None
    except EmptyDocuments as error:
        states = recorded_states(directory)
        if states and not tolerate:
            raise UnsafePlan(
                f"every document is empty, and {states[0].name} records machines",
                why="carrying that out would destroy all of them",
                fix="restore them; to end a fleet whatever they say: gpu-shopper release FLEET",
            ) from error
        if not states or not tolerate:
            raise
        return None, error
    except DocumentError as error:
        if not tolerate or not recorded_states(directory):
            raise
        return None, error


def state_path(directory: Path, desired: DesiredState) -> Path:
    relative = desired.state_path or f"{STATE_DIRECTORY}/{desired.workspace}.json"
    return directory / relative


def recorded_states(directory: Path) -> list[Path]:
    return sorted((directory / STATE_DIRECTORY).glob("*.json"))


def _only_state(directory: Path, error: DocumentError | None) -> Path:
    states = recorded_states(directory)
    if len(states) != 1:
        raise StateError(
            f"the documents cannot be read, and {len(states)} states lie in {STATE_DIRECTORY}/",
            why="which one to enforce cannot be told",
            fix="mend the documents: gpu-shopper validate",
        ) from error
    return states[0]
