/**
 * Runs in a pod, by Node 24: every repository of a Gitea server is pushed to another server as
 * well. Repositories that came since the last run get their mirror; one that fails or lags fails
 * the job, with all names at once.
 *
 * In: GITEA_URL, GITEA_USER, GITEA_PASSWORD (an administrator); REMOTE_URL, REMOTE_OWNER,
 * REMOTE_TOKEN (the other server, Gitea or Forgejo); MAX_AGE_HOURS, after which a mirror lags.
 *
 * A mirror follows: what is deleted here is deleted there. It is a copy for the day on which this
 * server is gone, not a backup.
 */
const env = (name: string): string => {
  const value = process.env[name] ?? '';
  if (value === '') throw new Error(`${name} is not set`);
  return value;
};

const home = env('GITEA_URL');
const remote = env('REMOTE_URL').replace(/\/$/, '');
const owner = env('REMOTE_OWNER');
const token = env('REMOTE_TOKEN');
const maxAgeMs = Number(env('MAX_AGE_HOURS')) * 3_600_000;
const atHome = {
  Authorization: `Basic ${Buffer.from(`${env('GITEA_USER')}:${env('GITEA_PASSWORD')}`).toString('base64')}`,
};
const atRemote = { Authorization: `token ${token}` };
const pageSize = 50;

interface Repository {
  readonly full_name: string;
  readonly empty: boolean;
  readonly created_at: string;
}

interface Mirror {
  readonly remote_address: string;
  readonly last_update: string | null;
  readonly last_error: string;
}

/** @returns the answer, or undefined when there is no such thing */
async function ask<T>(
  base: string,
  path: string,
  headers: Record<string, string>,
  body?: object,
): Promise<T | undefined> {
  const answer = await fetch(`${base}/api/v1${path}`, {
    headers: { ...headers, 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(60_000),
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  if (answer.status === 404) return undefined;
  const text = await answer.text();
  if (!answer.ok)
    throw new Error(`${path} of ${base} answered ${answer.status}: ${text.slice(0, 200)}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}

async function repositories(): Promise<Repository[]> {
  const all: Repository[] = [];
  for (let page = 1; ; page += 1) {
    const path = `/repos/search?limit=${pageSize}&page=${page}`;
    const found = (await ask<{ data: Repository[] }>(home, path, atHome))?.data ?? [];
    all.push(...found);
    if (found.length < pageSize) return all;
  }
}

/** Names of owners never hold two dashes in a row, so no two repositories share one. */
const remoteName = (name: string): string => name.replace('/', '--');

async function mirror(repository: Repository): Promise<string> {
  const name = remoteName(repository.full_name);
  if ((await ask(remote, `/repos/${owner}/${name}`, atRemote)) === undefined) {
    const wanted = { name, private: true, auto_init: false };
    const made =
      (await ask(remote, `/orgs/${owner}/repos`, atRemote, wanted)) ??
      (await ask(remote, '/user/repos', atRemote, wanted));
    if (made === undefined) throw new Error(`${owner} at ${remote} takes no new repository`);
  }
  const address = `${remote}/${owner}/${name}.git`;
  const path = `/repos/${repository.full_name}/push_mirrors`;
  const mirrors = (await ask<Mirror[]>(home, path, atHome)) ?? [];
  const existing = mirrors.find(({ remote_address: to }) => to === address);
  if (existing === undefined) {
    await ask(home, path, atHome, {
      remote_address: address,
      remote_username: owner,
      remote_password: token,
      interval: '8h0m0s',
      sync_on_commit: true,
    });
    await ask(home, `${path}-sync`, atHome, {});
    return 'new';
  }
  if (existing.last_error !== '') throw new Error(existing.last_error);
  const since = existing.last_update ?? repository.created_at;
  if (Date.now() - Date.parse(since) > maxAgeMs) throw new Error(`not pushed since ${since}`);
  return 'follows';
}

const failures: string[] = [];
const counts = { new: 0, follows: 0 };
for (const repository of await repositories()) {
  // Nothing to push yet; the next run comes.
  if (repository.empty) continue;
  try {
    counts[(await mirror(repository)) as keyof typeof counts] += 1;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    failures.push(`${repository.full_name}: ${reason.replaceAll(token, '(token)')}`);
  }
}
console.log(`${counts.follows} repositories follow, ${counts.new} are new`);
if (failures.length > 0) {
  console.error(`REFUSED: ${failures.length} are not mirrored:\n${failures.join('\n')}`);
  process.exitCode = 1;
}
