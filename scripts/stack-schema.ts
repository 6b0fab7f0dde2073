/**
 * The JSON Schema of a stack file, for completion and checks in an editor. Made from the zod
 * schema, which is the truth, with the sentences of docs/configuration.md; checked in as
 * Pulumi.schema.json, and a test says when it is old. It knows shapes only: the program knows more.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { stackSchema } from '../components/config/schema.ts';

const root = path.join(import.meta.dirname, '..');

/** Where the schema is kept. */
export const stackSchemaFile: string = path.join(root, 'Pulumi.schema.json');

interface Node {
  description?: string;
  readonly properties?: Record<string, Node>;
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly required?: readonly string[];
}

/** The text of the file. */
export function stackSchemaText(): string {
  const shape = z.toJSONSchema(stackSchema, { io: 'input' }) as Node;
  const sentences = readSentences();
  const keys = Object.entries(shape.properties ?? {}).map(([key, node]) => {
    describe(node, sentences.get(key) ?? new Map(), 0);
    return [`larder:${key}`, node] as const;
  });
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A stack file of Larder (Pulumi.<stack>.yaml)',
    type: 'object',
    properties: {
      config: {
        type: 'object',
        properties: Object.fromEntries(keys),
        required: (shape.required ?? []).map((key) => `larder:${key}`),
        // Keys of Pulumi itself and of other packages.
        patternProperties: { '^(?!larder:)': {} },
        additionalProperties: false,
      },
    },
    required: ['config'],
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** Key → its meanings, those of outer tables first. */
type Sentences = ReadonlyMap<string, readonly string[]>;

/** Section → key → its meaning, from the tables of the page. */
function readSentences(): ReadonlyMap<string, Sentences> {
  const page = readFileSync(path.join(root, 'docs/configuration.md'), 'utf8');
  return new Map(
    page.split(/^## /m).flatMap((section) => {
      const [, name] = /^`larder:(\w+)`/.exec(section) ?? [];
      if (name === undefined) return [];
      const rows = [...section.matchAll(/^\| (`[^|]+`) \| [^|]* \| (.+) \|$/gm)];
      const meanings = new Map<string, string[]>();
      for (const [, keys = '', meaning = ''] of rows)
        for (const [, key = ''] of keys.matchAll(/`(\w+)`/g))
          meanings.set(key, [...(meanings.get(key) ?? []), plain(meaning)]);
      return [[name, meanings] as const];
    }),
  );
}

const plain = (markdown: string) =>
  markdown.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('`', '');

/** A key that stands in several tables of a section means what the table of its depth says. */
function describe(node: Node, sentences: Sentences, depth: number): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const meanings = sentences.get(key) ?? [];
    const sentence = meanings[Math.min(depth, meanings.length - 1)] ?? '';
    if (sentence !== '') child.description = sentence;
    describe(child, sentences, depth + 1);
  }
  for (const child of [node.items, ...(node.oneOf ?? []), ...(node.anyOf ?? [])])
    if (child !== undefined) describe(child, sentences, depth);
}
