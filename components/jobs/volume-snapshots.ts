/**
 * Runs in a pod, by Node 24: takes a snapshot of every volume that is named, waits until each is
 * ready, then lets the oldest ones go. What fails is said with all names at once, and fails the
 * job.
 *
 * In: VOLUMES (JSON: claim and snapshot class of each), NAMESPACE, KEEP (how many ready ones stay,
 * three at the least), WAIT_SECONDS (for one to become ready), POLL_MS; API_URL and ACCOUNT (a
 * folder with `token` and `ca.crt`), default those of a pod.
 *
 * Promises: the newest good ones stay, three at the least, however old; one that never became ready
 * neither counts nor pushes a good one out; while the clock is behind the newest one, nothing goes;
 * snapshots that others took are not touched. Never: deletes for a volume whose new one failed.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

const env = (name: string, fallback?: string): string => {
  const value = process.env[name] ?? fallback ?? '';
  if (value === '') throw new Error(`${name} is not set`);
  return value;
};

const volumes = JSON.parse(env('VOLUMES')) as readonly {
  readonly claim: string;
  readonly class: string;
}[];
const namespace = env('NAMESPACE');
const keep = Math.max(3, Number(env('KEEP')));
const waitMs = Number(env('WAIT_SECONDS', '900')) * 1000;
const api = new URL(env('API_URL', 'https://kubernetes.default.svc'));
const account = env('ACCOUNT', '/var/run/secrets/kubernetes.io/serviceaccount');
const token = readFileSync(path.join(account, 'token'), 'utf8').trim();
const isTls = api.protocol === 'https:';
const trust = isTls ? { ca: readFileSync(path.join(account, 'ca.crt')) } : {};

const snapshots = `/apis/snapshot.storage.k8s.io/v1/namespaces/${namespace}/volumesnapshots`;
const ownLabel = 'larder.dev/snapshots';
const pollMs = Number(env('POLL_MS', '2000'));
const requestMs = 30_000;

interface Snapshot {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly status?: {
    readonly readyToUse?: boolean;
    readonly error?: { readonly message?: string };
  };
}

async function ask<T>(method: string, place: string, body?: object): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const options = { method, headers, signal: AbortSignal.timeout(requestMs), ...trust };
  const request = (isTls ? https : http).request(new URL(place, api), options, resolve);
  request.on('error', reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const response = await promise;
  const answer = JSON.parse((await text(response)) || '{}') as T & { readonly message?: string };
  if ((response.statusCode ?? 500) < 300) return answer;
  throw new Error(`the API server answered ${response.statusCode}: ${answer.message ?? ''}`);
}

/** `gitea-forge-20261121t180000z`; a second one of the same second is refused by the server. */
const nameOf = (claim: string, now: Date): string =>
  `${claim}-${now
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase()}`;

async function take(claim: string, className: string): Promise<string> {
  const name = nameOf(claim, new Date());
  await ask('POST', snapshots, {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'larder', [ownLabel]: claim } },
    spec: {
      volumeSnapshotClassName: className,
      source: { persistentVolumeClaimName: claim },
    },
  });
  return name;
}

async function untilReady(name: string): Promise<void> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const { status } = await ask<Snapshot>('GET', `${snapshots}/${name}`);
    if (status?.readyToUse === true) return;
    if (performance.now() > deadlineMs)
      throw new Error(
        `${name} is not ready after ${waitMs / 1000} s: ${status?.error?.message ?? 'its driver says nothing'}`,
      );
    await delay(pollMs);
  }
}

/** The ones that may go, and go: good ones beyond the newest, bad ones older than a good one. */
async function prune(claim: string): Promise<number> {
  const query = `?labelSelector=${encodeURIComponent(`${ownLabel}=${claim}`)}`;
  const { items } = await ask<{ readonly items: readonly Snapshot[] }>(
    'GET',
    `${snapshots}${query}`,
  );
  const takenMs = ({ metadata }: Snapshot) => Date.parse(metadata.creationTimestamp);
  const newestFirst = items.toSorted((a, b) => takenMs(b) - takenMs(a));
  const [newest] = newestFirst;
  if (newest === undefined || Date.now() < takenMs(newest)) return 0;
  const good = newestFirst.filter(({ status }) => status?.readyToUse === true);
  const kept = new Set(good.slice(0, keep));
  const newestGoodMs = good[0] === undefined ? Number.NEGATIVE_INFINITY : takenMs(good[0]);
  const leaving = newestFirst.filter((snapshot) =>
    good.includes(snapshot) ? !kept.has(snapshot) : takenMs(snapshot) < newestGoodMs,
  );
  for (const { metadata } of leaving) await ask('DELETE', `${snapshots}/${metadata.name}`);
  return leaving.length;
}

const failures: string[] = [];
let gone = 0;
await Promise.all(
  volumes.map(async ({ claim, class: className }) => {
    try {
      await untilReady(await take(claim, className));
      gone += await prune(claim);
    } catch (error) {
      failures.push(`${claim}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }),
);
console.log(`${volumes.length - failures.length} snapshots are ready, ${gone} old ones are gone`);
if (failures.length > 0) {
  console.error(
    `REFUSED: ${failures.length} volumes have no new snapshot:\n${failures.join('\n')}`,
  );
  process.exitCode = 1;
}
