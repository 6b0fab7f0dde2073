/**
 * The applications we know, each with how it chooses its database. A row = a test
 * (`test/unit/policies/applications.spec.ts`). The configuration of the policy can add rows, which
 * are looked at first.
 */
import type { Application, DatabaseKind } from './application.ts';
import { developmentApplications } from './development.ts';
import { documentApplications } from './documents.ts';
import { homeApplications } from './home.ts';
import { mediaApplications } from './media.ts';
import { operationsApplications } from './operations.ts';
import { type Fields, listAt, textAt, textsAt } from '../model/value.ts';

export const applications: readonly Application[] = [
  ...developmentApplications,
  ...documentApplications,
  ...homeApplications,
  ...mediaApplications,
  ...operationsApplications,
];

/** Rows from the configuration; the engine has checked their shape against the schema. */
export function configuredApplications(config: Fields): readonly Application[] {
  return listAt(config, 'applications').map((row) => {
    const serverHint = textAt(row, 'serverHint');
    return {
      name: textAt(row, 'name') ?? 'an application',
      images: textsAt(row, 'images'),
      selectors: [{ by: 'value', names: textsAt(row, 'variables') }],
      byDefault: (textAt(row, 'byDefault') ?? 'sqlite') as DatabaseKind | 'undecided',
      files: textsAt(row, 'files'),
      ...(serverHint === undefined ? {} : { serverHint }),
      source: 'configuration of the policy',
    };
  });
}

export const configuredApplicationsSchema = {
  type: 'array' as const,
  description: 'Applications that the table does not know; looked at first.',
  items: {
    type: 'object' as const,
    required: ['name', 'images'],
    additionalProperties: false,
    properties: {
      name: { type: 'string' as const },
      images: {
        type: 'array' as const,
        items: { type: 'string' as const },
        description: 'publisher/name, name (official image) or */name',
      },
      variables: {
        type: 'array' as const,
        items: { type: 'string' as const },
        description: 'Variables whose value (a word or a URL) names the database.',
      },
      byDefault: {
        type: 'string' as const,
        enum: ['sqlite', 'file', 'postgres', 'mysql', 'memory', 'server', 'undecided'],
      },
      files: { type: 'array' as const, items: { type: 'string' as const } },
      serverHint: { type: 'string' as const },
    },
  },
};
