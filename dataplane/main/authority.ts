/**
 * Makes the certificates of a data plane without Kubernetes:
 *
 *     node dataplane/main/authority.ts <directory>
 *     node dataplane/main/authority.ts <directory> replica <name> [--days 825]
 *     node dataplane/main/authority.ts <directory> engine <name> [--days 825]
 *
 * The first makes the authority (`authority.crt`, `authority.key`), the others `<name>.crt` and
 * `<name>.key`. Keys are readable by their owner only, and no file is ever written over. Keep
 * `authority.key` on no storage node: whoever has it is everybody.
 */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Fault } from '../base/fault.ts';
import { type Issued, issue, makeAuthority, type Part, validFor } from '../host/authority.ts';
import { reporting } from './program.ts';

const usage =
  'node dataplane/main/authority.ts <directory> [replica|engine <name>] [--days <number>]';
const authorityDays = 3650;
const daysMax = authorityDays;

interface Wanted {
  readonly directory: string;
  /** Undefined: the authority itself. */
  readonly subject: { readonly name: string; readonly part: Part } | undefined;
  readonly days: number;
}

function wanted(): Wanted {
  const { positionals, values } = parsed();
  const [directory, part, name, ...rest] = positionals;
  const problems: string[] = [];
  if (directory === undefined) problems.push('no directory was named');
  if (part !== undefined && part !== 'replica' && part !== 'engine') {
    problems.push(`"${part}" is neither replica nor engine`);
  }
  if (part !== undefined && !/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name ?? '')) {
    problems.push(`"${name ?? ''}" is not a name: lower-case letters, digits, - and .`);
  }
  if (rest.length > 0) problems.push(`"${rest.join(' ')}" is too much`);
  const days = Number(values.days ?? '825');
  if (!Number.isInteger(days) || days < 1 || days > daysMax) {
    problems.push(`--days is a whole number from 1 to ${daysMax}, found "${values.days}"`);
  }
  if (directory === undefined || problems.length > 0) {
    throw new Fault('input.invalid', `Nothing was made: ${problems.join('; ')}.`, { hint: usage });
  }
  if (part === undefined || name === undefined) return { directory, subject: undefined, days };
  return { directory, subject: { name, part: part === 'engine' ? part : 'replica' }, days };
}

function parsed() {
  try {
    return parseArgs({ allowPositionals: true, options: { days: { type: 'string' } } });
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new Fault('input.invalid', found, { hint: usage, cause: error });
  }
}

async function main(): Promise<void> {
  const { directory, subject, days } = wanted();
  if (subject === undefined) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await save(directory, 'authority', await makeAuthority(validFor(authorityDays)));
    return;
  }
  const authority = await load(directory);
  await save(directory, subject.name, await issue(authority, subject, validFor(days)));
}

async function load(directory: string): Promise<Issued> {
  const file = path.join(directory, 'authority.key');
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new Fault(
        'input.invalid',
        `${file} may be read by others (mode ${mode.toString(8)}).`,
        {
          hint: `chmod 600 ${file}, and think of who may have a copy.`,
        },
      );
    }
    const [key, certificate] = await Promise.all([
      readFile(file, 'utf8'),
      readFile(path.join(directory, 'authority.crt'), 'utf8'),
    ]);
    return { key, certificate };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('input.invalid', `There is no authority in ${directory}: ${String(error)}`, {
      hint: `Make one first: node dataplane/main/authority.ts ${directory}`,
      cause: error,
    });
  }
}

async function save(directory: string, name: string, issued: Issued): Promise<void> {
  const [key, certificate] = ['key', 'crt'].map((kind) => path.join(directory, `${name}.${kind}`));
  if (key === undefined || certificate === undefined) return;
  try {
    await writeFile(key, issued.key, { mode: 0o600, flag: 'wx' });
    await chmod(key, 0o600);
    await writeFile(certificate, issued.certificate, { flag: 'wx' });
  } catch (error) {
    throw new Fault('input.invalid', `${name} was not written: ${String(error)}`, {
      hint: 'Choose another name or directory; what is there is never written over.',
      cause: error,
    });
  }
  process.stdout.write(`wrote ${certificate} and ${key}\n`);
}

await reporting(main);
