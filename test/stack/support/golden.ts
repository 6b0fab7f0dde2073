/**
 * Golden files: what the program declares, as text that a reviewer reads in a diff.
 *
 * One block a resource, sorted by URN: its options first, then its inputs as YAML. Scripts, alert
 * rules and dashboards stand as their length and digest: they have files and tests of their own.
 * `UPDATE_GOLDEN=1` writes the file anew.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { ProgramRun, Recorded, RecordedOptions } from './record.ts';

const linesShownMax = 8;
const jsonLinesShownMax = 60;

export function renderRun(run: ProgramRun): string {
  const outputs = `outputs\n${indent(stringify(run.outputs, { lineWidth: 0 }))}`;
  return `${[...run.resources.map(renderResource), outputs].join('\n')}`;
}

function renderResource(resource: Recorded): string {
  const options = describeOptions(resource.options);
  const head = [resource.urn.replace(/^urn:pulumi:[^:]+::[^:]+::/, ''), ...options].join('\n  ');
  const inputs = stringify(shorten(resource.inputs), { lineWidth: 0, sortMapEntries: true });
  return `${head}\n${indent(inputs)}`;
}

function describeOptions(options: RecordedOptions): string[] {
  const flags = [
    options.protect ? 'protected' : '',
    options.retainOnDelete ? 'kept on delete' : '',
    options.deleteBeforeReplace ? 'deleted before it is replaced' : '',
  ].filter((flag) => flag !== '');
  const lists = [
    ['provider', [options.provider].filter((name) => name !== '')],
    ['after', options.dependsOn],
    ['ignores changes of', options.ignoreChanges],
    ['replaced on changes of', options.replaceOnChanges],
  ] as const;
  return [
    ...(flags.length === 0 ? [] : [`- ${flags.join(', ')}`]),
    ...lists.flatMap(([title, names]) =>
      names.length === 0 ? [] : [`- ${title}: ${names.join(', ')}`],
    ),
  ];
}

function shorten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shorten);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner)]));
  if (typeof value !== 'string') return value;
  const lines = value.split('\n').length;
  const isJson = value.startsWith('{');
  if (lines <= linesShownMax || (isJson && lines <= jsonLinesShownMax)) return value;
  const digest = createHash('sha256').update(value).digest('hex').slice(0, 12);
  return `(a ${isJson ? 'document' : 'script'} of ${lines} lines, sha256 ${digest})`;
}

const indent = (text: string) => text.replaceAll(/^(?=.)/gm, '    ');

export function assertGolden(name: string, text: string): void {
  const file = path.join(import.meta.dirname, '../golden', `${name}.txt`);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  assert.ok(existsSync(file), `${file} is missing: run with UPDATE_GOLDEN=1 and read what it says`);
  assert.equal(
    text,
    readFileSync(file, 'utf8'),
    `what the program declares differs from golden/${name}.txt; if that is meant, run with UPDATE_GOLDEN=1 and commit the difference`,
  );
}
