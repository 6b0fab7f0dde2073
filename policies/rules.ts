/** Every rule of the pack, in the order of `docs/policies.md`. */
import type { Rule } from './rule.ts';
import { imagesPinned } from './rules/images-pinned.ts';
import { postgresOverSqlite } from './rules/postgres-over-sqlite.ts';
import { volumesProtected } from './rules/volumes-protected.ts';

export const rules: readonly Rule[] = [postgresOverSqlite, volumesProtected, imagesPinned];
