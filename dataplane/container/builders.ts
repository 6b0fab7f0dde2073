/**
 * The programs that can build from a Containerfile and push, and how each is asked. Told apart by
 * whether they answer, not by whether they are installed: a docker without its daemon builds
 * nothing.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../base/fault.ts';

/** Runs a program to its end; a program that is not there ends with 127. */
export type Run = (
  program: string,
  args: readonly string[],
) => Promise<{ readonly code: number; readonly output: string }>;

export interface Builder {
  readonly program: string;
  /** Whether it can build here. */
  readonly answers: readonly string[];
  readonly build: (reference: string, folder: string) => readonly string[];
  /** `digestFile` is written by those that know how. */
  readonly push: (reference: string, digestFile: string) => readonly string[];
  /** Prints the digest in the registry, after a pull, or after a push where that wrote no file. */
  readonly digest: (reference: string) => readonly string[];
}

const build = (reference: string, folder: string) => [
  'build',
  '--file',
  path.join(folder, 'Containerfile'),
  '--tag',
  reference,
  folder,
];
const inspected = (format: string) => (reference: string) => [
  'image',
  'inspect',
  '--format',
  format,
  reference,
];
const push = (reference: string) => ['push', reference];
const pushWithFile = (reference: string, digestFile: string) => [
  'push',
  '--digestfile',
  digestFile,
  reference,
];

export const builders: readonly Builder[] = [
  {
    program: 'docker',
    answers: ['version', '--format', '{{.Server.Version}}'],
    build,
    push,
    digest: inspected('{{index .RepoDigests 0}}'),
  },
  {
    program: 'podman',
    answers: ['info'],
    build,
    push: pushWithFile,
    digest: inspected('{{.Digest}}'),
  },
  {
    program: 'nerdctl',
    answers: ['info'],
    build,
    push,
    digest: inspected('{{index .RepoDigests 0}}'),
  },
  {
    program: 'buildah',
    answers: ['info'],
    build,
    push: pushWithFile,
    digest: (reference) => ['inspect', '--format', '{{.FromImageDigest}}', reference],
  },
];

const digestPattern = /sha256:[0-9a-f]{64}/;

/**
 * The digest of what the registry then holds under the reference. Builds only what it does not
 * hold. Rejects with `input.invalid` when nothing can build here.
 */
export async function buildWith(
  known: readonly Builder[],
  image: { readonly reference: string; readonly folder: string; readonly fill: () => void },
  run: Run,
): Promise<string> {
  const { reference, folder, fill } = image;
  const builder = await firstThatAnswers(known, run);
  const { program } = builder;
  if ((await run(program, ['pull', reference])).code !== 0) {
    fill();
    await successful(program, builder.build(reference, folder), run);
    await successful(program, builder.push(reference, path.join(folder, 'digest')), run);
  }
  const written = fileText(path.join(folder, 'digest'));
  const named = written ?? (await successful(program, builder.digest(reference), run));
  const digest = digestPattern.exec(named)?.[0];
  if (digest !== undefined) return digest;
  throw new Fault('input.invalid', `${program} names no digest of ${reference}.`, {
    hint: 'Give it yourself: larder:images.dataplane.',
  });
}

async function firstThatAnswers(known: readonly Builder[], run: Run): Promise<Builder> {
  const tried: string[] = [];
  for (const builder of known) {
    const { code, output } = await run(builder.program, builder.answers);
    if (code === 0) return builder;
    const why = code === 127 ? 'is not installed' : (output.trim().split('\n').at(-1) ?? '');
    tried.push(`${builder.program}: ${why}`);
  }
  throw new Fault('input.invalid', `Nothing here can build an image:\n  ${tried.join('\n  ')}`, {
    hint: 'Start or install one of them, or name a finished image: larder:images.dataplane.',
  });
}

async function successful(program: string, args: readonly string[], run: Run): Promise<string> {
  const { code, output } = await run(program, args);
  if (code === 0) return output;
  const last = output.trim().split('\n').slice(-12).join('\n');
  throw new Fault('input.invalid', `${program} ${args[0]} failed with ${code}:\n${last}`, {
    hint: 'For a push that is refused: log in to the registry with the same program.',
  });
}

function fileText(name: string): string | undefined {
  try {
    return readFileSync(name, 'utf8');
  } catch {
    return undefined;
  }
}
