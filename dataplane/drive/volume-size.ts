/** How large a volume that is attached here is, and shall be: its engine makes it so. */
import type { VolumeObject } from '../control/objects.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Attacher } from '../ports/mounts.ts';
import type { Objects } from '../ports/objects.ts';

interface SizePorts {
  readonly objects: Objects;
  readonly clock: Clock;
}

/** The engine grows within a second when all copies are there; a member may just be dying. */
const growMs = 15_000;
/** How long a pod waits for a growth that is on its way. */
const fitMs = 5_000;
const lookMs = 200;

/** The size that it has, which may be less than it shall have. */
export function sizeOf({ spec, status }: VolumeObject): number {
  return status.record?.sizeBytes ?? spec.sizeBytes;
}

/** A volume that grew while nobody used it gets its size now; it is used in any case. */
export async function fit(
  ports: SizePorts & { readonly attacher: Attacher; readonly log: Log },
  volume: VolumeObject,
): Promise<void> {
  const { name } = volume.metadata;
  const { sizeBytes } = volume.spec;
  if (sizeOf(volume) >= sizeBytes) return;
  const grownBytes = await grownSize(ports, name, sizeBytes, fitMs);
  await ports.attacher.resize(name, grownBytes);
  if (grownBytes < sizeBytes) {
    ports.log.warn('is used before it has grown', { volume: name, sizeBytes, grownBytes });
  }
}

/** The size that the engine has made, when it is the wanted one or time is up. */
export async function grownSize(
  { clock, objects }: SizePorts,
  name: string,
  wantedBytes: number,
  forMs = growMs,
): Promise<number> {
  const endMs = clock.nowMs() + forMs;
  for (;;) {
    const sizeBytes = (await objects.volumes.get(name))?.status.record?.sizeBytes ?? 0;
    if (sizeBytes >= wantedBytes || clock.nowMs() >= endMs) return sizeBytes;
    await new Promise<void>((resolve) => {
      clock.after(lookMs, resolve);
    });
  }
}
