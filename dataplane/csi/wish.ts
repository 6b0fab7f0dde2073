/**
 * From a CreateVolume request to what is wanted, or to all that is wrong with it. The parameters
 * are those of the StorageClass: its author is told every mistake at once.
 */
import { limits } from '../base/limits.ts';
import type { VolumeSpec } from '../control/objects.ts';
import { contentOf, problemOf, serves } from './capability.ts';
import type { CreateVolumeRequest, VolumeCapability } from './messages.ts';
import { Refusal } from './refusal.ts';

const blockBytes = 4096;
const sizeBytesMin = 4 * 2 ** 20;
const sizeBytesDefault = 2 ** 30;
export const sizeBytesMax = limits.volumeBytesMax;

/** Handed on by the provisioner for people to read; they decide nothing. */
const foreign = 'csi.storage.k8s.io/';
const known = ['copies', 'diskTags', 'spread'] as const;

/** What a volume begins with, when it does not begin empty. */
type Beginning = Pick<VolumeSpec, 'sizeBytes' | 'content' | 'source'>;

/** @param from what the request's source is, found by the caller */
export function specOf(request: CreateVolumeRequest, from?: Beginning): VolumeSpec {
  if (request.name === '') throw new Refusal('INVALID_ARGUMENT', 'The volume has no name.');
  if (request.volumeCapabilities.length === 0) {
    throw new Refusal('INVALID_ARGUMENT', 'The request names no capability.');
  }
  const problems = [
    ...request.volumeCapabilities.flatMap((capability) => problemOf(capability) ?? []),
    ...parameterProblems(request.parameters),
  ];
  if (Object.keys(request.mutableParameters).length > 0) {
    problems.push('Volumes have no parameters that can be changed later.');
  }
  const [first] = request.volumeCapabilities;
  if (problems.length > 0 || first === undefined) {
    throw new Refusal('INVALID_ARGUMENT', problems.join(' '));
  }
  const own = classOf(request.parameters);
  if (from === undefined) {
    return { ...own, sizeBytes: sizeOf(request), content: contentOf(first) };
  }
  if (!request.volumeCapabilities.every((capability) => serves(from.content, capability))) {
    const message = `The source holds ${from.content}; a volume made from it holds the same.`;
    throw new Refusal('INVALID_ARGUMENT', message);
  }
  const { source, content } = from;
  return { ...own, sizeBytes: sizeFrom(request, from.sizeBytes), content, source };
}

/** At least as large as its source. */
function sizeFrom({ capacityRange }: CreateVolumeRequest, sourceBytes: number): number {
  const { requiredBytes = 0, limitBytes = 0 } = capacityRange ?? {};
  if (requiredBytes > 0 && requiredBytes < sourceBytes) {
    throw new Refusal(
      'OUT_OF_RANGE',
      `${requiredBytes} bytes were asked for; the source has ${sourceBytes}, and so must what is made from it.`,
    );
  }
  return sizeOf({
    capacityRange: { requiredBytes: Math.max(requiredBytes, sourceBytes), limitBytes },
  });
}

/** What a class asks for; only for parameters without problems. */
export function classOf(
  parameters: Readonly<Record<string, string>>,
): Pick<VolumeSpec, 'copies' | 'diskTags' | 'spread'> {
  return {
    copies: Number(parameters['copies'] ?? '2'),
    diskTags: tagsOf(parameters['diskTags'] ?? ''),
    spread: parameters['spread'] === 'zone' ? 'zone' : 'node',
  };
}

export function parameterProblems(parameters: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  for (const [key, value] of Object.entries(parameters)) {
    if (key.startsWith(foreign)) continue;
    if (key === 'copies') {
      if (!/^[1-3]$/.test(value)) problems.push(`copies: found "${value}", expected 1, 2 or 3.`);
    } else if (key === 'spread') {
      if (value !== 'node' && value !== 'zone')
        problems.push(`spread: found "${value}", expected node or zone.`);
    } else if (key === 'diskTags') {
      const bad = tagsOf(value).filter((tag) => !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(tag));
      if (bad.length > 0) problems.push(`diskTags: "${bad.join('", "')}" cannot be a tag.`);
    } else {
      problems.push(`${key}: unknown parameter; expected ${known.join(', ')}.`);
    }
  }
  return problems;
}

function tagsOf(value: string): string[] {
  return value
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

/** Whole blocks, at least what is required. Throws `OUT_OF_RANGE` when no size is in the range. */
export function sizeOf({ capacityRange }: Pick<CreateVolumeRequest, 'capacityRange'>): number {
  const required = capacityRange?.requiredBytes ?? 0;
  const limit = capacityRange?.limitBytes ?? 0;
  const wanted = required > 0 ? Math.max(required, sizeBytesMin) : sizeBytesDefault;
  const whole = Math.ceil(wanted / blockBytes) * blockBytes;
  const size = required === 0 && limit > 0 ? Math.min(whole, limit - (limit % blockBytes)) : whole;
  if (size > sizeBytesMax || (limit > 0 && size > limit) || size < sizeBytesMin) {
    throw new Refusal(
      'OUT_OF_RANGE',
      `The size ${required} (limit ${limit}) cannot be met: volumes have ${sizeBytesMin} to ${sizeBytesMax} bytes, in steps of ${blockBytes}.`,
    );
  }
  return size;
}

/** Whether an existing volume is what the request asks for. */
export function sameVolume(
  existing: VolumeSpec,
  wanted: VolumeSpec,
  request: CreateVolumeRequest,
): boolean {
  const limit = request.capacityRange?.limitBytes ?? 0;
  const required = request.capacityRange?.requiredBytes ?? 0;
  return (
    existing.sizeBytes >= Math.max(required, 1) &&
    (limit === 0 || existing.sizeBytes <= limit) &&
    (required === 0 || existing.sizeBytes === wanted.sizeBytes) &&
    existing.content === wanted.content &&
    sameSource(existing.source, wanted.source) &&
    existing.copies === wanted.copies &&
    existing.spread === wanted.spread &&
    existing.diskTags.join() === wanted.diskTags.join()
  );
}

/** A copy of a volume is cut under a name of its own each time that it is asked for. */
function sameSource(a: VolumeSpec['source'], b: VolumeSpec['source']): boolean {
  return (
    a?.volume === b?.volume &&
    a?.snapshot.startsWith('s-') === b?.snapshot.startsWith('s-') &&
    (a?.snapshot.startsWith('s-') !== true || a.snapshot === b?.snapshot)
  );
}

export function refuseCapabilities(capabilities: readonly VolumeCapability[]): void {
  if (capabilities.length === 0) {
    throw new Refusal('INVALID_ARGUMENT', 'The request names no capability.');
  }
}
