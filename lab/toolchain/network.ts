/**
 * Is the open network there, or package registries only? Asked once a run, with a short timeout.
 */

const timeoutMs = 2000;

const answers = new Map<string, Promise<boolean>>();

/**
 * True when `url`'s server answers at all. `LARDER_OFFLINE=1` says no without asking. The first
 * answer counts for the rest of the run, so that one run never mixes both worlds.
 */
export function isReachable(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  if (env['LARDER_OFFLINE'] === '1') return Promise.resolve(false);
  const origin = new URL(url).origin;
  const answer = answers.get(origin) ?? ask(origin);
  answers.set(origin, answer);
  return answer;
}

async function ask(origin: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    await fetch(origin, { method: 'HEAD', redirect: 'manual', signal });
    return true;
  } catch {
    return false;
  }
}
