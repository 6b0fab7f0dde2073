/** How the controller's CSI services change a volume, and what they say when they cannot. */
import type { VolumeObject, VolumeSpec, VolumeStatus } from '../control/objects.ts';
import { Refusal } from '../csi/refusal.ts';
import type { Clock } from '../ports/clock.ts';
import type { Objects } from '../ports/objects.ts';

const lookMs = 150;
/** On an object: the name by which it was asked for. */
export const requestedName = 'larder.dev/requested-name';
/** Attempts at a change that others keep coming before. */
const attemptsMax = 8;

/** Reads, decides, writes; again when somebody came before. `undefined`: nothing to write. */
export async function changeStatus(
  { volumes }: Objects,
  name: string,
  decide: (volume: VolumeObject) => Promise<VolumeStatus | undefined>,
): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const volume = await volumes.get(name);
    if (volume === undefined) throw unknown(name);
    const status = await decide(volume);
    if (status === undefined) return;
    const outcome = await volumes.putStatus({ ...volume, status });
    if (outcome.kind === 'written') return;
    if (outcome.kind === 'refused') throw new Refusal('INTERNAL', outcome.message);
  }
  throw again(name);
}

/** As `changeStatus`, of the spec; a text is why it cannot be. */
export async function changeSpec(
  { volumes }: Objects,
  name: string,
  decide: (volume: VolumeObject) => VolumeSpec | string | undefined,
): Promise<void> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const volume = await volumes.get(name);
    if (volume === undefined) throw unknown(name);
    const spec = decide(volume);
    if (spec === undefined) return;
    if (typeof spec === 'string') throw new Refusal('RESOURCE_EXHAUSTED', `${spec}.`);
    const outcome = await volumes.put({ ...volume, spec });
    if (outcome.kind === 'written') return;
    if (outcome.kind === 'refused') throw new Refusal('INTERNAL', outcome.message);
  }
  throw again(name);
}

/** False when it is not so after that time. */
export async function waitUntil(
  clock: Clock,
  forMs: number,
  ready: () => Promise<boolean>,
): Promise<boolean> {
  const endMs = clock.nowMs() + forMs;
  while (!(await ready())) {
    if (clock.nowMs() >= endMs) return false;
    await new Promise<void>((resolve) => {
      clock.after(lookMs, resolve);
    });
  }
  return true;
}

export function required(field: string, value: string): void {
  if (value === '') throw new Refusal('INVALID_ARGUMENT', `The request has no ${field}.`);
}

export function unknown(name: string): Refusal {
  return new Refusal('NOT_FOUND', `There is no volume ${name}.`);
}

export function again(name: string): Refusal {
  return new Refusal('ABORTED', `The volume ${name} is being changed by others; ask again.`);
}
