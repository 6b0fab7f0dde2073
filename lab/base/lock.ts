/**
 * A lock held by one process on this machine, as a file that names its owner. A lock whose owner has
 * died (its pid is gone or belongs to a process started later) is taken over.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

interface Owner {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since boot at which the process began. */
  readonly startTime: string;
  readonly what: string;
}

export interface LockOptions {
  /** What the holder does, shown to those who wait. */
  readonly what: string;
  /** Called once when the lock is held by somebody else. */
  readonly onWait?: (holder: string) => void;
  readonly signal?: AbortSignal;
}

const retryIntervalMs = 200;

/** Waits for the lock; give it back with `await using` or `[Symbol.dispose]`. */
export async function acquireLock(file: string, options: LockOptions): Promise<Disposable> {
  mkdirSync(path.dirname(file), { recursive: true });
  const me: Owner = {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    what: options.what,
  };
  const mine = `${file}.${process.pid}.${performance.now()}`;
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (tryTake(file, mine, me)) return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
    const owner = readOwner(file);
    if (owner === undefined) continue;
    if (startTimeOf(owner.pid) !== owner.startTime) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) options.onWait?.(`${owner.what} (process ${owner.pid})`);
    told = true;
    await delay(
      retryIntervalMs,
      undefined,
      options.signal === undefined ? {} : { signal: options.signal },
    );
  }
}

/** link(2) fails when the name exists, and the owner's text is there from the first moment. */
function tryTake(file: string, mine: string, me: Owner): boolean {
  writeFileSync(mine, JSON.stringify(me));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined when no such process runs. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
