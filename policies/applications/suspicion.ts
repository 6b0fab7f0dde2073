/** Signs of SQLite in the settings of an image that the table does not know. */
import { settingsOf } from '../model/environment.ts';
import type { Place } from './database-choice.ts';
import { databaseKindOf } from './database-kind.ts';

const telling = /(^|_)(SQLITE|DB_FILE|DB_PATH|DATABASE_PATH|DATABASE_FILE)/i;
const urlLike = /(^|_)(DATABASE|DB)(_|$)|_DSN$|DATABASE_URL/i;

/** The variable that speaks of SQLite, or undefined. */
export function suspectedFile(place: Place): { readonly variable: string } | undefined {
  const settings = settingsOf(place.world, place.workload, place.container);
  return settings.find(({ variable, ...setting }) => {
    const kind = setting.kind === 'known' ? databaseKindOf(setting.value) : undefined;
    if (telling.test(variable)) return kind === undefined || kind === 'sqlite';
    return urlLike.test(variable) && kind === 'sqlite';
  });
}
