/**
 * The lab network: one network namespace with a bridge, held by a process that sleeps, and a cable
 * from each node to it. The machine's own network is not touched: links, routes, rules and
 * forwarding live and die with the namespaces.
 *
 *   lab network, bridge lab0 (10.66.0.1: control plane)
 *     ├── v1 ═ eth0 of node 1 (10.66.0.11) ── pods 10.67.1.0/24
 *     └── v2 ═ eth0 of node 2 (10.66.0.12) ── pods 10.67.2.0/24
 */
import { run } from '../base/run.ts';
import { addresses, nodeAddress, podRange } from './addresses.ts';

/** nsenter(1) arguments that run a program in the network namespace of a process. */
export function inNetworkOf(pid: number, ...command: readonly string[]): string[] {
  return [`--net=/proc/${pid}/ns/net`, ...command];
}

/** Sets up the bridge in the namespace of the holder. */
export async function setUpLabNetwork(holder: number, nodeCount: number): Promise<void> {
  await ip(holder, [
    'link set lo up',
    'link add lab0 type bridge',
    `addr add ${addresses.api}/${addresses.nodePrefixLength} dev lab0`,
    'link set lab0 up',
    ...podRoutes(nodeCount),
  ]);
  await enableForwarding(holder);
}

/** Plugs a node in whose network namespace is new. */
export async function connectNode(
  holder: number,
  node: { readonly number: number; readonly pid: number },
  nodeCount: number,
): Promise<void> {
  const cable = cableOf(node.number);
  // The kernel takes the cable of the node's earlier life away in its own time, which may be after
  // now.
  await run('nsenter', inNetworkOf(holder, 'ip', 'link', 'delete', cable), { allow: [1] });
  await ip(holder, [
    `link add ${cable} type veth peer name eth0 netns ${node.pid}`,
    `link set ${cable} master lab0 up`,
  ]);
  await ip(node.pid, [
    'link set lo up',
    `addr add ${nodeAddress(node.number)}/${addresses.nodePrefixLength} dev eth0`,
    'link set eth0 up',
    `route add default via ${addresses.api}`,
    ...podRoutes(nodeCount, node.number),
  ]);
  await enableForwarding(node.pid);
}

/** Pulls or plugs the cable of a node. */
export async function setCable(
  holder: number,
  number: number,
  state: 'up' | 'down',
): Promise<void> {
  await ip(holder, [`link set ${cableOf(number)} ${state}`]);
}

function cableOf(number: number): string {
  return `v${number}`;
}

/** Pods keep their addresses across nodes: everybody knows the way to every pod range. */
function podRoutes(nodeCount: number, except?: number): string[] {
  const numbers = Array.from({ length: nodeCount }, (_, index) => index + 1);
  return numbers
    .filter((number) => number !== except)
    .map((number) => `route add ${podRange(number)} via ${nodeAddress(number)}`);
}

async function ip(pid: number, lines: readonly string[]): Promise<void> {
  await run('nsenter', inNetworkOf(pid, 'ip', '-batch', '-'), {
    input: `${lines.join('\n')}\n`,
    hint: 'the kernel needs the bridge and veth drivers (modprobe bridge veth); npm run doctor looks for them',
  });
}

async function enableForwarding(pid: number): Promise<void> {
  const setting = 'echo 1 > /proc/sys/net/ipv4/ip_forward';
  await run('nsenter', inNetworkOf(pid, 'sh', '-c', setting));
}
