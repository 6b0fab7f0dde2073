/**
 * A real Kubernetes API for tests that need no nodes: etcd, API server and controller-manager as
 * processes of this user on loopback ports, started once for a mocha process (about four seconds)
 * and gone with it. Objects are validated, defaulted, bound and garbage-collected as anywhere; pods
 * stay Pending for ever.
 *
 * The programs come from the toolchain, or from the folder that `LARDER_KUBERNETES_BIN` names. With
 * `LARDER_TEST_KUBECONFIG` the tests use that cluster instead; they make objects with names of
 * their own.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { LabFault } from '../../../lab/base/fault.ts';
import { labPaths } from '../../../lab/base/paths.ts';
import { Progress } from '../../../lab/base/progress.ts';
import { waitFor } from '../../../lab/cluster/wait.ts';
import { ApiClient } from '../../../lab/standin/kubernetes/api-client.ts';
import { Cluster } from '../../../lab/standin/kubernetes/cluster.ts';
import { Discovery } from '../../../lab/standin/kubernetes/discovery.ts';
import { loadKubeconfig } from '../../../lab/standin/kubernetes/kubeconfig.ts';
import { ensureTools } from '../../../lab/toolchain/toolchain.ts';
import { skip } from '../../support/reporter.ts';

export interface TestApiServer {
  /** Path of a kubeconfig for a cluster administrator; its context is `test`. */
  readonly kubeconfig: string;
  readonly kubeconfigText: string;
  /** For looking at what is in the cluster, past Pulumi. */
  readonly cluster: Cluster;
  /** A name that no other test of this run uses. */
  uniqueName(prefix: string): string;
}

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;
type Program = (typeof programs)[number];

/** Building Kubernetes on two cores takes seven minutes; starting it, four seconds. */
const hookLimitMs = 20 * 60_000;
const readyLimitMs = 60_000;

let started: Promise<TestApiServer | { readonly missing: string }> | undefined;

/** For a `before` hook. Skips the suite with the reason where the programs cannot be had. */
export async function useApiServer(context: Mocha.Context): Promise<TestApiServer> {
  context.timeout(hookLimitMs);
  started ??= start();
  const server = await started;
  if ('missing' in server) skip(context, server.missing);
  return server;
}

async function start(): Promise<TestApiServer | { readonly missing: string }> {
  const given = process.env['LARDER_TEST_KUBECONFIG'];
  if (given !== undefined) return serverOf(given);
  const found = await findPrograms();
  return 'missing' in found ? found : startWith(found);
}

type Paths = Readonly<Record<Program, string>>;

async function findPrograms(): Promise<Paths | { readonly missing: string }> {
  const folder = process.env['LARDER_KUBERNETES_BIN'];
  if (folder !== undefined) {
    const [etcd, apiServer, controllerManager] = programs.map((name) => path.join(folder, name));
    return pathsOf(etcd, apiServer, controllerManager);
  }
  try {
    const tools = await ensureTools(programs, {
      progress: new Progress(),
      paths: labPaths(),
      signal: new AbortController().signal,
    });
    const [etcd, apiServer, controllerManager] = programs.map((name) => tools.get(name)?.path);
    return pathsOf(etcd, apiServer, controllerManager);
  } catch (error) {
    if (error instanceof LabFault) return { missing: `needs a Kubernetes API: ${error.message}` };
    throw error;
  }
}

function pathsOf(etcd = '', apiServer = '', controllerManager = ''): Paths {
  return {
    etcd,
    'kube-apiserver': apiServer,
    'kube-controller-manager': controllerManager,
  };
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function startWith(paths: Paths): Promise<TestApiServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'larder-api-'));
  folders.add(folder);
  const [client, peer, secure] = await freePorts(3);
  const token = randomBytes(24).toString('hex');
  const place = { folder, client, peer, secure, token };
  writeCredentials(place);
  launch(paths.etcd, etcdArgs(place), folder, 'etcd');
  launch(paths['kube-apiserver'], apiServerArgs(place), folder, 'kube-apiserver');
  await untilWritten(path.join(folder, 'certs/apiserver.crt'));
  const kubeconfig = path.join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, stringify(kubeconfigFor(place)), { mode: 0o600 });
  const server = serverOf(kubeconfig);
  await untilReady(server.cluster, folder);
  launch(
    paths['kube-controller-manager'],
    controllerManagerArgs(place, kubeconfig),
    folder,
    'kube-controller-manager',
  );
  return server;
}

/** The cluster of a kubeconfig as the tests see it. */
export function serverOf(kubeconfig: string): TestApiServer {
  const api = new ApiClient(loadKubeconfig({ kubeconfig, context: '', cluster: '' }));
  let names = 0;
  return {
    kubeconfig,
    kubeconfigText: readFileSync(kubeconfig, 'utf8'),
    cluster: new Cluster(api, new Discovery(api)),
    uniqueName: (prefix) => {
      names += 1;
      return `${prefix}-${process.pid}-${names}`;
    },
  };
}

interface Place {
  readonly folder: string;
  readonly client: number;
  readonly peer: number;
  readonly secure: number;
  /** Of an administrator; lives in the folder that is removed with the process. */
  readonly token: string;
}

function etcdArgs({ folder, client, peer }: Place): string[] {
  const [clientUrl, peerUrl] = [client, peer].map((port) => `http://127.0.0.1:${port}`);
  return [
    '--name=test',
    `--data-dir=${path.join(folder, 'etcd')}`,
    '--unsafe-no-fsync',
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=test=${peerUrl}`,
    '--log-level=warn',
  ];
}

function apiServerArgs({ folder, client, secure }: Place): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${client}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--secure-port=${secure}`,
    // Makes a certificate for 127.0.0.1 that signs itself.
    `--cert-dir=${path.join(folder, 'certs')}`,
    `--token-auth-file=${path.join(folder, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${path.join(folder, 'sa.pub')}`,
    `--service-account-signing-key-file=${path.join(folder, 'sa.key')}`,
    '--service-cluster-ip-range=10.66.0.0/16',
    '--allow-privileged=true',
    '--profiling=false',
  ];
}

function controllerManagerArgs({ folder }: Place, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--secure-port=0',
    '--leader-elect=false',
    `--service-account-private-key-file=${path.join(folder, 'sa.key')}`,
  ];
}

function writeCredentials({ folder, token }: Place): void {
  mkdirSync(path.join(folder, 'certs'));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const mode = 0o600;
  writeFileSync(
    path.join(folder, 'sa.key'),
    privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    { mode },
  );
  writeFileSync(
    path.join(folder, 'sa.pub'),
    publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  );
  writeFileSync(path.join(folder, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`, {
    mode,
  });
}

function kubeconfigFor({ folder, secure, token }: Place): unknown {
  const certificate = readFileSync(path.join(folder, 'certs/apiserver.crt')).toString('base64');
  const server = `https://127.0.0.1:${secure}`;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': certificate } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
  };
}

const setpriv = '/usr/bin/setpriv';

/** Output goes to a file beside the data, where a failed start is explained from. */
function launch(program: string, args: readonly string[], folder: string, name: string): void {
  const log = openSync(path.join(folder, `${name}.log`), 'a');
  // A test run that is killed outright takes its servers along where the kernel can be asked to.
  const wrapped = existsSync(setpriv)
    ? [setpriv, '--pdeathsig', 'KILL', program, ...args]
    : [program, ...args];
  const [command = program, ...rest] = wrapped;
  const child = spawn(command, rest, { stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

async function untilWritten(file: string): Promise<void> {
  const isThere = async () => existsSync(file) && readFileSync(file, 'utf8').trim() !== '';
  await waitFor('the certificate of the API server', isThere, readyLimitMs, {
    hint: lastLines(path.join(path.dirname(file), '..')),
  });
}

/** The namespace `default` is made last, by the API server itself. */
async function untilReady(cluster: Cluster, folder: string): Promise<void> {
  const kind = { group: '', version: 'v1', kind: 'Namespace' };
  const reference = { kind, namespace: '', name: 'default' };
  const isThere = () => cluster.find(reference, AbortSignal.timeout(readyLimitMs));
  await waitFor('the API server', isThere, readyLimitMs, { hint: lastLines(folder) });
}

function lastLines(folder: string): string {
  return `read ${path.join(folder, 'kube-apiserver.log')} and etcd.log beside it`;
}

async function freePorts(count: 3): Promise<readonly [number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const [one = 0, two = 0, three = 0] = ports;
  return [one, two, three];
}
