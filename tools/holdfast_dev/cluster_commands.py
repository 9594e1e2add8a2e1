"""./dev up, down, status, kill, start."""

from . import CHECKOUT, config
from .build import build
from .cluster import Cluster
from .console import Failure, bold, say, step
from .place import Place
from .ports import HOST, default_ports, ports_at
from .users import run_directory, service_account

SIZES = ("B", "kB", "MB", "GB", "TB")


def up(arguments):
    root = run_directory()
    asked = ports_at(arguments.port_base) if arguments.port_base else None
    cluster = continue_cluster(root, asked) if Place(root).exists() else make_cluster(root, asked, arguments.stack)
    if all(cluster.parts().values()) and cluster.leader():
        say(f"The cluster is running already, in {root}.")
        return tell(cluster)
    lock = cluster.place.lock()
    try:
        cluster.start()
    except KeyboardInterrupt:
        raise Failure("interrupted; what was started goes on running. ./dev up continues, ./dev down stops it") from None
    finally:
        lock.close()
    tell(cluster)


def continue_cluster(root, asked):
    """The cluster that is there, ready for its missing parts to be started."""
    cluster = Cluster.open(root)
    if asked and asked != cluster.spec.ports:
        raise Failure(f"the cluster in {root} was made with other ports; ./dev down --wipe removes it with its data")
    if not all(cluster.parts().values()):
        say(f"Starting what does not run of the cluster in {root}.")
        cluster.require_free_ports()
        if cluster.spec.stack == "holdfast" and not any(node.agent() for node in cluster.nodes):
            cluster.place.install(build())
    return cluster


def make_cluster(root, asked, stack):
    spec = config.Spec(ports=asked or default_ports(), passwords=config.new_passwords(), stack=stack)
    Cluster(Place(root), spec).require_free_ports()
    program = build() if stack == "holdfast" else None
    account = service_account()
    say(f"Making a cluster in {root}" + ("" if account.is_us else f", run by the user '{account.name}'"))
    return Cluster.create(root, spec, program)


def tell(cluster):
    """How to connect, where to look, and what to try next."""
    nodes, router = cluster.spec.ports.nodes, cluster.spec.ports.router
    leader = cluster.leader()
    rest = "  ".join(f"http://{HOST}:{node.rest}" for node in nodes)
    say(f"""
  read-write   {cluster.connection_string()}
  read-only    {cluster.connection_string(read_only=True)}
  REST         {rest}  (nodes)   http://{HOST}:{router.api}/cluster
  dashboard    http://{HOST}:{router.dashboard}/
  logs         {cluster.place.logs}

Try next:
  {bold(cluster.psql() + " -c 'select * from hello'")}
  {bold('./dev kill ' + (leader.name if leader else 'node1'))}      a power failure of the leader; run the line above again at once
  {bold('./dev status')}          who leads now; then ./dev start NODE brings the killed one back""")


def status(arguments):
    cluster = Cluster.open(run_directory())
    parts = cluster.parts()
    rows = [("etcd", member.name, "healthy" if member.healthy() else "down", f"{member.ports.client}", "")
            for member in cluster.etcd]
    rows += [node_row(cluster, node) for node in cluster.nodes]
    ports = cluster.spec.ports.router
    writable = cluster.router.query("select 1") is not None if parts["router"] else False
    rows.append(("router", "router", ("running" if writable else "no primary behind it") if parts["router"] else "down",
                 f"{ports.read_write} {ports.read_only}", f"dashboard {ports.dashboard}, API {ports.api}"))
    for kind, name, state, port, note in [("", "name", "state", "ports", "")] + rows:
        say(f"{kind:<8}{name:<8}{state:<30}{port:<12}{note}".rstrip())
    return 0 if all(parts.values()) and writable else 3


def node_row(cluster, node):
    ports = f"{node.ports.postgres} {node.ports.rest}"
    if not node.agent():
        return ("node", node.name, "PostgreSQL without agent" if node.postmaster() else "down", ports, "")
    member = next((member for member in cluster.members() if member.get("name") == node.name), {})
    role, state = member.get("role", "unknown"), member.get("state", "unknown")
    note = f"timeline {member['timeline']}" if "timeline" in member else ""
    if isinstance(member.get("lag"), int):
        note += f", lag {pretty_size(member['lag'])}"
    return ("node", node.name, f"{role}, {state}", ports, note)


def pretty_size(count):
    unit = 0
    while count >= 1024 and unit < len(SIZES) - 1:
        count /= 1024
        unit += 1
    return f"{count:.0f} {SIZES[unit]}" if unit == 0 else f"{count:.1f} {SIZES[unit]}"


def down(arguments):
    root = run_directory()
    place = Place(root)
    if not place.exists():
        say(f"There is no cluster in {root}.")
        return
    cluster = Cluster.open(root)
    lock = place.lock()
    if arguments.wipe:
        with step("everything stopped"):
            cluster.kill_everything()
        with step("data removed"):
            place.remove()
        link = CHECKOUT / "run"
        if link.is_symlink() and link.resolve() == place.root:
            link.unlink()
    else:
        cluster.stop()
        say(f"The data stays in {root}; ./dev up starts it again, ./dev down --wipe removes it.")
    lock.close()


def node_named(cluster, name):
    for node in cluster.nodes:
        if node.name == name:
            return node
    raise Failure(f"there is no node '{name}'; there are {', '.join(node.name for node in cluster.nodes)}")


def kill(arguments):
    cluster = Cluster.open(run_directory())
    node = node_named(cluster, arguments.node)
    killed = node.kill()
    if not killed:
        say(f"{node.name} was not running.")
    else:
        say(f"{node.name}: agent and PostgreSQL killed, {killed} processes. ./dev start {node.name} brings it back.")


def start(arguments):
    cluster = Cluster.open(run_directory())
    node = node_named(cluster, arguments.node)
    if node.agent():
        say(f"{node.name} is running already.")
        return
    lock = cluster.place.lock()
    node.start()
    with step(f"{node.name} is back and the replica streams"):
        cluster.wait_for_redundancy()
    lock.close()
